"""The clips of the timeline as values: where they lie and what media they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from resolve_scripts.in_resolve.coordinates import media_range, overlap, rate_of
from resolve_scripts.in_resolve.errors import ClipRefusedError
from resolve_scripts.in_resolve.open_timeline import OpenTimeline
from resolve_scripts.in_resolve.resolve_api import can, read_all

PLACE_METHODS = (
    "GetUniqueId",
    "GetName",
    "GetStart",
    "GetEnd",
    "GetLeftOffset",
    "GetRightOffset",
    "GetMediaPoolItem",
)
SEQUENCE_NAME = re.compile(r"\[\d+-\d+\]")
COMPOUND_TYPES = ("compound", "timeline", "fusion", "multicam")


@dataclass(frozen=True)
class Clip:
    """An item of a video track.

    Attributes:
        item: Resolve's object.
        id: Resolve's unique id of it.
        track_index: its video track, from 1 at the bottom.
        start_frame, end_frame_exclusive: its place, absolute.
        left_offset, right_offset: frames of media before and after the cut, in timeline frames.
        pool_item: the media pool's clip; None for titles, generators and transitions.
    """

    item: Any
    id: str
    name: str
    track_index: int
    start_frame: int
    end_frame_exclusive: int
    left_offset: int
    right_offset: int
    pool_item: Any

    @property
    def place(self) -> tuple[int, int]:
        """Its half-open range on the timeline."""
        return self.start_frame, self.end_frame_exclusive

    @property
    def anchor_frame(self) -> int:
        """Where its media would begin: moves with the clip and with a slip, not with a trim."""
        return self.start_frame - self.left_offset

    @property
    def frame_count(self) -> int:
        """Its length on the timeline."""
        return self.end_frame_exclusive - self.start_frame


@dataclass(frozen=True)
class Media:
    """What the media pool says of a clip's media.

    Attributes:
        path: the file; None for compound clips and the like.
        kind: Resolve's word for the kind, such as "Video + Audio".
        frame_rate: pictures per second; None where Resolve does not say.
        frame_count: pictures; None where Resolve does not say.
    """

    path: str | None
    kind: str
    frame_rate: Fraction | None
    frame_count: int | None

    @property
    def is_compound(self) -> bool:
        """Whether it is made of other clips instead of a file."""
        return any(word in self.kind.lower() for word in COMPOUND_TYPES)

    @property
    def is_sequence(self) -> bool:
        """Whether it is a run of numbered pictures."""
        return self.path is not None and SEQUENCE_NAME.search(Path(self.path).name) is not None

    @property
    def is_offline(self) -> bool:
        """Whether the file is not where the project says."""
        return self.path is not None and not self.is_sequence and not Path(self.path).is_file()


def clips_on(opened: OpenTimeline, track_index: int) -> list[Clip]:
    """Items of a video track by time, without the ghosts of failed appends."""
    items = opened.timeline.GetItemListInTrack("video", track_index) or []
    if isinstance(items, dict):
        items = list(items.values())
    found = []
    for item, facts in zip(items, read_all(items, PLACE_METHODS)):
        unique_id, name, start, end, left, right, pool_item = facts
        if unique_id and start is not None and end is not None:
            found.append(
                Clip(
                    item=item,
                    id=str(unique_id),
                    name=str(name or ""),
                    track_index=track_index,
                    start_frame=round(start),
                    end_frame_exclusive=round(end),
                    left_offset=round(left or 0),
                    right_offset=round(right or 0),
                    pool_item=pool_item,
                )
            )
    return sorted(found, key=lambda clip: clip.start_frame)


def all_clips(opened: OpenTimeline) -> Iterator[Clip]:
    """Items of all video tracks, bottom first, without transitions."""
    for index in opened.tracks():
        yield from without_transitions(clips_on(opened, index))


def without_transitions(clips: list[Clip]) -> list[Clip]:
    """Transitions are listed as items; they alone lie over others of their track."""
    return [
        one
        for one in clips
        if one.pool_item is not None
        or not any(other is not one and overlap(one.place, other.place) for other in clips)
    ]


def is_enabled(clip: Clip) -> bool:
    """Whether the editor has not switched the clip off."""
    if not can(clip.item, "GetClipEnabled"):
        return True
    told = clip.item.GetClipEnabled()
    return told is None or bool(told)


def find_clip(opened: OpenTimeline, unique_id: str) -> Clip:
    """The clip with Resolve's unique id.

    Raises:
        ClipRefusedError: there is none on the current timeline.
    """
    for clip in all_clips(opened):
        if clip.id == unique_id:
            return clip
    raise ClipRefusedError(
        "the clip is no longer on the current timeline",
        next_step="open the timeline it lies on, or let Via look for clips again",
        reason="CLIP_NOT_FOUND",
    )


def range_now(
    clip: Clip, frame_range: tuple[int, int], anchor_frame: int | None, *, next_step: str
) -> tuple[int, int]:
    """Where the pictures that lay at `frame_range` lie now, after the clip was perhaps moved.

    Args:
        clip: as it lies now.
        frame_range: absolute timeline frames as they were.
        anchor_frame: the clip's own at that time; None where nobody kept it.
        next_step: what to do when they are gone.

    Raises:
        ClipRefusedError: the clip does not show all of them any more.
    """
    shift = 0 if anchor_frame is None else clip.anchor_frame - anchor_frame
    start, end = frame_range[0] + shift, frame_range[1] + shift
    if clip.start_frame <= start and end <= clip.end_frame_exclusive:
        return start, end
    raise ClipRefusedError(
        f"{clip.name or 'the clip'} was moved, trimmed or slipped meanwhile and no longer shows "
        "the frames this was made from",
        next_step=next_step,
        reason="CLIP_CHANGED",
    )


def delete_clips(timeline: Any, clips: list[Clip]) -> None:
    """Takes items off the timeline; the first try of some builds does nothing."""
    items = [clip.item for clip in clips]
    if items and not timeline.DeleteClips(items):
        timeline.DeleteClips(items)


def media_of(clip: Clip) -> Media:
    """What the media pool says of a clip."""
    return pool_media(clip.pool_item)


def pool_media(pool_item: Any) -> Media:
    """What the media pool says of one of its items; None where it is silent."""
    if pool_item is None:
        return Media(path=None, kind="", frame_rate=None, frame_count=None)
    properties = pool_item.GetClipProperty()
    if not isinstance(properties, dict):
        properties = {}
    path, frames = properties.get("File Path"), str(properties.get("Frames") or "")
    return Media(
        path=str(path) if path else None,
        kind=str(properties.get("Type") or ""),
        frame_rate=rate_of(properties.get("FPS")),
        frame_count=int(frames) if frames.isdecimal() else None,
    )


def media_frames(
    clip: Clip, media: Media, frame_range: tuple[int, int], timeline_rate: Fraction
) -> tuple[int, int] | None:
    """Pictures of the media file that a part of the clip shows, counted from the file's first.

    The cut's left offset says it; GetSourceStartFrame may be one off. None: Resolve does not say
    the media's rate.
    """
    if media.frame_rate is None:
        return None
    shift = clip.left_offset - clip.start_frame
    record_range = (frame_range[0] + shift, frame_range[1] + shift)
    start, end = media_range(record_range, timeline_rate, media.frame_rate)
    return start, end if media.frame_count is None else min(end, max(media.frame_count, start + 1))
