"""Finds what an edit may change, in the frames to edit and in those group and root come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from via_engine.edit_events import MaskReady
from via_engine.edit_settings import MatteClip, StillMask
from via_engine.errors import MaskError, SubjectNotFoundError
from via_engine.masks.mask_track import MaskTrack
from via_engine.masks.matte_track import MatteTrack
from via_engine.masks.own_mask import check_prompt, matte_track, prompted_track, still_track
from via_engine.masks.plan import Region
from via_engine.masks.track import track_masks
from via_engine.media_types import FrameRange, MediaInfo
from via_engine.method.clip import Clip
from via_engine.method.edit_area import EditArea, Track, edit_area, upright_size
from via_engine.method.frame_store import stored_frames
from via_engine.method.perception import Perception
from via_engine.method.shot_parts import ShotPart
from via_engine.method.track_cache import TrackCache, TrackSettings
from via_engine.picture.decode import read_frames
from via_engine.picture.probe import probe_media
from via_engine.picture.still import read_still

# A shot up to this long is looked through whole, whichever of its frames are asked for: all ranges
# and previews of it share their masks, and with them group and root.
WHOLE_SHOT_FRAMES = 96
# In a longer one the frames that make the look are looked at with these neighbours, which steady
# their masks.
_NEIGHBOURS = 2


@dataclass(frozen=True, kw_only=True)
class Areas:
    """Where the frames to edit, and the look's frames, may change; None is everywhere.

    `found` says in how many of the frames to edit the subject is; None for a global edit. `unseen`
    are the phrases that were not found although others were.
    """

    clip: EditArea | None = None
    look: EditArea | None = None
    found: MaskReady | None = None
    unseen: tuple[str, ...] = ()


def find_areas(
    clip: Clip, perception: Perception, kept: TrackCache, check: Callable[[], None]
) -> Areas:
    """The areas of a local edit; a global one may change everything.

    A mask of the editor's own is drawn for the clip to edit: where group and root come from
    another one, these see their whole pictures. Masks that were found are looked up in `kept` and
    left there.

    Raises:
        SubjectNotFoundError: no frame shows what the instruction names, or none of those whose
            look is shared.
        MaskError: a mask of the editor's own does not fit the clip.
        MediaError: a clip cannot be read.
    """
    if not clip.is_local:
        return Areas()
    search = _Search(clip=clip, perception=perception, kept=kept, check=check)
    local = clip.request.local
    if local.own_mask is None:
        own: list[Track] = [
            search.found(clip.media, _looked_through(clip, part)) for part in clip.parts
        ]
    else:
        own = search.own_tracks()
    area = edit_area(local, clip.media, own)
    if local.own_mask is not None and not clip.is_its_own_look:
        return Areas(clip=area, found=_summary(clip, area))
    look = edit_area(local, clip.look, search.look_tracks(own))
    if search.fault is not None and not search.has_found:
        raise search.fault
    if not clip.is_its_own_look:
        _check_lends(clip, look)
    unseen = search.unseen if clip.plan.names_its_subject else ()
    return Areas(clip=area, look=look, found=_summary(clip, area), unseen=unseen)


def check_shows(clip: Clip, areas: Areas) -> None:
    """Refuses an edit of frames of which none may change.

    Raises:
        SubjectNotFoundError: they do not show what the instruction names.
        MaskError: they lie outside a mask of the editor's own.
    """
    if areas.found is None or areas.found.frames_with_subject:
        return
    frames = clip.request.frame_range
    told = f"frames {frames.start_frame} to {frames.end_frame_exclusive - 1}"
    if clip.request.local.own_mask is not None:
        raise MaskError(
            f"the mask leaves nothing to edit in {told}; it must be white where the edit goes"
        )
    named = " or ".join(f'"{phrase}"' for phrase in clip.plan.phrases)
    raise SubjectNotFoundError(
        f"{told} leave nothing to edit beside {named}; choose a range that does, or edit the "
        "whole picture"
        if clip.plan.region is Region.BACKGROUND
        else f"{told} do not show {named} clearly; choose a range that does, name it in other "
        "words, edit the whole picture, or give a mask of your own"
    )


@dataclass(kw_only=True, eq=False)
class _Search:
    """Looks through a clip and its look; `fault` says where it found nothing."""

    clip: Clip
    perception: Perception
    kept: TrackCache
    check: Callable[[], None]
    fault: SubjectNotFoundError | None = None
    has_found: bool = False
    seen: dict[TrackSettings, MaskTrack] = field(default_factory=dict)

    def found(self, media: MediaInfo, frame_range: FrameRange) -> MaskTrack:
        """What the plan names; a fault is kept when it is nowhere in the range."""
        clip, plan = self.clip, self.clip.plan
        settings = TrackSettings(
            media_identity=media.identity,
            frame_range=frame_range,
            phrases=plan.phrases,
            region=plan.region,
            changes_shape=plan.changes_shape,
            width=clip.width,
            height=clip.height,
            model=clip.request.model,
        )
        if settings in self.seen:
            return self.seen[settings]
        track = self.kept.find(settings)
        try:
            track = track or self._tracked(media, frame_range)
        except SubjectNotFoundError as fault:
            self.fault = self.fault or fault
            track = self._alike(
                frame_range, changes=plan.region is Region.BACKGROUND, unseen=plan.phrases
            )
        else:
            self.kept.keep(settings, track)
            self.has_found = True
        self.seen[settings] = track
        return track

    @property
    def unseen(self) -> tuple[str, ...]:
        """The phrases that nothing shows of all that was looked through; none with an own mask."""
        tracks = self.seen.values()
        return tuple(
            phrase
            for phrase in self.clip.plan.phrases
            if tracks and all(phrase in track.unseen for track in tracks)
        )

    def look_tracks(self, own: Sequence[Track]) -> list[Track]:
        """The masks of the frames that group and root may come from.

        Args:
            own: masks of the frames to edit.
        """
        clip = self.clip
        frames = _look_frames(clip)
        if not isinstance(clip.request.local.own_mask, StillMask | None):
            _refuse_unmasked([frame for frame in frames if not _holds(own, frame)])
            return list(own)
        shots = {part.group_range for part in clip.parts if _is_short(part.group_range)}
        found = [self._in_look(shot) for shot in sorted(shots, key=lambda one: one.start_frame)]
        for frame in frames:
            if not _holds(found, frame):
                first = max(0, frame - _NEIGHBOURS)
                window = FrameRange(first, frame + _NEIGHBOURS + 1)
                found.append(self._in_look(window.common_with(_shot_of(clip, frame))))
        return found

    def own_tracks(self) -> list[Track]:
        """The mask of the editor's own for the frames to edit."""
        clip = self.clip
        own = clip.request.local.own_mask
        width, height = upright_size(clip.media)
        if isinstance(own, StillMask):
            return [self._still(own, clip.request.frame_range)]
        if isinstance(own, MatteClip):
            matte = probe_media(own.path)
            return [
                matte_track(
                    read_frames(matte, matte.frame_range),
                    clip.request.frame_range,
                    matte_frames=matte.frame_count,
                    media_frames=clip.media.frame_count,
                    width=width,
                    height=height,
                )
            ]
        assert own is not None
        check_prompt(own, clip.request.frame_range, width=width, height=height)
        return [
            self._prompted(part.frame_range)
            if part.frame_range.contains(FrameRange(own.frame, own.frame + 1))
            else self._alike(part.frame_range, changes=False)
            for part in clip.parts
        ]

    def _tracked(self, media: MediaInfo, frame_range: FrameRange) -> MaskTrack:
        clip = self.clip
        with self._stored(media, frame_range) as frames:
            return track_masks(
                frames,
                frame_range.start_frame,
                clip.plan,
                self.perception.grounder,
                self.perception.segmenter,
                self.check,
                video_tracker=self.perception.video_tracker,
            )

    def _in_look(self, frame_range: FrameRange) -> Track:
        own = self.clip.request.local.own_mask
        if isinstance(own, StillMask):
            return self._still(own, frame_range)
        return self.found(self.clip.look, frame_range)

    def _still(self, own: StillMask, frame_range: FrameRange) -> MatteTrack:
        width, height = upright_size(self.clip.media)
        return still_track(read_still(own.path), frame_range, width=width, height=height)

    def _prompted(self, frame_range: FrameRange) -> MaskTrack:
        clip = self.clip
        own = clip.request.local.own_mask
        assert own is not None and not isinstance(own, MatteClip | StillMask)
        width, height = upright_size(clip.media)
        with self._stored(clip.media, frame_range) as frames:
            return prompted_track(
                frames,
                frame_range,
                own,
                self.perception.segmenter,
                self.check,
                width=width,
                height=height,
                video_tracker=self.perception.video_tracker,
            )

    def _stored(
        self, media: MediaInfo, frame_range: FrameRange
    ) -> AbstractContextManager[NDArray[np.uint8]]:
        clip = self.clip
        return stored_frames(
            media,
            frame_range,
            width=clip.width,
            height=clip.height,
            folder=clip.request.work_folder,
            check=self.check,
        )

    def _alike(
        self, frame_range: FrameRange, *, changes: bool, unseen: tuple[str, ...] = ()
    ) -> MaskTrack:
        mask = np.full((self.clip.height, self.clip.width), changes, np.bool_)
        masks = [mask] * frame_range.frame_count
        return MaskTrack.of(frame_range.start_frame, masks, unseen=unseen)


