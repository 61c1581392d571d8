"""Frames come out in order, averaged with those around them that were changed."""

from __future__ import annotations

import numpy as np
import pytest

from via_engine.method.shot import EditedPicture
from via_engine.method.steadying import SteadiedPicture, steady

HEIGHT, WIDTH = 24, 32
SOURCE = (
    np.linspace(0.2, 0.8, WIDTH, dtype=np.float32)[None, :, None].repeat(HEIGHT, 0).repeat(3, 2)
)


def edited(number: int, level: float, *, alpha: float | None = None) -> EditedPicture:
    """A frame of a still clip, changed by `level` everywhere."""
    return EditedPicture(
        number=number,
        source=SOURCE,
        small=SOURCE,
        round_trip=SOURCE,
        edited=np.asarray(SOURCE + level, np.float32),
        alpha=None if alpha is None else np.full((HEIGHT, WIDTH), alpha, np.float32),
    )


def levels(pictures: list[EditedPicture], radius: int) -> list[float]:
    found = list(steady(pictures, radius))
    assert [one.number for one in found] == [one.number for one in pictures]
    pictures_out = [one.edited_picture() for one in found if isinstance(one, SteadiedPicture)]
    return [float((one.edited - one.round_trip).mean()) for one in pictures_out]


def test_each_frame_is_the_mean_of_those_around_it_as_far_as_there_are_any() -> None:
    given = [0.0, 0.01, 0.0, 0.02, 0.0, 0.01]

    found = levels([edited(number, level) for number, level in enumerate(given, start=7)], 2)

    means = [np.mean(given[max(0, place - 2) : place + 3]) for place in range(len(given))]
    assert found == pytest.approx(means, abs=3e-4)


def test_radius_zero_leaves_every_picture_as_it_is() -> None:
    pictures = [edited(number, 0.1 * number) for number in range(3)]

    for one, other in zip(steady(pictures, 0), pictures, strict=True):
        assert isinstance(one, SteadiedPicture)
        assert one.edited_picture() is other


def test_a_frame_that_may_not_change_neither_fades_its_neighbours_nor_takes_from_them() -> None:
    pictures = [edited(0, 0.0, alpha=0.0), edited(1, 0.1, alpha=1.0), edited(2, 0.1, alpha=1.0)]

    assert levels(pictures, 2) == pytest.approx([0.0, 0.1, 0.1], abs=1e-4)


def test_a_picture_waits_for_its_neighbours_and_no_longer() -> None:
    asked: list[int] = []

    def told() -> object:
        for number in range(6):
            asked.append(number)
            yield edited(number, 0.1)

    stream = steady(told(), 2)  # type: ignore[arg-type]

    assert next(stream).number == 0
    assert asked == [0, 1, 2]
