"""Cuts between scenes are found where they are, motion within a scene is none."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from via_engine.picture.shots import find_cuts
from via_engine.starter.world.render import render_frame
from via_engine.starter.world.scene import random_world_scene

SHOT_FRAMES = (17, 30, 12, 25)


def pictures_of(seed: int, frames: int) -> list[NDArray[np.uint8]]:
    scene = random_world_scene(seed, held_out=True)
    return [render_frame(scene, frame, width=160, height=90) for frame in range(frames)]


@pytest.mark.parametrize("first_frame", [0, 700])
def test_every_cut_is_found_at_its_frame(first_frame: int) -> None:
    pictures = [
        picture
        for seed, frames in enumerate(SHOT_FRAMES, start=31)
        for picture in pictures_of(seed, frames)
    ]
    expected = tuple(first_frame + int(cut) for cut in np.cumsum(SHOT_FRAMES)[:-1])
    assert find_cuts(pictures, first_frame, Fraction(24_000, 1_001)) == expected


@pytest.mark.parametrize("seed", range(50, 56))
def test_motion_and_pan_are_no_cuts(seed: int) -> None:
    assert find_cuts(pictures_of(seed, 48), 0, Fraction(25)) == ()


def test_a_single_frame_and_no_frame_have_no_cuts() -> None:
    assert find_cuts(pictures_of(1, 1), 0, Fraction(25)) == ()
    assert find_cuts([], 0, Fraction(25)) == ()