def _check_lends(clip: Clip, look: EditArea) -> None:
    """Refuses a borrowed group without the subject: every frame would be edited on its own."""
    frames = [frame for part in clip.parts for frame in part.group_frames]
    if frames and not look.showing(frames):
        named = " or ".join(f'"{phrase}"' for phrase in clip.plan.phrases)
        raise SubjectNotFoundError(
            f"the frames of {clip.look.path.name} whose look is shared ({_listed(frames)}) do not "
            f"show {named} clearly; share the look of another job, or edit this clip by itself"
        )


def _listed(frames: Sequence[int]) -> str:
    return ", ".join(str(frame) for frame in frames)


def _is_short(shot: FrameRange) -> bool:
    return shot.frame_count <= WHOLE_SHOT_FRAMES


def _looked_through(clip: Clip, part: ShotPart) -> FrameRange:
    """The frames to edit, or all of a short shot that holds them."""
    shot = part.group_range
    is_whole = clip.is_its_own_look and _is_short(shot) and shot.contains(part.frame_range)
    return shot if is_whole else part.frame_range


def _shot_of(clip: Clip, look_frame: int) -> FrameRange:
    shots = (part.group_range for part in clip.parts if look_frame in part.group_range.frames)
    return next(shots, clip.look.frame_range)


