"""Does memory grow with the length of a clip? Peak of the whole process, short against long."""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
from fractions import Fraction
from pathlib import Path

from via_engine.config import EngineConfig
from via_engine.editor import VideoEditor
from via_engine.measure.rows import Bar, Row
from via_engine.measure.scratch import edit_request, render_clip, run_edit
from via_engine.models.catalog import load_catalog

SHORT_FRAMES, LONG_FRAMES = 60, 600
WIDTH, HEIGHT = 640, 360


def peak_bytes(clip: Path, work_folder: Path) -> int:
    """Edits all of `clip` in this process and returns its peak resident size, in bytes."""
    config = EngineConfig()
    card = load_catalog(config).cards[0]
    request = edit_request(clip, work_folder, card, frame_range=None, steps=1)
    run_edit(VideoEditor(config), request)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def peak_bytes_in_new_process(clip: Path, work_folder: Path) -> int:
    """The same in a process of its own, so that one run's peak is not another's."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(peak_bytes, (clip, work_folder))


def memory(seed: int) -> list[Row]:
    """Peak memory of a 60-frame and a 600-frame edit of 640×360 video, and their ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peaks = []
        for frame_count in (SHORT_FRAMES, LONG_FRAMES):
            clip = render_clip(
                folder,
                seed=seed,
                frame_count=frame_count,
                width=WIDTH,
                height=HEIGHT,
                frame_rate=Fraction(24),
            )
            peaks.append(peak_bytes_in_new_process(clip, folder / f"work_{frame_count}"))
    short, long = peaks
    return [
        Row(name=f"peak memory, {SHORT_FRAMES} frames", value=short / 2**20, unit="MiB"),
        Row(name=f"peak memory, {LONG_FRAMES} frames", value=long / 2**20, unit="MiB"),
        Row(
            name="long against short",
            value=long / short,
            unit="ratio",
            bar=Bar(comparison="<=", limit=1.10),
        ),
    ]
