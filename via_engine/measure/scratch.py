"""Clips and requests for the benchmarks: a procedural scene on disk, and an edit of it."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from via_engine.edit_events import EditResult, GroupReady
from via_engine.edit_request import EditRequest
from via_engine.editor import VideoEditor
from via_engine.media_types import ColourTags, FrameRange, OutputFormat
from via_engine.model_card import ModelCard
from via_engine.picture.encode import ClipGeometry, write_chunk
from via_engine.picture.probe import probe_media
from via_engine.starter.world.render import render_frame
from via_engine.starter.world.scene import random_world_scene

BT709 = ColourTags(primaries=1, transfer=1, matrix=1, full_range=False)


def render_clip(
    folder: Path, *, seed: int, frame_count: int, width: int, height: int, frame_rate: Fraction
) -> Path:
    """Renders a procedural scene as a ProRes clip in `folder` and returns its path."""
    scene = random_world_scene(seed, held_out=True)
    frames = (
        render_frame(scene, frame, width=width, height=height) for frame in range(frame_count)
    )
    path = folder / f"scene_{seed}_{frame_count}.mov"
    return write_clip(path, frames, frame_count=frame_count, frame_rate=frame_rate)


def write_clip(
    path: Path, frames: Iterable[NDArray[np.uint8]], *, frame_count: int, frame_rate: Fraction
) -> Path:
    """Writes (H, W, 3) uint8 RGB frames as a ProRes clip at `path`, a .mov, and returns it."""
    remaining = iter(frames)
    first = next(remaining)
    geometry = ClipGeometry(
        width=first.shape[1],
        height=first.shape[0],
        frame_rate=frame_rate,
        sample_aspect_ratio=Fraction(1),
        colour=BT709,
    )
    pictures = (frame.astype(np.float32) / 255.0 for frame in chain([first], remaining))
    chunk = write_chunk(
        path.parent,
        0,
        FrameRange(0, frame_count),
        pictures,
        geometry,
        OutputFormat.PRORES_422_HQ_MOV,
    )
    return chunk.path.rename(path)


def edit_request(
    clip: Path, work_folder: Path, card: ModelCard, *, frame_range: FrameRange | None, steps: int
) -> EditRequest:
    """An edit of `clip` with the model's own settings; `frame_range` None means all frames."""
    media = probe_media(clip)
    work_folder.mkdir(parents=True, exist_ok=True)
    return EditRequest(
        media_path=clip,
        media_identity=media.identity,
        frame_range=frame_range or media.frame_range,
        group_range=media.frame_range,
        instruction="make it night",
        model=card.name,
        seed=0,
        steps=steps,
        guidance_scale=card.guidance_scale,
        image_guidance_scale=card.image_guidance_scale,
        work_folder=work_folder,
    )


def run_edit(editor: VideoEditor, request: EditRequest) -> tuple[EditResult, GroupReady]:
    """Runs an edit to its end and returns the result and how its group came about."""
    events = list(editor.edit(request, lambda: False))
    group = next(event for event in events if isinstance(event, GroupReady))
    result = events[-1]
    if not isinstance(result, EditResult):
        raise TypeError(f"the last event of an edit is its result, not {type(result).__name__}")
    return result, group