def _look_frames(clip: Clip) -> list[int]:
    """Frames of the look's clip that need a mask: the group's, and those the root may be."""
    frames = {frame for part in clip.parts for frame in part.group_frames}
    adapt = clip.request.adapt
    if adapt is not None and adapt.root is not None:
        frames.update(range(clip.look.frame_count)[adapt.root.frame : adapt.root.frame + 1])
    elif adapt is not None and adapt.adapter is None:
        frames.update(clip.root_frames)
    return sorted(frames)


def _summary(clip: Clip, area: EditArea) -> MaskReady:
    frames = clip.request.frame_range.frames
    return MaskReady(
        phrases=() if clip.request.local.own_mask is not None else clip.plan.phrases,
        frames_with_subject=sum(area.holds_subject(frame) for frame in frames),
        frames_total=len(frames),
        is_background=clip.plan.region is Region.BACKGROUND and clip.request.local.own_mask is None,
    )


def _holds(tracks: Sequence[Track], frame: int) -> bool:
    return any(frame in track.frame_range.frames for track in tracks)


def _refuse_unmasked(frames: Sequence[int]) -> None:
    if frames:
        raise MaskError(
            f"the mask covers the frames to edit, but group or root lie in frames {frames} "
            "outside them; leave the group range out, or choose a root inside"
        )
