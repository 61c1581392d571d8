"""PSNR and change inside masks, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from via_engine.measure.metrics.fidelity import corner_masks, masked_psnr, mean_change, zeroed_psnr


def clip(value: int) -> np.ndarray:
    return np.full((2, 4, 5, 3), value, np.uint8)


def everywhere() -> np.ndarray:
    return np.ones((2, 4, 5), np.bool_)


def test_a_tenth_of_full_scale_apart_is_twenty_decibels() -> None:
    # 25.5 levels apart is an error of 0.1 and PSNR 20 dB; half the samples 25, half 26 apart.
    one, two = clip(100), clip(125)
    two[:, :2] = 126
    expected = -10 * math.log10((25**2 + 26**2) / 2 / 255**2)
    assert masked_psnr(one, two, everywhere()) == pytest.approx(expected)
    assert expected == pytest.approx(20, abs=0.01)


def test_only_pixels_of_the_mask_count() -> None:
    one, two = clip(10), clip(10)
    two[0, 1, 2] = 255
    where = everywhere()
    where[0, 1, 2] = False
    assert masked_psnr(one, two, where) == math.inf
    assert masked_psnr(one, two, ~where) == pytest.approx(-20 * math.log10(245 / 255))


def test_without_pixels_there_is_no_figure() -> None:
    assert math.isnan(masked_psnr(clip(1), clip(2), ~everywhere()))
    assert math.isnan(mean_change(clip(1), clip(2), ~everywhere()))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 39))
def test_zeroing_flatters_by_the_area_of_the_mask(seed: int, pixels: int) -> None:
    chance = np.random.default_rng(seed)
    one, two = chance.integers(0, 256, (2, 2, 4, 5, 3)).astype(np.uint8)
    where = np.zeros(40, np.bool_)
    where[chance.permutation(40)[:pixels]] = True
    where = where.reshape(2, 4, 5)
    flattered = zeroed_psnr(one, two, where) - masked_psnr(one, two, where)
    assert flattered == pytest.approx(10 * math.log10(40 / pixels))


def test_mean_change_counts_levels_both_ways() -> None:
    one, two = clip(100), clip(100)
    two[:, :2], two[:, 2:] = 90, 120
    assert mean_change(one, two, everywhere()) == pytest.approx(15)


def test_corners_lie_where_their_names_say() -> None:
    corners = corner_masks(1, 10, 20, share=0.2)
    assert {name: int(mask.sum()) for name, mask in corners.items()} == dict.fromkeys(corners, 8)
    assert corners["top left"][0, 0, 0]
    assert corners["top right"][0, 1, 19]
    assert corners["bottom left"][0, 9, 3]
    assert corners["bottom right"][0, 8, 16]
