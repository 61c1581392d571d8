"""A change is averaged where frames show the same thing, and nowhere else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from via_engine.picture.steady import Change, Ways, steadied, ways_between

HEIGHT, WIDTH = 72, 96
STEP_PX = 2
Picture = NDArray[np.float32]


def texture(seed: int) -> Picture:
    """A smooth random picture, wider than a frame."""
    noise = np.random.default_rng(seed).random((HEIGHT, 2 * WIDTH, 3), dtype=np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 4)
    spread = (soft - soft.min()) / (soft.max() - soft.min())
    return np.asarray(spread, np.float32)


def window(picture: Picture, frame: int) -> Picture:
    """What a camera that pans by `STEP_PX` sees in a frame."""
    start = STEP_PX * frame
    return np.ascontiguousarray(picture[:, start : start + WIDTH])


def noisy(picture: Picture, seed: int) -> Picture:
    noise = np.random.default_rng(seed).normal(0, 0.05, picture.shape)
    return np.asarray(picture + noise, np.float32)


def neighbours(one: Change, others: list[Change]) -> list[tuple[Change, Ways]]:
    return [(other, ways_between(one, other)) for other in others]


def test_what_boils_is_calmed_and_what_moves_with_the_source_stays() -> None:
    source, painted = texture(1), texture(2) - 0.5
    frames = [
        Change(source=window(source, frame), change=noisy(window(painted, frame), frame))
        for frame in range(5)
    ]
    middle, others = frames[2], [*frames[:2], *frames[3:]]

    found = steadied(middle, neighbours(middle, others))

    truth = window(painted, 2)
    inner = np.s_[8:-8, 8:-8]
    before, after = (
        np.sqrt(np.mean((change[inner] - truth[inner]) ** 2)) for change in (middle.change, found)
    )
    # Five equal voices would leave 0.45 of the noise.
    assert after < 0.6 * before


def test_a_neighbour_that_shows_something_else_has_no_say() -> None:
    one = Change(source=np.full((HEIGHT, WIDTH, 3), 0.2, np.float32), change=window(texture(3), 0))
    other = Change(
        source=np.full((HEIGHT, WIDTH, 3), 0.8, np.float32), change=window(texture(4), 0)
    )

    found = steadied(one, neighbours(one, [other]))

    np.testing.assert_allclose(found, one.change, atol=1e-6)


def test_without_neighbours_the_change_is_exactly_what_it_was() -> None:
    one = Change(source=window(texture(5), 0), change=window(texture(6), 0))

    assert np.array_equal(steadied(one, []), one.change)


@pytest.mark.parametrize("is_reached", [False, True])
def test_a_neighbour_counts_where_its_edit_reaches(is_reached: bool) -> None:
    source = window(texture(7), 0)
    one = Change(source=source, change=np.zeros_like(source))
    reach = np.full((HEIGHT, WIDTH), is_reached, np.float32)
    other = Change(source=source, change=np.full_like(source, 0.02), reach=reach)

    found = steadied(one, neighbours(one, [other]))

    np.testing.assert_allclose(found, 0.01 if is_reached else 0.0, atol=3e-4)


def test_what_does_not_move_as_the_source_does_is_not_smeared() -> None:
    source, square = texture(8), np.zeros((HEIGHT, WIDTH, 3), np.float32)
    square[20:50, 30:60] = 0.8
    frames = [Change(source=window(source, 3 * frame), change=square) for frame in range(3)]

    found = steadied(frames[1], neighbours(frames[1], [frames[0], frames[2]]))

    # Blindly averaged, its edges would be a third of the way to nothing.
    np.testing.assert_allclose(found, square, atol=0.03)
