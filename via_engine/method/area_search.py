"""Finds what an edit may change, in the frames to edit and in those group and root come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from via_engine.edit_events import MaskReady
from via_engine.edit_settings import MatteClip, RootChoice, RootImage, StillMask
from via_engine.errors import MaskError, SubjectNotFoundError
from via_engine.masks.mask_track import MaskTrack
from via_engine.masks.own_mask import check_prompt, matte_track, prompted_track, still_track
from via_engine.masks.track import track_masks
from via_engine.media_types import FrameRange, MediaInfo
from via_engine.method.clip import Clip
from via_engine.method.edit_area import EditArea, edit_area, upright_size
from via_engine.method.frame_store import stored_frames
from via_engine.method.perception import Perception
from via_engine.picture.decode import read_frames
from via_engine.picture.probe import probe_media
from via_engine.picture.still import read_still

# Frames outside the range are looked at with these neighbours, which steady their masks.
_NEIGHBOURS = 2


@dataclass(frozen=True, kw_only=True)
class Areas:
    """Where the frames to edit, and the look's frames, may change; None is everywhere.

    `found` says in how many of the frames to edit the subject is; None for a global edit.
    """

    clip: EditArea | None = None
    look: EditArea | None = None
    found: MaskReady | None = None


def find_areas(clip: Clip, perception: Perception, check: Callable[[], None]) -> Areas:
    """The areas of a local edit; a global one may change everything.

    A mask of the editor's own is drawn for the clip to edit: where group and root come from
    another one, these see their whole pictures.

    Raises:
        SubjectNotFoundError: no frame shows what the instruction names.
        MaskError: a mask of the editor's own does not fit the clip.
        MediaError: a clip cannot be read.
    """
    if not clip.is_local:
        return Areas()
    search = _Search(clip=clip, perception=perception, check=check)
    local = clip.request.local
    if local.own_mask is None:
        own = [search.found(clip.media, part.frame_range) for part in clip.parts]
    else:
        own = search.own_tracks()
    lookers = _look_frames(clip)
    if not clip.is_its_own_look:
        area = edit_area(local, clip.media, own)
        if local.own_mask is not None:
            return Areas(clip=area, found=_summary(clip, area))
        others = search.around(clip.look, lookers, known=[])
        look = edit_area(local, clip.look, others)
    else:
        others = search.around(clip.media, lookers, known=own)
        area = look = edit_area(local, clip.media, [*own, *others])
    if search.faults and not any(_shows(track) for track in (*own, *others)):
        raise search.faults[0]
    return Areas(clip=area, look=look, found=_summary(clip, area))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Search:
    clip: Clip
    perception: Perception
    check: Callable[[], None]
    faults: list[SubjectNotFoundError] = field(default_factory=list)

    def found(self, media: MediaInfo, frame_range: FrameRange) -> MaskTrack:
        """What the plan names; empty masks, and a fault kept, when it is nowhere in the range."""
        clip = self.clip
        with stored_frames(
            media,
            frame_range,
            width=clip.width,
            height=clip.height,
            folder=clip.request.work_folder,
            check=self.check,
        ) as frames:
            try:
                return track_masks(
                    frames,
                    frame_range.start_frame,
                    clip.plan,
                    self.perception.grounder,
                    self.perception.segmenter,
                    self.check,
                    video_tracker=self.perception.video_tracker,
                )
            except SubjectNotFoundError as fault:
                self.faults.append(fault)
                return self._nothing(frame_range)

    def around(
        self, media: MediaInfo, frames: Sequence[int], known: Sequence[MaskTrack]
    ) -> list[MaskTrack]:
        """Tracks that hold those of the frames which `known` does not, each with its neighbours."""
        if not isinstance(self.clip.request.local.own_mask, StillMask | None):
            _refuse_unmasked([frame for frame in frames if not _holds(known, frame)])
        found = list(known)
        for frame in frames:
            if not _holds(found, frame):
                window = FrameRange(
                    max(0, frame - _NEIGHBOURS), min(media.frame_count, frame + _NEIGHBOURS + 1)
                )
                found.append(self._in_window(media, window))
        return found[len(known) :]

    def own_tracks(self) -> list[MaskTrack]:
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
            else self._nothing(part.frame_range)
            for part in clip.parts
        ]

    def _in_window(self, media: MediaInfo, window: FrameRange) -> MaskTrack:
        own = self.clip.request.local.own_mask
        if isinstance(own, StillMask):
            return self._still(own, window)
        return self.found(media, window)

    def _still(self, own: StillMask, frame_range: FrameRange) -> MaskTrack:
        width, height = upright_size(self.clip.media)
        return still_track(read_still(own.path), frame_range, width=width, height=height)

    def _prompted(self, frame_range: FrameRange) -> MaskTrack:
        clip = self.clip
        own = clip.request.local.own_mask
        assert own is not None and not isinstance(own, MatteClip | StillMask)
        width, height = upright_size(clip.media)
        with stored_frames(
            clip.media,
            frame_range,
            width=clip.width,
            height=clip.height,
            folder=clip.request.work_folder,
            check=self.check,
        ) as frames:
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

    def _nothing(self, frame_range: FrameRange) -> MaskTrack:
        empty = np.zeros((self.clip.height, self.clip.width), np.bool_)
        return MaskTrack.of(frame_range.start_frame, [empty] * frame_range.frame_count)


def _look_frames(clip: Clip) -> list[int]:
    """Frames of the look's clip that need a mask: the group's, and a root that was named."""
    frames = {frame for part in clip.parts for frame in part.group_frames}
    root = None if clip.request.adapt is None else clip.request.adapt.root
    if isinstance(root, RootChoice | RootImage) and 0 <= root.frame < clip.look.frame_count:
        frames.add(root.frame)
    return sorted(frames)


def _summary(clip: Clip, area: EditArea) -> MaskReady:
    frames = clip.request.frame_range.frames
    return MaskReady(
        phrases=() if clip.request.local.own_mask is not None else clip.plan.phrases,
        frames_with_subject=sum(area.holds_subject(frame) for frame in frames),
        frames_total=len(frames),
    )


def _holds(tracks: Sequence[MaskTrack], frame: int) -> bool:
    return any(track.frame_range.contains(FrameRange(frame, frame + 1)) for track in tracks)


def _shows(track: MaskTrack) -> bool:
    return any(track.holds_subject(frame) for frame in track.frame_range.frames)


def _refuse_unmasked(frames: Sequence[int]) -> None:
    if frames:
        raise MaskError(
            f"the mask covers the frames to edit, but group or root lie in frames {frames} "
            "outside them; leave the group range out, or choose a root inside"
        )
