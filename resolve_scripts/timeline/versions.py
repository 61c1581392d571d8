"""Via's own tracks and media references in a timeline: "VIA v1", "VIA v2" and so on."""

from __future__ import annotations

import re

import opentimelineio as otio

NAME = re.compile(r"VIA(?: v(\d+))?(?: \(\d+\))?")
ORIGINAL_KEY = "original_key"


def is_via_track(track: otio.core.Composable) -> bool:
    """Whether Via made the track in an earlier batch."""
    return isinstance(track, otio.schema.Track) and "via" in track.metadata


def original_reference(clip: otio.schema.Clip) -> otio.core.MediaReference:
    """The media a clip was cut from: its active reference, unless that is a render of Via's."""
    return clip.media_references().get(original_key(clip), clip.media_reference)


def original_key(clip: otio.schema.Clip) -> str:
    """Key of the media a clip was cut from; what was active before the first render is noted."""
    active = str(clip.active_media_reference_key)
    if not NAME.fullmatch(active):
        return active
    others = [key for key in clip.media_references() if not NAME.fullmatch(key)]
    told = _told(clip, ORIGINAL_KEY)
    return told if isinstance(told, str) and told in others else next(iter(others), active)


def next_version(timeline: otio.schema.Timeline) -> int:
    """First version number that no track, media reference or edit of the timeline has, from 1."""
    names = [track.name for track in timeline.tracks if is_via_track(track)]
    numbers = [0]
    for clip in timeline.find_clips():
        names.extend(clip.media_references())
        if isinstance(version := _told(clip, "version"), int):
            numbers.append(version)
    found = (NAME.fullmatch(name) for name in names)
    numbers.extend(int(each[1] or 1) for each in found if each)
    return max(numbers) + 1


def _told(clip: otio.schema.Clip, key: str) -> object:
    """What the record of a clip's edit says."""
    record = clip.metadata.get("via")
    return record.get(key) if hasattr(record, "get") else None


def reference_key(version: int) -> str:
    """Key of a version's media reference on its clip."""
    return f"VIA v{version}"


def track_name(version: int, layer: int) -> str:
    """Name of a version's track; layers of one batch that overlap are numbered from 1."""
    name = "VIA" if version == 1 else f"VIA v{version}"
    return name if layer == 0 else f"{name} ({layer + 1})"
