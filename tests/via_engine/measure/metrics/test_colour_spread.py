"""CIEDE2000 against the published test data of its authors; means, spread and majority by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from via_engine.measure.metrics.colour_spread import (
    colour_spread,
    delta_e_2000,
    majority_share,
    mean_colours,
)

# Sharma, Wu, Dalal 2005, table 1.
SHARMA = (
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, 2.8361, -74.0200), (50, 0, -82.7485), 3.4412),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
    ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (61, -5, 29), 22.8977),
    ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.2630),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
    ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
)


@pytest.mark.parametrize(("first", "second", "expected"), SHARMA)
def test_published_pairs(
    first: tuple[float, ...], second: tuple[float, ...], expected: float
) -> None:
    one, two = np.array(first, float), np.array(second, float)
    assert delta_e_2000(one, two) == pytest.approx(expected, abs=1e-4)
    assert delta_e_2000(two, one) == pytest.approx(expected, abs=1e-4)


def test_many_colours_at_once_against_one() -> None:
    colours = np.array([[50, 2.5, 0], [50, 2.5, 0], [61, -5, 29]])
    assert delta_e_2000(colours, colours[0]) == pytest.approx([0, 0, 22.8977], abs=1e-4)


def test_the_mean_colour_is_that_inside_the_mask() -> None:
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    masks = np.zeros((2, 4, 4), np.bool_)
    masks[:, 1:3, 1:3] = True
    frames[0, 1:3, 1:3] = (255, 0, 0)
    frames[1, 1:3, 1:3] = 255
    found = mean_colours(frames, masks, least_share=0.1)
    # sRGB red and white under D65, as in every table of CIE Lab values.
    assert found == pytest.approx(np.array([[53.24, 80.09, 67.20], [100, 0, 0]]), abs=0.15)


def test_frames_that_hardly_show_the_object_are_left_out() -> None:
    frames = np.zeros((3, 4, 4, 3), np.uint8)
    masks = np.zeros((3, 4, 4), np.bool_)
    masks[0], masks[1, 0, 0] = True, True
    assert mean_colours(frames, masks, least_share=0.1).shape == (1, 3)
    assert mean_colours(frames, masks[2:].repeat(3, 0), least_share=0.1).shape == (0, 3)


def test_spread_is_the_mean_distance_from_the_mean() -> None:
    # Greys around L* 50, where SL is 1: the distance is that of lightness, within its slight bend.
    greys = np.array([[48.0, 0, 0], [52.0, 0, 0]])
    assert colour_spread(greys) == pytest.approx(2, rel=0.01)
    assert colour_spread(greys[:1].repeat(5, 0)) == 0
    assert math.isnan(colour_spread(np.zeros((0, 3))))


def test_majority_share_counts_the_most_frequent_answer() -> None:
    assert majority_share(["red", "blue", "red", "red"]) == 0.75
    assert majority_share(iter(["pink"])) == 1
    assert math.isnan(majority_share([]))


def test_no_answer_is_never_the_majority() -> None:
    assert majority_share([None, None, None, "red"]) == 0.25
    assert majority_share([None, None]) == 0
