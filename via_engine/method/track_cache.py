"""Resident masks: a stretch of a clip is looked through once for what an instruction names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from via_engine.masks.mask_track import MaskTrack
from via_engine.masks.plan import Region
from via_engine.media_types import FrameRange
from via_engine.method.byte_cache import ByteCache


@dataclass(frozen=True, kw_only=True)
class TrackSettings:
    """Everything the masks of a phrase depend on; `model` is the editor they were made for."""

    media_identity: str
    frame_range: FrameRange
    phrases: tuple[str, ...]
    region: Region
    changes_shape: bool
    width: int
    height: int
    model: str


TrackCache: TypeAlias = ByteCache[TrackSettings, MaskTrack]
