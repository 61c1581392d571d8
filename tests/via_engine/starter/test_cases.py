"""Cases ask what their picture can answer, and their masks cover what the true edit changes."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from via_engine.starter.evaluation.cases import LOCAL_EDITS, Sampling, held_out_cases
from via_engine.starter.world.scene import random_scene, random_world_scene
from via_engine.starter.world.vocabulary import Edit, parse_instruction

SMALL = Sampling(width=96, height=64)


@pytest.mark.parametrize("edit", get_args(Edit))
def test_cases_of_every_form(edit: Edit) -> None:
    cases = held_out_cases(edit, 4, 3, SMALL)
    assert len({case.scene for case in cases}) == 4
    for case in cases:
        assert case.source.shape == case.truth.shape == (64, 96, 3)
        assert parse_instruction(case.text) == case.instruction
        assert (case.source != case.truth).any()
        differs = (case.source != case.truth).any(axis=2)
        assert not (differs & ~case.changed).any()
        assert (edit in LOCAL_EDITS) == bool(case.instruction.kind)
        assert case.changed.all() == (edit not in LOCAL_EDITS)


def test_the_seed_alone_decides() -> None:
    first, again = (held_out_cases("recolour", 3, 5, SMALL) for _ in range(2))
    assert [case.text for case in first] == [case.text for case in again]
    assert all(
        np.array_equal(one.truth, other.truth) for one, other in zip(first, again, strict=True)
    )
    fresh = held_out_cases("recolour", 3, 6, SMALL)
    assert not {case.scene for case in first} & {case.scene for case in fresh}


def test_no_case_is_of_a_scene_that_training_could_meet() -> None:
    held_out = {case.scene for edit in get_args(Edit) for case in held_out_cases(edit, 3, 0, SMALL)}
    trained = {draw(seed) for draw in (random_scene, random_world_scene) for seed in range(300)}
    assert not held_out & trained


def test_one_value_only_where_asked() -> None:
    cases = held_out_cases("background", 3, 0, SMALL, value="city")
    assert {case.instruction.value for case in cases} == {"city"}


def test_a_case_without_an_object_names_none() -> None:
    case = held_out_cases("time", 1, 0, SMALL)[0]
    with pytest.raises(ValueError, match="names no object"):
        _ = replace(case, text="make it night").named_index
