"""Clips a person can edit: those the bridge finds on a timeline, and files without Resolve."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeVar

import opentimelineio as otio
from pydantic import TypeAdapter, ValidationError

from resolve_scripts.errors import MissingMediaError, ResolveRefusedError

T = TypeVar("T")
Frames = tuple[int, int]
Route = Literal["media", "render"]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a clip cannot be edited, and what a person can do about it."""

    reason: str
    message: str
    next_step: str


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The timeline that is open in Resolve, as the bridge describes it."""

    project: str = ""
    timeline: str | None = None
    frame_rate: str = "24"
    drop_frame: bool = False
    product: str = "DaVinci Resolve"
    version_string: str = ""
    can: dict[str, bool]

    def timecode(self, frame: int) -> str:
        """Label of an absolute timeline frame, such as 01:00:00:12."""
        rate = float(Fraction(self.frame_rate))
        time = otio.opentime.RationalTime(frame, rate)
        try:
            return str(otio.opentime.to_timecode(time, rate, self.drop_frame))
        except ValueError:  # a rate that no timecode counts
            return f"frame {frame}"


@dataclass(frozen=True, kw_only=True)
class FoundClip:
    """A clip as the bridge found it; frames are absolute timeline frames, half-open.

    `frame_range` is the part of it to edit; None means all of it.
    """

    id: str
    name: str
    track_index: int
    track_name: str = ""
    start_frame: int
    end_frame_exclusive: int
    anchor_frame: int | None = None
    frame_range: Frames | None = None
    media_path: Path | None = None
    media_frame_range: Frames | None = None
    route: Route | None = None
    route_reason: str | None = None
    refusal: Refusal | None = None
    instruction: str | None = None
    takes: int = 0
    versions: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Where a clip lies: an absolute half-open range of a timeline's frames.

    `anchor_frame` is where its media would begin; None in books of earlier versions.
    """

    project: str
    timeline: str
    track_name: str
    start_frame: int
    end_frame_exclusive: int
    label: str
    anchor_frame: int | None = None


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip to edit.

    Attributes:
        id: the bridge's id of it, or one made of the file's path.
        media: the file it shows; None when there is none, as for compound clips.
        frame_range: the media frames it shows; None means all.
        route: whether the file is read as it is, or Resolve renders what it shows first.
        spot: where it lies on a timeline; None for a file.
        version_count: edits of it that lie on the timeline already.
        placed_jobs: the server's names of their jobs.
    """

    id: str
    name: str
    media: Path | None
    frame_range: Frames | None = None
    route: Route = "media"
    route_reason: str = ""
    refusal: Refusal | None = None
    instruction: str | None = None
    spot: Spot | None = None
    takes: int = 0
    version_count: int = 0
    placed_jobs: tuple[str, ...] = ()

    @property
    def has_own_media(self) -> bool:
        """Whether its pictures can be read from a media file, graded or not."""
        return self.media is not None and (self.spot is None or self.frame_range is not None)

    @property
    def frame_count(self) -> int | None:
        """Frames to edit, at the timeline's rate where it lies on one; None until looked into."""
        if self.spot is not None:
            return self.spot.end_frame_exclusive - self.spot.start_frame
        return None if self.frame_range is None else self.frame_range[1] - self.frame_range[0]

    @property
    def shot(self) -> tuple[str, ...]:
        """What is equal for all edits of the same shot."""
        if self.spot is None:
            return ("file", self.id)
        return (self.spot.project, self.spot.timeline, self.id)


_TIMELINES = TypeAdapter(Timeline)
_FOUND = TypeAdapter(tuple[FoundClip, ...])


def read_timeline(values: object) -> Timeline:
    """What the bridge's `describe` answered.

    Raises:
        ResolveRefusedError: it is something else.
    """
    return _read(_TIMELINES, values)


def read_clips(values: object, timeline: Timeline) -> tuple[Clip, ...]:
    """What the bridge's `list_clips` found on the timeline.

    Raises:
        ResolveRefusedError: the answer is something else.
    """
    return tuple(_clip(found, timeline) for found in _read(_FOUND, values))


def file_clip(path: Path) -> Clip:
    """A whole media file as a clip.

    Raises:
        MissingMediaError: there is no such file.
    """
    if not path.is_file():
        raise MissingMediaError(
            f"there is no file at {path}; check the path, or connect the disk it lies on"
        )
    digest = hashlib.sha256(str(path).encode(errors="surrogateescape")).hexdigest()
    return Clip(id=f"file-{digest[:12]}", name=path.name, media=path)


def _clip(found: FoundClip, timeline: Timeline) -> Clip:
    first, last = found.frame_range or (found.start_frame, found.end_frame_exclusive)
    spot = Spot(
        project=timeline.project,
        timeline=timeline.timeline or "",
        track_name=found.track_name or f"Video {found.track_index}",
        start_frame=first,
        end_frame_exclusive=last,
        label=f"{timeline.timecode(first)} – {timeline.timecode(last)}",
        anchor_frame=found.anchor_frame,
    )
    return Clip(
        id=found.id,
        name=found.name,
        media=found.media_path,
        frame_range=found.media_frame_range,
        route=found.route or "media",
        route_reason=found.route_reason or "",
        refusal=found.refusal or _offline(found),
        instruction=found.instruction,
        spot=spot,
        takes=found.takes,
        version_count=len(found.versions),
        placed_jobs=tuple(str(version.get("job")) for version in found.versions),
    )


def _offline(found: FoundClip) -> Refusal | None:
    """Resolve knows the path of a file that may be gone."""
    if found.media_path is None or found.route == "render" or found.media_path.is_file():
        return None
    return Refusal(
        reason="MEDIA_OFFLINE",
        message=f"its media is offline: there is no file at {found.media_path}",
        next_step="connect the disk, or relink the clip in the Media Pool, and look again",
    )


def _read(adapter: TypeAdapter[T], values: object) -> T:
    try:
        return adapter.validate_python(values)
    except ValidationError as error:
        raise ResolveRefusedError(
            f"the bridge inside Resolve answered something unexpected ({error.errors()[0]['msg']})",
            reason="BRIDGE_ANSWER_INVALID",
            next_step="run `via resolve install` again, so that both are of one version",
        ) from error
