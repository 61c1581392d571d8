"""The segmenter's and the grounder's share of `via bench starter`, and both of them in a row."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from via_engine.measure.rows import Bar, Row
from via_engine.measure.starter_edits import MaskReader
from via_engine.starter.evaluation.cases import Case, Frame, Mask, Sampling, held_out_cases
from via_engine.starter.evaluation.evaluate_grounder import Finder, evaluate_grounder
from via_engine.starter.evaluation.evaluate_segmenter import PromptedSegmenter, segmenter_figures
from via_engine.starter.evaluation.scores import mask_overlap
from via_engine.starter.training.prompted_pictures import bounding_box


def segmenter_rows(segmenter: PromptedSegmenter, scenes: int, seed: int) -> Iterator[Row]:
    """Mean overlap with the true visible mask, over all objects of the scenes."""
    found = segmenter_figures(segmenter, scenes, seed)
    for name, value, bar in (
        ("segmenter: from the true box", found.box_iou_mean, Bar(comparison=">=", limit=0.92)),
        ("  the same on truly edited scenes", found.edited_box_iou_mean, None),
        ("  from one click", found.click_iou_mean, None),
    ):
        yield Row(name=name, value=value, unit="IoU", bar=bar, cases=found.objects)


def grounder_rows(grounder: Finder, scenes: int, seed: int) -> Iterator[Row]:
    """How often the best box for a phrase overlaps the true one by a half or more."""
    found = evaluate_grounder(grounder, scenes, seed)
    edited = evaluate_grounder(grounder, scenes, seed, edited=True)
    for name, share, bar in (
        ("grounder: best box for the phrase", found.right, Bar(comparison=">=", limit=95)),
        ("  the same on truly edited scenes", edited.right, None),
        ("  names of absent objects found all the same", found.absent_found, None),
    ):
        yield Row(name=name, value=100 * share, unit="%", bar=bar, cases=found.cases)


def phrase_rows(
    grounder: Finder, segmenter: PromptedSegmenter, scenes: int, seed: int
) -> Iterator[Row]:
    """From the phrase to the mask; an object that is not found counts as no overlap."""
    overlaps = [
        mask_overlap(phrase_mask(grounder, segmenter, case), case.mask)
        for case in held_out_cases("remove", scenes, seed, Sampling())
    ]
    yield Row(
        name="phrase to mask",
        value=float(np.mean(overlaps)),
        unit="IoU",
        bar=Bar(comparison=">=", limit=0.85),
        cases=len(overlaps),
    )


def phrase_mask(grounder: Finder, segmenter: PromptedSegmenter, case: Case) -> Mask:
    """The mask in the best box for the object's words in the source; empty when none is found."""
    found = grounder.find(case.source, case.instruction.phrase)
    if not found:
        return np.zeros_like(case.mask)
    box = np.array([found[0].box_xyxy], np.float32)
    return np.asarray(segmenter.segment(case.source, boxes_xyxy=box)[0])


def segmenter_reader(segmenter: PromptedSegmenter) -> MaskReader:
    """Reads an object's mask in an edited frame from the box it truly has there."""

    def read(case: Case, frame: Frame) -> Mask:
        return np.asarray(segmenter.segment(frame, boxes_xyxy=bounding_box(case.mask)[None])[0])

    return read
