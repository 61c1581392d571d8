"""The tracks named VIA: where results lie, and which one takes the next."""

from __future__ import annotations

import re
from dataclasses import dataclass

from resolve_scripts.in_resolve.clips import Clip, clips_on, without_transitions
from resolve_scripts.in_resolve.coordinates import overlap
from resolve_scripts.in_resolve.errors import PlaceError
from resolve_scripts.in_resolve.open_timeline import OpenTimeline
from resolve_scripts.in_resolve.resolve_api import version
from resolve_scripts.in_resolve.tags import Tags, read_pool_tags, read_tags

TRACK_NAME = "VIA"
TRACK_NAMES = re.compile(rf"^{TRACK_NAME}( \d+)?$")
INSERTS_TRACKS_SINCE = (19, 1)


@dataclass(frozen=True)
class Version:
    """A result on the timeline: an item on a VIA track, or one of its takes.

    Attributes:
        clip: the item.
        tags: how it came about.
        take_index: its take, from 1; None where the item has no takes.
        is_shown: whether this take is the one that is seen.
    """

    clip: Clip
    tags: Tags
    take_index: int | None
    is_shown: bool


def track_name(opened: OpenTimeline, index: int) -> str:
    """Name of a video track."""
    return str(opened.timeline.GetTrackName("video", index) or "")


def is_via_track(opened: OpenTimeline, index: int) -> bool:
    """Whether a video track is one that Via puts results on."""
    return TRACK_NAMES.match(track_name(opened, index)) is not None


def all_versions(opened: OpenTimeline) -> list[Version]:
    """Every result on the VIA tracks, bottom first."""
    found = []
    for index in opened.tracks():
        if is_via_track(opened, index):
            for clip in clips_on(opened, index):
                found += _versions_in(clip)
    return found


def versions_of(clip: Clip, versions: list[Version], known_ids: set[str]) -> list[Version]:
    """Those made from a clip, wherever it was moved.

    In a copy of a timeline all ids are new: what was made from a clip that is not here belongs to
    the one it lies exactly over.
    """
    return [
        one
        for one in versions
        if one.tags.clip_id == clip.id
        or (one.tags.clip_id not in known_ids and one.clip.place == clip.place)
    ]


def _versions_in(clip: Clip) -> list[Version]:
    takes = clip.item.GetTakesCount() or 0
    if not takes:
        tags = read_tags(clip)
        return [] if tags is None else [Version(clip, tags, None, True)]
    shown = clip.item.GetSelectedTakeIndex()
    found = []
    for index in range(1, round(takes) + 1):
        take = clip.item.GetTakeByIndex(index) or {}
        tags = read_pool_tags(take.get("mediaPoolItem"))
        if tags is not None:
            found.append(Version(clip, tags, index, index == shown))
    return found


def free_via_track(
    opened: OpenTimeline, source: Clip, place: tuple[int, int], *, always_new: bool
) -> int:
    """Index of an unlocked VIA track above the clip that is free over `place`; added when needed.

    Earlier versions of the clip keep their place; the next one goes on a further track. What the
    editor laid over the clip stays above the result where this build can insert tracks.

    Raises:
        PlaceError: the track is locked, or something of the editor's lies there.
    """
    if not always_new:
        for index in opened.tracks():
            if index <= source.track_index or not is_via_track(opened, index):
                continue
            if _inserts_tracks(opened) and covered_clips(opened, source, index, place):
                break
            check_unlocked(opened, index)
            in_the_way = [clip for clip in clips_on(opened, index) if overlap(clip.place, place)]
            if not in_the_way:
                return index
            foreign = [clip for clip in in_the_way if not _versions_in(clip)]
            if foreign:
                raise _occupied(opened, index, foreign[0])
    return _added_track(opened, source)


def covered_clips(
    opened: OpenTimeline, source: Clip, index: int, place: tuple[int, int]
) -> list[Clip]:
    """What of the editor's lies over `place` between the clip and a track above it."""
    between = range(source.track_index + 1, index)
    clips = [clip for each in between for clip in without_transitions(clips_on(opened, each))]
    return [clip for clip in clips if overlap(clip.place, place) and not _versions_in(clip)]


def check_unlocked(opened: OpenTimeline, index: int) -> None:
    """Refuses a locked track.

    Raises:
        PlaceError: the track is locked.
    """
    if opened.timeline.GetIsTrackLocked("video", index):
        name = track_name(opened, index)
        raise PlaceError(
            f"the track {name} is locked",
            next_step=f"unlock the track {name} with its padlock, then place again",
            reason="TRACK_LOCKED",
        )


def _occupied(opened: OpenTimeline, index: int, clip: Clip) -> PlaceError:
    where = opened.timecode_at(clip.start_frame)
    return PlaceError(
        f"{clip.name or 'a clip'} at {where} already lies on the track "
        f"{track_name(opened, index)} where the result belongs",
        next_step="move that clip to another track, or place the result on a new track",
        reason="SPAN_OCCUPIED",
    )


def _added_track(opened: OpenTimeline, source: Clip) -> int:
    """Index of a new empty VIA track: right above the clip and its earlier versions if possible."""
    timeline = opened.timeline
    name = _free_name(opened)
    before = len(opened.tracks())
    wanted = source.track_index + 1
    while wanted <= before and is_via_track(opened, wanted):
        wanted += 1
    if wanted <= before and _inserts_tracks(opened):
        timeline.AddTrack("video", {"index": wanted})
    else:
        timeline.AddTrack("video")
    # What the call returns says little; the number of tracks does.
    if len(opened.tracks()) != before + 1:
        raise PlaceError(
            "Resolve did not add a video track",
            next_step=f"add a video track named {TRACK_NAME} above the clip yourself, then place",
            reason="TRACK_NOT_ADDED",
        )
    index = wanted if _is_blank(opened, wanted) and wanted <= before else before + 1
    timeline.SetTrackName("video", index, name)
    return index


def _inserts_tracks(opened: OpenTimeline) -> bool:
    return version(opened.resolve) >= INSERTS_TRACKS_SINCE


def _is_blank(opened: OpenTimeline, index: int) -> bool:
    return not clips_on(opened, index) and not is_via_track(opened, index)


def _free_name(opened: OpenTimeline) -> str:
    taken = {track_name(opened, index) for index in opened.tracks()}
    number, name = 1, TRACK_NAME
    while name in taken:
        number += 1
        name = f"{TRACK_NAME} {number}"
    return name
