from __future__ import annotations

import numpy as np
import pytest
import torch

from via_engine.errors import EditCancelledError
from via_engine.measure.roots import as_tensor, case_root, load_starter_editor, right_answers
from via_engine.method.denoising_doubt import denoising_doubts
from via_engine.method.root_score import RootPictures
from via_engine.models.instruct_pix2pix import InstructPix2PixEditor
from via_engine.starter.evaluation.cases import Case, Frame, Sampling, held_out_cases


@pytest.fixture(scope="module")
def editor() -> InstructPix2PixEditor:
    return load_starter_editor()


@pytest.fixture(scope="module")
def case() -> Case:
    return held_out_cases("recolour", 1, 4, Sampling(width=128, height=72))[0]


def doubts(editor: InstructPix2PixEditor, case: Case, frames: list[Frame]) -> list[float]:
    root = case_root(case)
    assert root.alpha is not None
    pictures = RootPictures(source=root.source, edited=as_tensor(frames), inside=root.alpha)
    return denoising_doubts(editor, case.text, pictures, lambda: None)


def test_of_changes_the_right_one_is_doubted_least(
    editor: InstructPix2PixEditor, case: Case
) -> None:
    right = right_answers(case)[0]
    half_way = np.rint((right.astype(float) + case.source) / 2).astype(np.uint8)
    inverted = np.where(case.changed[..., None], 255 - right, right)

    found = doubts(editor, case, [half_way, right, inverted])

    assert min(found) == found[1]


def test_each_edit_is_judged_by_itself(editor: InstructPix2PixEditor, case: Case) -> None:
    frames = [case.source, right_answers(case)[0], 255 - case.source, case.source, case.source]

    together = doubts(editor, case, frames)

    assert together[0] == pytest.approx(together[3], abs=1e-3) == pytest.approx(together[4], 1e-3)
    assert doubts(editor, case, frames[1:2])[0] == pytest.approx(together[1], abs=1e-3)


def test_a_mask_that_is_empty_asks_of_the_whole_picture(
    editor: InstructPix2PixEditor, case: Case
) -> None:
    source, edited = as_tensor([case.source]), as_tensor(right_answers(case))
    nowhere = torch.zeros_like(source[:, :1])

    empty, whole = (
        denoising_doubts(
            editor,
            case.text,
            RootPictures(source=source, edited=edited, inside=inside),
            lambda: None,
        )
        for inside in (nowhere, torch.ones_like(nowhere))
    )

    assert empty == whole


def test_it_stops_when_nobody_waits(editor: InstructPix2PixEditor, case: Case) -> None:
    def stop() -> None:
        raise EditCancelledError("enough")

    source = as_tensor([case.source])
    pictures = RootPictures(source=source, edited=source, inside=torch.ones_like(source[:, :1]))
    with pytest.raises(EditCancelledError):
        denoising_doubts(editor, case.text, pictures, stop)
