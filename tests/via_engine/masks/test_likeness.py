"""The same thing looks alike in all its frames, another thing does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from via_engine.masks.flow import carried
from via_engine.masks.likeness import likeness, look_of, plausible
from via_engine.starter.evaluation.scores import mask_overlap
from via_engine.starter.world.render import object_mask, render_frame
from via_engine.starter.world.scene import demo_scene

WIDTH, HEIGHT = 256, 144


def truth(index: int, frame: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[Any]:
    return object_mask(demo_scene(), index, frame, width=width, height=height)


def drawn(frame: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[Any]:
    return render_frame(demo_scene(), frame, width=width, height=height)


def test_a_thing_is_like_itself_and_unlike_another() -> None:
    ball = look_of(drawn(0), truth(0, 0))
    assert likeness(ball, ball) == pytest.approx(1)
    assert likeness(ball, look_of(drawn(30), truth(0, 30))) > 0.9
    assert likeness(ball, look_of(drawn(0), truth(1, 0))) < 0.3
    assert likeness(ball, look_of(drawn(0), np.zeros((HEIGHT, WIDTH), np.bool_))) == 0


def test_colours_of_a_thing_are_told_from_those_of_another() -> None:
    own = plausible(drawn(0), look_of(drawn(0), truth(0, 0)))
    assert own[truth(0, 0)].mean() > 0.9
    assert own[truth(1, 0)].mean() < 0.1


@pytest.mark.parametrize(("width", "height"), [(256, 144), (640, 360)])
@pytest.mark.parametrize(("start", "end"), [(4, 5), (5, 4)])
def test_a_mask_is_carried_along_the_motion(width: int, height: int, start: int, end: int) -> None:
    found = carried(
        truth(0, start, width, height), drawn(start, width, height), drawn(end, width, height)
    )
    assert mask_overlap(found, truth(0, end, width, height)) > 0.95
