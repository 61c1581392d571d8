"""A few clips with their truth and the critic, made once for all tests of the quality bench."""

from __future__ import annotations

import pytest
import torch

from via_engine.measure.quality.clips import BenchClip, held_out_clips
from via_engine.models.critic import Critic, load_critic
from via_engine.starter.bundle import starter_folder

FRAMES = 4


@pytest.fixture(scope="session")
def clips() -> list[BenchClip]:
    return [draw() for draw in held_out_clips(3, frame_count=FRAMES, seed=0)]


@pytest.fixture(scope="session")
def critic() -> Critic:
    return load_critic(starter_folder("critic"), device=torch.device("cpu"))
