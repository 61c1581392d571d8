"""The engine's share of `via demo`: renders the procedural clips and draws the contact sheet.

`python -m via_engine.demo clips FOLDER` writes two clips and prints their names as JSON;
`python -m via_engine.demo sheet OUT.png` reads rows as JSON from stdin.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from via_engine.media_types import ColourTags, FrameRange, OutputFormat
from via_engine.picture.contact_sheet import SheetRow, contact_sheet
from via_engine.picture.encode import ClipGeometry, write_chunk
from via_engine.starter.world.render import render_frame
from via_engine.starter.world.scene import Scene, demo_scene, random_world_scene

FRAME_COUNT = 48
FRAME_RATE = Fraction(24)
WIDTH, HEIGHT = 256, 144
SECOND_SCENE_SEED = 3


def frames_of(scene: Scene) -> Iterator[NDArray[np.float32]]:
    """The scene's frames (H,W,3) float32 RGB in 0..1."""
    for frame in range(FRAME_COUNT):
        yield render_frame(scene, frame, width=WIDTH, height=HEIGHT).astype(np.float32) / 255.0


def write_clips(folder: Path) -> list[Path]:
    """Renders the demo's scenes as ProRes clips, shot_010.mov and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    geometry = ClipGeometry(
        width=WIDTH,
        height=HEIGHT,
        frame_rate=FRAME_RATE,
        sample_aspect_ratio=Fraction(1),
        colour=ColourTags(primaries=1, transfer=1, matrix=1, full_range=False),
    )
    clips = []
    for number, scene in enumerate((demo_scene(), random_world_scene(SECOND_SCENE_SEED)), start=1):
        chunk = write_chunk(
            folder,
            0,
            FrameRange(0, FRAME_COUNT),
            frames_of(scene),
            geometry,
            OutputFormat.PRORES_422_HQ_MOV,
        )
        clips.append(chunk.path.replace(folder / f"shot_{number:02d}0.mov"))
    return clips


def write_sheet(path: Path, rows_json: str) -> None:
    """Draws the contact sheet of `[{label, source, start_frame, edited}]`."""
    rows = [
        SheetRow(
            label=row["label"],
            source=Path(row["source"]),
            start_frame=row["start_frame"],
            edited=Path(row["edited"]),
        )
        for row in json.loads(rows_json)
    ]
    contact_sheet(rows, columns=6, column_px=WIDTH).save(path)


def main() -> int:
    """Reads the command line and runs one of the two."""
    parser = argparse.ArgumentParser(prog="via_engine.demo")
    parser.add_argument("what", choices=["clips", "sheet"])
    parser.add_argument("target", type=Path)
    asked = parser.parse_args()
    if asked.what == "clips":
        clips = write_clips(asked.target)
        print(json.dumps({"clips": [str(clip) for clip in clips], "frames": FRAME_COUNT}))
    else:
        write_sheet(asked.target, sys.stdin.read())
    return 0


if __name__ == "__main__":
    sys.exit(main())
