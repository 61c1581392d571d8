"""What a batch will do with each clip: the frames to edit, the edit as the server fills it in, and
what it will cost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from via.v1 import edit_pb2, media_pb2

from resolve_scripts.batch.found_clip import FoundClip, Refused
from resolve_scripts.client import ViaClient
from resolve_scripts.edit_message import edit_spec
from resolve_scripts.edit_settings import EditSettings
from resolve_scripts.errors import (
    ClipNotSupportedError,
    ServerUnreachableError,
    ViaClientError,
)
from resolve_scripts.timeline.clip_edit import ClipEdit
from resolve_scripts.timeline.mapping import MediaFrames
from resolve_scripts.timeline.media import (
    ImageSequence,
    Media,
    check_pictures,
)
from resolve_scripts.timeline.need import MediaFacts, MediaNeed, needed_media
from resolve_scripts.timeline.retime import time_scalar
from resolve_scripts.transfer import MediaDesk


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipPlan:
    """What will be done with a clip.

    Attributes:
        edit: the clip, what to change in it, and where it is seen.
        media: its media on this machine.
        need: the media frames to edit.
        facts: what the media itself holds.
        spec: the edit of exactly these frames, every setting filled in.
        source_hash: what the server calls the media's content; equal means the same media.
        working_px: width and height at which the model works.
        estimated_s: expected run time; None when it is not known.
        estimated_memory_bytes: expected memory on the worker's device, likewise.
        is_measured: whether both are what the model took before, not computed from its size.
        warnings: what the server says of media and model, a sentence each.
    """

    edit: ClipEdit
    media: Media
    need: MediaNeed
    facts: MediaFacts
    spec: edit_pb2.EditSpec
    source_hash: str
    working_px: tuple[int, int]
    estimated_s: float | None
    estimated_memory_bytes: int | None
    is_measured: bool
    warnings: tuple[str, ...]

    @property
    def media_name(self) -> Path:
        """The file, or a name for the numbered pictures such as "shot.####.png"."""
        if isinstance(self.media, ImageSequence):
            return self.media.pattern
        return self.media.path

    @property
    def model(self) -> str:
        """Name of the model; "identity" where none runs."""
        return "identity" if self.spec.identity else self.spec.model

    def held(self, frame_count: int) -> ClipPlan:
        """The same with its frozen picture held for so many frames."""
        if self.need.hold is None or self.need.hold.frame_count == frame_count:
            return self
        spec = edit_pb2.EditSpec()
        spec.CopyFrom(self.spec)
        spec.hold_frames = frame_count
        hold = replace(self.need.hold, frame_count=frame_count)
        return replace(self, spec=spec, need=replace(self.need, hold=hold))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know, a sentence each."""
        return *self.need.notes, *self.warnings


Planned = ClipPlan | Refused
PlanKey = tuple[Media, str, EditSettings, MediaFrames | None, int]


