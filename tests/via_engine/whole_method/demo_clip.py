"""A clip of two shots, a tiny editor for it, and what comes out of an edit."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from via_engine import editor as editor_module
from via_engine.config import EngineConfig
from via_engine.edit_events import EditEvent, EditResult
from via_engine.edit_request import EditRequest
from via_engine.edit_settings import RootImage
from via_engine.editor import VideoEditor
from via_engine.media_types import ColourTags, FrameRange, MediaInfo, OutputFormat
from via_engine.model_card import ModelCard
from via_engine.models.catalog import ModelCatalog
from via_engine.picture.decode import read_frames
from via_engine.picture.encode import ClipGeometry, write_chunk
from via_engine.picture.probe import probe_media
from via_engine.starter.world.render import render_frame
from via_engine.starter.world.scene import Scene

WIDTH, HEIGHT = 128, 72
CUT, END = 8, 16
Event = TypeVar("Event")


def clip_of(folder: Path, pictures: list[NDArray[np.uint8]]) -> MediaInfo:
    geometry = ClipGeometry(
        width=pictures[0].shape[1],
        height=pictures[0].shape[0],
        frame_rate=Fraction(24),
        sample_aspect_ratio=Fraction(1),
        colour=ColourTags(primaries=1, transfer=1, matrix=1, full_range=False),
    )
    chunk = write_chunk(
        folder,
        0,
        FrameRange(0, len(pictures)),
        [picture.astype(np.float32) / 255 for picture in pictures],
        geometry,
        OutputFormat.PRORES_422_HQ_MOV,
    )
    return probe_media(chunk.path)


def drawn(scene: Scene, frames: range) -> list[NDArray[np.uint8]]:
    return [render_frame(scene, frame, width=WIDTH, height=HEIGHT) for frame in frames]


def editor_of(card: ModelCard, **changes: Any) -> VideoEditor:
    """A tiny untrained editor beside the starter's trained grounder, segmenter and critic."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(editor_module, "load_catalog", lambda _: ModelCatalog(cards=(card,)))
        return VideoEditor(EngineConfig(device="cpu", batch_frames=4, chunk_frames=8, **changes))


def run(editor: VideoEditor, request: EditRequest) -> list[EditEvent]:
    return list(editor.edit(request, lambda: False))


def of_kind(events: list[EditEvent], kind: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def retouched(clip: MediaInfo, folder: Path) -> RootImage:
    """Frame 2 with its colours inverted."""
    picture = (sources(clip, FrameRange(2, 3))[0] * 255).astype(np.uint8)
    Image.fromarray(255 - picture).save(folder / "root.png")
    return RootImage(frame=2, path=folder / "root.png")


def pictures_of(events: list[EditEvent]) -> NDArray[np.float32]:
    media = probe_media(of_kind(events, EditResult)[0].path)
    return np.stack(list(read_frames(media, media.frame_range)))


def sources(clip: MediaInfo, frame_range: FrameRange) -> NDArray[np.float32]:
    return np.stack(list(read_frames(clip, frame_range)))
