"""What looks at pictures leaves the device when it must, and works as before when it is back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from via_engine.config import EngineConfig
from via_engine.method.perception import Perception
from via_engine.starter.world.render import render_frame
from via_engine.starter.world.scene import demo_scene

DEVICE = torch.device("cpu", 0)  # told apart from main memory, which is plain "cpu"


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where networks are sent, in order."""
    sent: list[Any] = []
    stock = nn.Module.to

    def recorded(self: nn.Module, target: Any, *rest: Any, **named: Any) -> nn.Module:
        sent.append(target)
        return stock(self, target, *rest, **named)

    monkeypatch.setattr(nn.Module, "to", recorded)
    return sent


def test_what_waits_in_main_memory_is_called_back_once_and_sees_the_same(moves: list[Any]) -> None:
    perception = Perception(EngineConfig(), DEVICE)
    frame = render_frame(demo_scene(), 0, width=256, height=144)
    box = np.array([[40, 40, 120, 120]], np.float32)
    before = perception.segmenter.segment(frame, boxes_xyxy=box)
    critic = perception.critic
    moves.clear()
    perception.offload()
    assert moves == ["cpu", "cpu"]
    after = perception.segmenter.segment(frame, boxes_xyxy=box)
    assert perception.critic is critic
    assert moves == ["cpu", "cpu", DEVICE, DEVICE]
    assert np.array_equal(before, after)


def test_what_is_released_is_loaded_anew() -> None:
    perception = Perception(EngineConfig(), DEVICE)
    former = perception.critic
    perception.release()
    assert perception.critic is not former