class Planner:
    """Asks a server what edits would do, once for those that differ in frames only.

    Args:
        client: the server.
        desk: names media to it.
        handles: record frames to render beyond each end of a clip.
        in_place: whether edits take the place of the clips' media, not a track of their own.
    """

    def __init__(self, client: ViaClient, desk: MediaDesk, *, handles: int, in_place: bool) -> None:
        self._client = client
        self._desk = desk
        self._handles = handles
        self._in_place = in_place
        self._media: dict[Media, media_pb2.MediaInfo] = {}
        self._plans: dict[PlanKey, edit_pb2.EditPlan] = {}

    def plan(self, clip: FoundClip) -> Planned:
        """What will be done with the clip, or why nothing can be.

        Raises:
            ServerUnreachableError: the server is lost.
        """
        try:
            return self._planned(clip)
        except ServerUnreachableError:
            raise
        except ViaClientError as error:
            return Refused(error=error, edit=clip.edit)

    def _planned(self, clip: FoundClip) -> ClipPlan:
        info = self._media_info(clip.media)
        facts = MediaFacts(
            frame_rate=Fraction(info.frame_rate.num, info.frame_rate.den),
            frame_count=info.frame_count,
            start_timecode=info.start_timecode,
        )
        need = needed_media(clip.edit, handles=self._handles, facts=facts, in_place=self._in_place)
        if not self._in_place:
            _check_stack(clip.edit)
        if isinstance(clip.media, ImageSequence):
            need = _without_gaps(clip.media, need)
            check_pictures(clip.media, need.frames)
        plan = self._edit_plan(clip, need)
        spec = edit_pb2.EditSpec()
        spec.CopyFrom(plan.resolved_spec)
        spec.frame_range.start_frame = need.frames.start_frame
        spec.frame_range.end_frame_exclusive = need.frames.end_frame_exclusive
        seconds = plan.estimated_duration.ToTimedelta().total_seconds() / max(1, plan.frame_count)
        has_memory = plan.HasField("estimated_memory_bytes")
        return ClipPlan(
            edit=clip.edit,
            media=clip.media,
            need=need,
            facts=facts,
            spec=spec,
            source_hash=info.identity,
            working_px=(plan.working_width, plan.working_height),
            estimated_s=seconds * need.frames.frame_count or None,
            estimated_memory_bytes=plan.estimated_memory_bytes if has_memory else None,
            is_measured=plan.is_measured,
            warnings=tuple(plan.warnings),
        )

    def _media_info(self, media: Media) -> media_pb2.MediaInfo:
        """What the media holds, by an identity edit: no model has to be known for that."""
        if media not in self._media:
            spec = edit_pb2.EditSpec(source=self._desk.source(media), identity=True)
            if isinstance(media, ImageSequence):
                frame = _first_there(media)
                spec.frame_range.start_frame = frame
                spec.frame_range.end_frame_exclusive = frame + 1
            self._media[media] = self._client.validate_edit(spec).media
        return self._media[media]

    def _edit_plan(self, clip: FoundClip, need: MediaNeed) -> edit_pb2.EditPlan:
        settings, frames = clip.settings, need.frames
        hold_frames = 0 if need.hold is None else need.hold.frame_count
        has_own = settings.local.mask is not None or settings.adapt is not None
        # Whether a mask or a root fits depends on the range; all else does not.
        fitted = frames if has_own else None
        key = clip.media, clip.edit.instruction, settings, fitted, hold_frames
        if key not in self._plans:
            spec = edit_spec(
                self._desk,
                clip.media,
                clip.edit.instruction,
                settings,
                frame_range=(frames.start_frame, frames.end_frame_exclusive),
            )
            spec.hold_frames = hold_frames
            self._plans[key] = self._client.validate_edit(spec)
        return self._plans[key]


def _check_stack(edit: ClipEdit) -> None:
    """Refuses a track of its own in a timeline that is retimed as a whole, and so would it be."""
    if time_scalar(edit.place.levels[0].item) != 1:
        raise ClipNotSupportedError(
            "the timeline as a whole is retimed, and a VIA track would be too; use --place replace",
            reason="RETIME_NOT_SUPPORTED",
        )


def _without_gaps(pictures: ImageSequence, need: MediaNeed) -> MediaNeed:
    """The need without handles that lie behind missing pictures; what is shown stays in it."""
    gaps = [number - pictures.start_number for number in pictures.missing]
    shown, wanted = need.shown, need.frames
    before = [gap + 1 for gap in gaps if gap < shown.start_frame]
    after = [gap for gap in gaps if gap >= shown.end_frame_exclusive]
    frames = replace(
        wanted,
        start_frame=max([wanted.start_frame, *before]),
        end_frame_exclusive=min([wanted.end_frame_exclusive, *after]),
    )
    if frames == wanted:
        return need
    note = "its handles end where pictures are missing"
    return replace(need, frames=frames, notes=(*need.notes, note))


def _first_there(sequence: ImageSequence) -> int:
    """The first media frame whose picture is there."""
    missing = {number - sequence.start_number for number in sequence.missing}
    return next((frame for frame in range(sequence.count) if frame not in missing), 0)
