from __future__ import annotations

import numpy as np
import pytest

from via_engine.measure.roots import (
    as_tensor,
    case_root,
    changed_part,
    right_answers,
)
from via_engine.method.root_score import as_frames
from via_engine.starter.evaluation.cases import Case, Sampling, held_out_cases
from via_engine.starter.world.vocabulary import Edit

SIZE = Sampling(width=128, height=72)


def case(edit: Edit) -> Case:
    return held_out_cases(edit, 1, 4, SIZE)[0]


@pytest.mark.parametrize("edit", ["recolour", "kind", "material", "remove", "background"])
def test_outside_the_changed_part_every_right_answer_is_the_source(edit: Edit) -> None:
    asked = case(edit)
    outside = ~changed_part(asked)

    assert outside.any()
    difference = np.abs(right_answers(asked)[0].astype(int) - asked.source)[outside]
    # A new background shines through the soft edge of objects in front, and only there.
    assert np.median(difference) == 0
    assert edit == "background" or difference.max() == 0


@pytest.mark.parametrize("edit", ["time", "style"])
def test_global_edits_change_everything(edit: Edit) -> None:
    asked = case(edit)

    assert changed_part(asked).all()
    assert case_root(asked).alpha is None


def test_a_vague_recolour_has_seven_right_answers_and_others_one() -> None:
    assert len(right_answers(case("vague_recolour"))) == 7
    assert len(right_answers(case("recolour"))) == 1


def test_frames_survive_the_way_through_tensors() -> None:
    asked = case("recolour")

    assert np.array_equal(as_frames(as_tensor([asked.source]))[0], asked.source)


def test_the_root_of_a_case_is_its_frame_with_the_true_mask() -> None:
    asked = case("recolour")
    root = case_root(asked)

    assert root.frame == asked.frame
    assert root.alpha is not None
    assert np.array_equal(root.alpha[0, 0].numpy() > 0, asked.changed)
