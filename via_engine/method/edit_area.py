"""Where an edit may change a clip: the mask of every frame needed, at the size of the source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from via_engine.edit_settings import LocalSettings, MatteClip, StillMask
from via_engine.masks.feather import feathered
from via_engine.masks.mask_track import MaskTrack
from via_engine.masks.matte_track import MatteTrack
from via_engine.media_types import MediaInfo

Track = MaskTrack | MatteTrack
Alphas = NDArray[np.float32]
"""(frames, H, W), 0 where the source stays, 1 where the edit stands."""
_DILATION_SHARE = 0.015
_FEATHER_SHARE = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class EditArea:
    """Masks of the frames of one clip.

    Attributes:
        tracks: masks at working size, or mattes at that of the source; every frame asked for lies
            in one of them.
        width, height: of the upright source, in pixels.
        dilation_px, feather_px: how the masks grow and fade at that size. A matte that does
            neither keeps its own edges.
    """

    tracks: tuple[Track, ...]
    width: int
    height: int
    dilation_px: int
    feather_px: int

    def alphas(self, frames: Sequence[int]) -> Alphas:
        """The feathered masks of some frames."""
        return np.stack([self._alpha(frame) for frame in frames])

    def holds_subject(self, frame: int) -> bool:
        """Whether anything of the frame may change."""
        return bool(self._mask(frame).any())

    def showing(self, frames: Iterable[int]) -> list[int]:
        """Those of the frames whose masks are known and in which something may change."""
        return [frame for frame in frames if self._holds(frame) and self.holds_subject(frame)]

    def identity(self, frames: Iterable[int]) -> str:
        """Hex digest of what `alphas` gives for these frames."""
        digest = hashlib.sha256(f"{self.dilation_px} {self.feather_px}".encode())
        for frame in frames:
            digest.update(self._track(frame).bytes_of(frame))
        return digest.hexdigest()

    def _holds(self, frame: int) -> bool:
        return any(frame in track.frame_range.frames for track in self.tracks)

    def _alpha(self, frame: int) -> NDArray[np.float32]:
        track = self._track(frame)
        if isinstance(track, MatteTrack) and self.dilation_px == self.feather_px == 0:
            return track.alpha(frame)
        return feathered(
            track.mask(frame),
            width=self.width,
            height=self.height,
            dilation_px=self.dilation_px,
            feather_px=self.feather_px,
        )

    def _mask(self, frame: int) -> NDArray[np.bool_]:
        return self._track(frame).mask(frame)

    def _track(self, frame: int) -> Track:
        return next(track for track in self.tracks if frame in track.frame_range.frames)


def edit_area(local: LocalSettings, media: MediaInfo, tracks: Sequence[Track]) -> EditArea:
    """The area of these masks, with margins in pixels of the media.

    A mask of the editor's own that is drawn, not found, keeps its edges unless asked not to.
    """
    width, height = upright_size(media)
    shorter = min(width, height)
    is_drawn = isinstance(local.own_mask, MatteClip | StillMask)
    dilation_px = 0 if is_drawn else round(_DILATION_SHARE * shorter)
    feather_px = 0 if is_drawn else round(_FEATHER_SHARE * shorter)
    return EditArea(
        tracks=tuple(tracks),
        width=width,
        height=height,
        dilation_px=dilation_px if local.dilation_px is None else local.dilation_px,
        feather_px=feather_px if local.feather_px is None else local.feather_px,
    )


def upright_size(media: MediaInfo) -> tuple[int, int]:
    """Width and height of the media's pictures as they are decoded, in pixels."""
    turned = media.rotation_degrees % 180 == 90
    return (media.height, media.width) if turned else (media.width, media.height)
