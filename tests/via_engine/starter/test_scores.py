"""The measures say of true frames that they are true, and of others that they are not."""

from __future__ import annotations

import numpy as np
import pytest

from via_engine.starter.evaluation.cases import Case, Frame, Sampling, held_out_cases
from via_engine.starter.evaluation.scores import (
    clear_colour,
    colour_key,
    distinct_colours,
    mask_overlap,
    median,
    nearest_colour,
    psnr,
)
from via_engine.starter.world.render import render_frame
from via_engine.starter.world.scene import colour_word, edited_scenes
from via_engine.starter.world.vocabulary import PALETTE

SAMPLING = Sampling()


def vague_truths(case: Case) -> list[Frame]:
    height, width = case.mask.shape
    return [
        render_frame(scene, case.frame, width=width, height=height)
        for scene in edited_scenes(case.scene, case.instruction)
    ]


def test_psnr_of_known_errors() -> None:
    grey = np.full((4, 6, 3), 100, np.uint8)
    off = grey + np.uint8(10)
    assert psnr(grey, off) == pytest.approx(28.1308, abs=1e-3)
    assert psnr(grey, grey) == 60
    half = np.zeros((4, 6), np.bool_)
    half[:2] = True
    mixed = np.where(half[..., None], off, grey)
    assert psnr(grey, mixed, half) == pytest.approx(28.1308, abs=1e-3)
    assert psnr(grey, mixed, ~half) == 60


def test_overlap_of_known_masks() -> None:
    first, second = np.zeros((2, 4), np.bool_), np.zeros((2, 4), np.bool_)
    assert mask_overlap(first, second) == 1
    first[:, :3] = second[:, 1:] = True
    assert mask_overlap(first, second) == 0.5
    assert np.isnan(median([]))


def test_colours_of_true_recolours_are_read_right() -> None:
    cases = held_out_cases("recolour", 60, 7, SAMPLING)
    read = [nearest_colour(case.truth, case.mask) == case.instruction.value for case in cases]
    assert np.mean(read) >= 0.98


def test_colour_key_finds_the_new_object_in_true_frames() -> None:
    cases = held_out_cases("kind", 40, 7, SAMPLING)
    overlaps = [mask_overlap(colour_key(case, case.truth), case.mask) for case in cases]
    assert np.mean(overlaps) >= 0.95
    assert min(overlaps) > 0.85


def test_colour_key_sees_that_nothing_was_changed_or_all_is_gone() -> None:
    for case in held_out_cases("kind", 12, 8, SAMPLING):
        former = colour_key(case, case.source)
        assert mask_overlap(former, case.mask) < 0.85
        gone = np.where(case.changed[..., None], np.uint8(127), case.source)
        background_only = mask_overlap(colour_key(case, gone), case.mask)
        assert background_only < 0.85


def test_true_answers_to_a_vague_recolour_are_clear() -> None:
    found: list[bool] = []
    for case in held_out_cases("vague_recolour", 12, 7, SAMPLING):
        truths = vague_truths(case)
        former = colour_word(case.scene.objects[case.named_index])
        expected = [colour for colour in PALETTE if colour != former]
        read = [clear_colour(case, frame) for frame in truths]
        found += [one == other for one, other in zip(read, expected, strict=True)]
        assert len(distinct_colours(case, truths + truths)) >= len(expected) - 1
    assert np.mean(found) >= 0.97


def test_an_unchanged_a_muddy_and_a_half_changed_object_count_for_nothing() -> None:
    for case in held_out_cases("vague_recolour", 12, 7, SAMPLING):
        assert clear_colour(case, case.source) is None
        grey = np.where(case.mask[..., None], np.uint8(120), case.source)
        assert clear_colour(case, grey) is None
        answers = vague_truths(case)
        blends = [case.source // 4 * 3 + truth // 4 for truth in answers]
        assert distinct_colours(case, [case.source, grey]) == set()
        assert len(distinct_colours(case, blends)) <= 1
