"""Short ways to the parts of OpenTimelineIO that the tests build from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import opentimelineio as otio

from resolve_scripts.timeline.need import needed_media
from resolve_scripts.timeline.place import PlacedEdit
from resolve_scripts.timeline.select import Wanted, select


def time_range(start: float, count: float, rate: float = 24.0) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(count, rate)
    )


def marked(clip: otio.core.Item, text: str, **fields: object) -> None:
    """Puts a marker named `text` on a clip."""
    clip.markers.append(otio.schema.Marker(name=text, marked_range=time_range(0, 1), **fields))


def read(path: Path) -> otio.schema.Timeline:
    return otio.adapters.read_from_file(str(path))


def video_clips(timeline: otio.schema.Timeline) -> list[tuple[int, otio.schema.Clip]]:
    """Every clip that lies directly on a video track, with the track's index."""
    return [
        (index, child)
        for index, track in enumerate(timeline.tracks)
        if track.kind == otio.schema.TrackKind.Video
        for child in track
        if isinstance(child, otio.schema.Clip)
    ]


def placed_edits(
    timeline: otio.schema.Timeline, wanted: Wanted | None = None, **options: Any
) -> list[PlacedEdit]:
    """Finished edits of the clips that are asked for, of all clips when nothing is."""
    edits = select(timeline, wanted or Wanted(instruction="make it night", clips=("*",))).edits
    return [
        PlacedEdit(
            edit=edit,
            need=needed_media(edit, **options),
            rendered=Path(f"/renders/{number:02d}_via_v001.mov"),
            facts=options.get("facts"),
            record={"instruction": edit.instruction, "seed": 2**32 - 1, "job": f"jobs/{number}"},
        )
        for number, edit in enumerate(edits)
    ]
