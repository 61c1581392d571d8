"""Edited clips back into the cut: a copy of the timeline with one more video track on top."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import opentimelineio as otio

from resolve_scripts.errors import OutputError, TimelineError
from resolve_scripts.timeline.mapping import MediaFrames, rendered_range
from resolve_scripts.timeline.select import ClipEdit

TRACK_NAME = "VIA"


@dataclass(frozen=True, kw_only=True)
class PlacedEdit:
    """A finished edit and where it belongs.

    Attributes:
        edit: the clip it was made from, in the timeline that was read.
        frames: the media frames that were rendered, all of them and no more.
        rendered: absolute path of the rendered file.
        has_timecode: whether the source counts from a start timecode; then the render does too.
        record: what to remember of the edit, as plain JSON values.
    """

    edit: ClipEdit
    frames: MediaFrames
    rendered: Path
    has_timecode: bool
    record: dict[str, Any]


def read_timeline(path: Path) -> otio.schema.Timeline:
    """Reads a timeline.

    Raises:
        TimelineError: there is no such file, or it holds no timeline OpenTimelineIO can read.
    """
    if not path.is_file():
        raise TimelineError(f"no timeline at {path}; check the path")
    try:
        timeline = otio.adapters.read_from_file(str(path))
    except Exception as error:  # each OTIO adapter has its own errors
        raise TimelineError(
            f"{path} is not a timeline OpenTimelineIO can read ({error}); export it as .otio"
        ) from error
    if not isinstance(timeline, otio.schema.Timeline):
        raise TimelineError(f"{path} holds a {type(timeline).__name__}, not one timeline")
    return timeline


def with_via_track(
    timeline: otio.schema.Timeline, placed: list[PlacedEdit]
) -> otio.schema.Timeline:
    """A copy of `timeline` with the edits on a video track above all others.

    The original tracks are left as they are. Edits that lie over one another in time, coming
    from different tracks, take further tracks in the order of theirs.
    """
    result = timeline.deepcopy()
    for layer in _layers(placed):
        result.tracks.append(_via_track(layer, _free_name(result)))
    check_places(result, placed)
    return result


def check_places(timeline: otio.schema.Timeline, placed: list[PlacedEdit]) -> None:
    """Compares the place of every new clip with its original's, by OTIO's own arithmetic.

    Raises:
        TimelineError: a new clip is missing, moved or of another length; a fault of Via.
    """
    found = {
        clip.media_reference.target_url: clip
        for clip in timeline.find_clips()
        if "via" in clip.metadata
    }
    for one in placed:
        clip = found.get(one.rendered.as_posix())
        if clip is None or _record_range(clip) != _record_range(one.edit.clip):
            raise TimelineError(f"{one.edit.name}: the edited clip is not at its place; report it")


def write_timeline(timeline: otio.schema.Timeline, path: Path) -> None:
    """Writes a timeline as .otio, all or nothing.

    Raises:
        OutputError: the folder cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(timeline.to_json_string(indent=4))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _record_range(item: otio.core.Item) -> otio.opentime.TimeRange:
    """Where an item lies on the whole timeline."""
    parent = item.parent()
    return parent.transformed_time_range(parent.range_of_child(item), parent.parent())


def _layers(placed: list[PlacedEdit]) -> list[list[PlacedEdit]]:
    """Edits per new track, bottom first; what overlaps keeps the order of its source tracks."""
    levels: list[tuple[int, otio.opentime.TimeRange, PlacedEdit]] = []
    for one in sorted(placed, key=lambda each: each.edit.track_index):
        range_ = _record_range(one.edit.clip)
        below = [level for level, other, _ in levels if _overlaps(range_, other)]
        levels.append((max(below, default=-1) + 1, range_, one))
    count = max((level for level, _, _ in levels), default=-1) + 1
    return [[one for level, _, one in levels if level == number] for number in range(count)]


def _overlaps(one: otio.opentime.TimeRange, other: otio.opentime.TimeRange) -> bool:
    return bool(
        one.start_time < other.end_time_exclusive() and other.start_time < one.end_time_exclusive()
    )


def _free_name(timeline: otio.schema.Timeline) -> str:
    """ "VIA", or "VIA 2" and so on when the timeline has such a track already."""
    taken = {track.name for track in timeline.tracks}
    number = 1
    name = TRACK_NAME
    while name in taken:
        number += 1
        name = f"{TRACK_NAME} {number}"
    return name


def _via_track(layer: list[PlacedEdit], name: str) -> otio.schema.Track:
    track = otio.schema.Track(name=name, kind=otio.schema.TrackKind.Video)
    end: otio.opentime.RationalTime | None = None
    for one in sorted(layer, key=lambda each: _record_range(each.edit.clip).start_time):
        range_ = _record_range(one.edit.clip)
        gap = range_.start_time - end if end is not None else range_.start_time
        if gap.value > 0:
            start = otio.opentime.RationalTime(0, gap.rate)
            track.append(otio.schema.Gap(source_range=otio.opentime.TimeRange(start, gap)))
        track.append(_via_clip(one))
        end = range_.end_time_exclusive()
    return track


def _via_clip(one: PlacedEdit) -> otio.schema.Clip:
    """The edited clip: same length, same look of placement, the rendered file as its media."""
    source = one.edit.clip
    available = rendered_range(
        one.frames, source.media_reference.available_range, has_timecode=one.has_timecode
    )
    trimmed = source.trimmed_range()
    start = trimmed.start_time
    if not one.has_timecode:
        start = otio.opentime.RationalTime(0, start.rate)
    reference = otio.schema.ExternalReference(
        target_url=one.rendered.as_posix(),  # Resolve reads a plain path, not a URL
        available_range=available,
    )
    reference.name = one.rendered.name
    clip = otio.schema.Clip(
        name=source.name,
        media_reference=reference,
        source_range=otio.opentime.TimeRange(start, trimmed.duration),
        metadata={"via": one.record},
    )
    clip.enabled = source.enabled
    # Position, crop and grade belong to the place in the cut, so the new picture wears them too.
    clip.effects.extend(effect.deepcopy() for effect in source.effects)
    return clip
