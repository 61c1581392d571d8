"""The clip, the editor and requests for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.via_engine.models.tiny_pipeline import tiny_card, write_tiny_pipeline
from tests.via_engine.whole_method.demo_clip import CUT, END, WIDTH, clip_of, drawn, editor_of
from via_engine.edit_request import EditRequest
from via_engine.editor import VideoEditor
from via_engine.media_types import FrameRange, MediaInfo
from via_engine.model_card import ModelCard
from via_engine.starter.world.scene import demo_scene, random_world_scene


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> MediaInfo:
    """The demo scene, then after a cut another one without its ball."""
    other = random_world_scene(13, held_out=True)
    pictures = drawn(demo_scene(), range(CUT)) + drawn(other, range(END - CUT))
    return clip_of(tmp_path_factory.mktemp("clip"), pictures)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    torch.manual_seed(0)
    card = tiny_card(write_tiny_pipeline(tmp_path_factory.mktemp("tiny")))
    return replace(card, long_side_px=WIDTH)


@pytest.fixture(scope="module")
def editor(card: ModelCard) -> VideoEditor:
    return editor_of(card)


@pytest.fixture
def request_for(clip: MediaInfo, tmp_path: Path) -> Callable[..., EditRequest]:
    def make(**changes: Any) -> EditRequest:
        work_folder = tmp_path / f"work{len(list(tmp_path.glob('work*')))}"
        work_folder.mkdir()
        settings: dict[str, Any] = {
            "media_path": clip.path,
            "media_identity": clip.identity,
            "frame_range": FrameRange(0, 4),
            "group_range": None,
            "instruction": "make the ball blue",
            "model": "tiny",
            "seed": 0,
            "steps": 2,
            "guidance_scale": 2.0,
            "image_guidance_scale": 1.5,
            "group_size": 2,
            "work_folder": work_folder,
        }
        return EditRequest(**{**settings, **changes})

    return make
