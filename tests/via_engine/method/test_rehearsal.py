from __future__ import annotations

import numpy as np
import pytest
import torch

from via_engine.edit_settings import Sampling
from via_engine.measure.roots import as_tensor, case_root, load_starter_editor, right_answers
from via_engine.method.adaptation import half_products
from via_engine.method.rehearsal import SEEDS, samplings, try_edits
from via_engine.models.editors import InstructPix2PixEditor
from via_engine.starter.evaluation.cases import Case, held_out_cases
from via_engine.starter.evaluation.cases import Sampling as CaseSampling
from via_engine.starter.world.vocabulary import Edit


@pytest.fixture(scope="module")
def editor() -> InstructPix2PixEditor:
    return load_starter_editor()


def values(editor: InstructPix2PixEditor, case: Case, edited: torch.Tensor) -> list[float]:
    with half_products(editor.unet):
        tried = try_edits(editor, case.text, case_root(case), edited, lambda: None)
    return tried.values(case_root(case))


def test_edits_tried_apart_are_worth_what_they_are_together(editor: InstructPix2PixEditor) -> None:
    [case] = held_out_cases("recolour", 1, seed=3, sampling=CaseSampling())
    frame = case_root(case)
    pictures = as_tensor([case.source, right_answers(case)[0]])
    first, second, both = (
        try_edits(editor, case.text, frame, edited, lambda: None)
        for edited in (pictures[:1], pictures[1:], pictures)
    )
    assert first.beside(second).values(frame) == pytest.approx(both.values(frame), rel=1e-3)


def test_what_is_rehearsed_begins_with_what_was_asked_for() -> None:
    asked = Sampling(seed=7, guidance_scale=2.0, image_guidance_scale=1.5)

    found = samplings(asked)

    assert found[0] == asked
    assert len(found) == len(set(found)) == 2 * SEEDS
    assert {one.seed for one in found} == set(range(7, 7 + SEEDS))
    assert all(1 <= one.guidance_scale <= 2.0 for one in found)
    assert all(1 <= one.image_guidance_scale <= 1.5 for one in found)


def test_without_guidance_there_is_none_to_lower() -> None:
    asked = Sampling(seed=0, guidance_scale=1.0, image_guidance_scale=1.0)

    assert len(samplings(asked)) == SEEDS
    weak = Sampling(seed=0, guidance_scale=0.5, image_guidance_scale=0.8)
    assert {one.guidance_scale for one in samplings(weak)} == {0.5}


@pytest.mark.parametrize("form", ["recolour", "vague_recolour"])
def test_a_true_edit_is_worth_more_than_one_that_stops_half_way_or_does_nothing(
    editor: InstructPix2PixEditor, form: Edit
) -> None:
    for case in held_out_cases(form, 3, seed=3, sampling=CaseSampling()):
        half = (case.source.astype(float) + right_answers(case)[0]) / 2
        pictures = as_tensor([case.source, half.astype(np.uint8), right_answers(case)[0]])

        nothing, half_way, true = values(editor, case, pictures)

        assert nothing < half_way < true
