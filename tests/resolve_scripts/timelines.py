"""Short ways to the parts of OpenTimelineIO that the tests build from."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from resolve_scripts.timeline.mapping import MediaFrames
from resolve_scripts.timeline.place import PlacedEdit
from resolve_scripts.timeline.select import ClipEdit


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


def placed_edit(
    clip: otio.schema.Clip, track_index: int, number: int, *, has_timecode: bool = False
) -> PlacedEdit:
    """A finished edit of a clip, frame numbers by OTIO's own arithmetic."""
    trimmed, available = clip.trimmed_range(), clip.media_reference.available_range
    rate = available.duration.rate
    start = (trimmed.start_time - available.start_time).rescaled_to(rate).value
    count = trimmed.duration.rescaled_to(rate).value
    return PlacedEdit(
        edit=ClipEdit(clip=clip, track_index=track_index, instruction="make it night"),
        frames=MediaFrames(
            start_frame=round(start),
            end_frame_exclusive=round(start) + round(count),
            frame_rate=Fraction(rate),
        ),
        rendered=Path(f"/renders/{number:02d}_via_v001.mov"),
        has_timecode=has_timecode,
        record={"instruction": "make it night", "seed": 2**32 - 1, "job": f"jobs/{number}"},
    )
