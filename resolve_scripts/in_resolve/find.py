"""Which clips the editor means: the selection, the marks, the playhead, a colour, or markers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from resolve_scripts.in_resolve.clips import Clip, all_clips
from resolve_scripts.in_resolve.coordinates import marked_range, overlap
from resolve_scripts.in_resolve.errors import FeatureMissingError, MessageError
from resolve_scripts.in_resolve.open_timeline import OpenTimeline
from resolve_scripts.in_resolve.resolve_api import can, read_all
from resolve_scripts.in_resolve.via_tracks import is_via_track

MARKER_PREFIX = re.compile(r"\s*via:", re.IGNORECASE)
INSTEAD_OF_SELECTION = "set in and out marks around it, or park the playhead on it"


@dataclass(frozen=True)
class Found:
    """A clip and the part of it that is meant."""

    clip: Clip
    frame_range: tuple[int, int]


def clips_by(opened: OpenTimeline, *, by: str, color: str | None) -> tuple[str, list[Found]]:
    """The way that was used and the clips it finds, in time order, bottom track first.

    "auto" takes the first of selection, marks, markers and playhead that finds something.
    """
    if by == "auto":
        ways = ["marks", "markers", "playhead"]
        if can(opened.timeline, "GetSelectedClips"):
            ways.insert(0, "selection")
        for way in ways:
            found = _WAYS[way](opened)
            if found:
                return way, found
        return ways[-1], []
    if by == "color":
        return by, _by_color(opened, color or "")
    if by not in _WAYS:
        raise MessageError(
            f"there is no way {by!r} to find clips",
            next_step="this is a fault of Via: please report it",
            reason="ARGUMENT_INVALID",
        )
    return by, _WAYS[by](opened)


def _by_selection(opened: OpenTimeline) -> list[Found]:
    if not can(opened.timeline, "GetSelectedClips"):
        raise FeatureMissingError(
            "this version of Resolve does not tell scripts which clips are selected",
            next_step=f"{INSTEAD_OF_SELECTION}; from Resolve 21.0.4 on the selection works too",
        )
    selected = opened.timeline.GetSelectedClips() or []
    ids = {str(item.GetUniqueId()) for item in selected if item is not None}
    return _whole(clip for clip in all_clips(opened) if clip.id in ids)


def _by_marks(opened: OpenTimeline) -> list[Found]:
    if not can(opened.timeline, "GetMarkInOut"):
        return []
    marks = (opened.timeline.GetMarkInOut() or {}).get("video") or {}
    if not marks:
        return []
    last = opened.end_frame_exclusive - opened.start_frame - 1
    between = marked_range(
        round(marks.get("in", 0)), round(marks.get("out", last)), opened.start_frame
    )
    cut = [(clip, overlap(clip.place, between)) for clip in _sources(opened)]
    return _in_order(Found(clip, part) for clip, part in cut if part is not None)


def _by_playhead(opened: OpenTimeline) -> list[Found]:
    """What the viewer shows: the topmost clip under the playhead, results of Via aside."""
    return _top_at(opened, opened.playhead_frame())


def _by_markers(opened: OpenTimeline) -> list[Found]:
    """Clips with a "VIA:" marker, and what is seen at those of the timeline."""
    marked = [Found(clip, clip.place) for clip in _sources(opened) if instruction_on(clip)]
    for frame, text in instructions_on_timeline(opened).items():
        marked += [one for one in _top_at(opened, frame) if text]
    unique = {one.clip.id: one for one in marked}
    return _in_order(unique.values())


def _by_color(opened: OpenTimeline, color: str) -> list[Found]:
    return _whole(
        clip
        for clip in _sources(opened)
        if str(clip.item.GetClipColor() or "").lower() == color.lower() != ""
    )


_WAYS = {
    "selection": _by_selection,
    "marks": _by_marks,
    "markers": _by_markers,
    "playhead": _by_playhead,
}


def _sources(opened: OpenTimeline) -> list[Clip]:
    """Clips that are switched on, on tracks that are, results of Via aside."""
    asleep = {
        index
        for index in opened.tracks()
        if is_via_track(opened, index) or not opened.timeline.GetIsTrackEnabled("video", index)
    }
    clips = [clip for clip in all_clips(opened) if clip.track_index not in asleep]
    if not clips or not can(clips[0].item, "GetClipEnabled"):
        return clips
    told = read_all([clip.item for clip in clips], ("GetClipEnabled",))
    return [clip for clip, (is_on,) in zip(clips, told) if is_on is None or is_on]


def _top_at(opened: OpenTimeline, frame: int | None) -> list[Found]:
    if frame is None:
        return []
    under = [c for c in _sources(opened) if c.start_frame <= frame < c.end_frame_exclusive]
    return _whole(under[-1:])


def _whole(clips: Iterable[Clip]) -> list[Found]:
    return _in_order(Found(clip, clip.place) for clip in clips)


def _in_order(found: Iterable[Found]) -> list[Found]:
    return sorted(found, key=lambda one: (one.clip.start_frame, one.clip.track_index))


def instruction_on(clip: Clip) -> str | None:
    """Text of the clip's first "VIA:" marker."""
    markers = clip.item.GetMarkers() or {}
    texts = (_via_text(marker) for marker in markers.values())
    return next((text for text in texts if text), None)


def instructions_on_timeline(opened: OpenTimeline) -> dict[int, str]:
    """Absolute frame -> text of the timeline's own "VIA:" markers, which count from its start."""
    markers = opened.timeline.GetMarkers() or {}
    texts = {opened.start_frame + round(at): _via_text(one) for at, one in markers.items()}
    return {frame: text for frame, text in texts.items() if text}


def _via_text(marker: dict[str, Any]) -> str | None:
    for text in (marker.get("name"), marker.get("note")):
        found = MARKER_PREFIX.match(str(text or ""))
        if found:
            return " ".join(str(text)[found.end() :].split())
    return None
