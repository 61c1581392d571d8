"""Seconds per frame, what the gather costs, and what its reuse saves."""

from __future__ import annotations

import tempfile
import time
from fractions import Fraction
from pathlib import Path

from via_engine.config import EngineConfig
from via_engine.editor import VideoEditor
from via_engine.measure.rows import Bar, Row
from via_engine.measure.scratch import edit_request, render_clip, run_edit
from via_engine.media_types import FrameRange
from via_engine.models.catalog import load_catalog

FRAMES = 48


def speed(seed: int) -> list[Row]:
    """One edit of 24 frames, then the next 24 of the same clip, which reuse the group."""
    config = EngineConfig()
    card = load_catalog(config).cards[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = render_clip(
            folder, seed=seed, frame_count=FRAMES, width=256, height=144, frame_rate=Fraction(24)
        )
        editor = VideoEditor(config)
        started = time.perf_counter()
        editor.load(card.name)
        load_seconds = time.perf_counter() - started
        halves = [FrameRange(0, FRAMES // 2), FrameRange(FRAMES // 2, FRAMES)]
        runs = [
            run_edit(
                editor,
                edit_request(clip, folder / str(number), card, frame_range=half, steps=card.steps),
            )
            for number, half in enumerate(halves)
        ]
    (first, first_group), (_, second_group) = runs
    swap_seconds = dict(first.stage_seconds)["swap"]
    return [
        Row(name="load the model", value=load_seconds, unit="s"),
        Row(name="gather, 4 frames", value=first_group.seconds, unit="s"),
        Row(name="swap, decode, encode", value=swap_seconds / (FRAMES // 2), unit="s/frame"),
        Row(
            name="second range reuses the group",
            value=float(second_group.reused),
            unit="1 = yes",
            bar=Bar(comparison=">=", limit=1),
        ),
        Row(name="resident group", value=first_group.size_bytes / 2**20, unit="MiB"),
    ]
