"""Via's own tracks and media references in a timeline: "VIA v1", "VIA v2" and so on."""

from __future__ import annotations

import re

import opentimelineio as otio

NAME = re.compile(r"VIA(?: v(\d+))?(?: \(\d+\))?")


def is_via_track(track: otio.core.Composable) -> bool:
    """Whether Via made the track in an earlier batch."""
    return isinstance(track, otio.schema.Track) and "via" in track.metadata


def original_reference(clip: otio.schema.Clip) -> otio.core.MediaReference:
    """The media a clip was cut from: its active reference, unless that is a render of Via's."""
    references, active = clip.media_references(), clip.active_media_reference_key
    if NAME.fullmatch(active):
        others = (each for key, each in references.items() if not NAME.fullmatch(key))
        return next(others, clip.media_reference)
    return clip.media_reference


def next_version(timeline: otio.schema.Timeline) -> int:
    """First version number that no track and no media reference of the timeline has, from 1."""
    names = [track.name for track in timeline.tracks if is_via_track(track)]
    for clip in timeline.find_clips():
        names.extend(clip.media_references())
    found = (NAME.fullmatch(name) for name in names)
    return max((int(each[1] or 1) for each in found if each), default=0) + 1


def reference_key(version: int) -> str:
    """Key of a version's media reference on its clip."""
    return f"VIA v{version}"


def track_name(version: int, layer: int) -> str:
    """Name of a version's track; layers of one batch that overlap are numbered from 1."""
    name = "VIA" if version == 1 else f"VIA v{version}"
    return name if layer == 0 else f"{name} ({layer + 1})"
