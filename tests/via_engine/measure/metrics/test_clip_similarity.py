"""CLIP figures on features whose cosines are known, and against loops over pairs."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from via_engine.measure.metrics.clip_similarity import (
    consecutive_consistency,
    direction,
    frame_consistency,
)


def at_degrees(*angles: float) -> np.ndarray:
    radians = np.radians(angles)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_three_frames_by_hand() -> None:
    features = at_degrees(0, 60, 180)
    # Pairs: cos 60 = 0.5, cos 120 = -0.5, cos 180 = -1.
    assert frame_consistency(features) == pytest.approx(-1 / 3)
    # Consecutive: 0.5 and -0.5, the latter counted as 0.
    assert consecutive_consistency(features) == pytest.approx(0.25)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 8), st.integers(0, 2**32 - 1))
def test_all_ordered_pairs_count_the_same(count: int, seed: int) -> None:
    features = np.random.default_rng(seed).normal(size=(count, 5))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    expected = np.mean([one @ two for one, two in permutations(features, 2)])
    assert frame_consistency(features) == pytest.approx(expected)


def test_a_single_frame_has_no_consistency() -> None:
    assert math.isnan(frame_consistency(at_degrees(10)))
    assert math.isnan(consecutive_consistency(at_degrees(10)))


def test_direction_is_the_cosine_of_the_changes() -> None:
    source = np.array([[1.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    edited = np.array([[1.0, 0, 2], [1, 3, 0], [0, 1, 0]])
    before, after = np.zeros(3), np.array([0, 0, 0.5])
    # Along the wanted change, across it, and no change at all.
    assert direction(source, edited, before, after) == pytest.approx((1 + 0 + 0) / 3)
    assert direction(source[:1], edited[:1], after, before) == pytest.approx(-1)


def test_equal_captions_have_no_direction() -> None:
    features = at_degrees(0, 90)
    assert math.isnan(direction(features, features[::-1], features[0], features[0]))
