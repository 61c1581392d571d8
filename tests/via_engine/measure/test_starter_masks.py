"""Phrase to mask, with a grounder and a segmenter whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from via_engine.measure.starter_masks import phrase_mask, phrase_rows, segmenter_reader
from via_engine.starter.evaluation.cases import Case, Frame, Sampling, held_out_cases
from via_engine.starter.training.prompted_pictures import bounding_box

SEED = 4


@dataclass(frozen=True, kw_only=True)
class FakeBox:
    box_xyxy: tuple[float, float, float, float]
    score: float


class KnowingGrounder:
    """Finds the true box of the phrase in the frames it knows, if any, and a worse one after."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._cases = {case.source.tobytes(): case for case in cases}

    def find(self, frame: Frame, phrase: str) -> list[FakeBox]:
        case = self._cases.get(frame.tobytes())
        if case is None:
            return []
        assert phrase == case.instruction.phrase
        left, top, right, bottom = map(float, bounding_box(case.mask))
        return [
            FakeBox(box_xyxy=(left, top, right, bottom), score=0.9),
            FakeBox(box_xyxy=(0.0, 0.0, 4.0, 4.0), score=0.4),
        ]


class BoxSegmenter:
    """Answers a box with all of its pixels."""

    def segment(
        self,
        frame: Frame,
        *,
        boxes_xyxy: NDArray[np.floating] | None = None,
        points_xy: NDArray[np.floating] | None = None,
        point_labels: NDArray[np.integer] | None = None,
    ) -> NDArray[np.bool_]:
        assert boxes_xyxy is not None
        masks = np.zeros((len(boxes_xyxy), *frame.shape[:2]), np.bool_)
        for mask, (left, top, right, bottom) in zip(masks, boxes_xyxy.astype(int), strict=True):
            mask[top:bottom, left:right] = True
        return masks


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return held_out_cases("remove", 6, SEED, Sampling())


def test_the_surest_box_is_segmented(cases: list[Case]) -> None:
    mask = phrase_mask(KnowingGrounder(cases), BoxSegmenter(), cases[0])
    left, top, right, bottom = bounding_box(cases[0].mask).astype(int)
    assert mask[top:bottom, left:right].all()
    assert mask.sum() == (bottom - top) * (right - left)


def test_a_phrase_that_is_not_found_counts_as_no_overlap(cases: list[Case]) -> None:
    nothing = phrase_mask(KnowingGrounder([]), BoxSegmenter(), cases[0])
    assert nothing.shape == cases[0].mask.shape
    assert not nothing.any()
    found = next(phrase_rows(KnowingGrounder(cases), BoxSegmenter(), 6, SEED)).value
    halved = next(phrase_rows(KnowingGrounder(cases[:3]), BoxSegmenter(), 6, SEED))
    boxes = [
        case.mask.sum()
        / BoxSegmenter().segment(case.source, boxes_xyxy=bounding_box(case.mask)[None]).sum()
        for case in cases
    ]
    assert found == pytest.approx(np.mean(boxes))
    assert halved.value == pytest.approx(sum(boxes[:3]) / 6)
    assert halved.cases == 6


def test_the_segmenter_reads_changed_kinds_from_their_true_box() -> None:
    case = held_out_cases("kind", 1, SEED, Sampling())[0]
    mask = segmenter_reader(BoxSegmenter())(case, case.truth)
    assert (mask & case.mask).sum() == case.mask.sum()
    assert np.array_equal(bounding_box(mask), bounding_box(case.mask))
