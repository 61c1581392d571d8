"""Single frames of clips as pictures to look at, small enough to hand about.

Frames are often asked for one after another, of a clip and of its edit by turns: what was decoded
last is gone on with instead of sought again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from via_engine.errors import RangeError
from via_engine.media_types import FrameRange, FrameView, MediaFile, MediaInfo, PictureFormat
from via_engine.picture.container import media_identity
from via_engine.picture.decode import read_frames
from via_engine.picture.native_size import to_working_size
from via_engine.picture.probe import probe_media
from via_engine.picture.still import to_8_bit

Picture = NDArray[np.float32]

_MAX_BYTES: Final = 3 << 20
_SHRINK: Final = 0.75
_JPEG_QUALITY: Final = 90
_OPEN_CLIPS: Final = 4
# Going on past a few frames takes less than seeking from the keyframe before them.
_NEAR_FRAMES: Final = 12


@dataclass
class _Position:
    """A clip that is being read, and the frame that comes next."""

    pictures: Generator[Picture]
    next_frame: int


class FrameViewer:
    """Shows frames; keeps the clips open that were looked at last."""

    def __init__(self) -> None:
        self._positions: OrderedDict[str, _Position] = OrderedDict()

    def view(
        self, media_file: MediaFile, frame: int, *, max_side_px: int, format_: PictureFormat
    ) -> FrameView:
        """The frame, upright, no side longer than `max_side_px` pixels and no more than 3 MiB.

        Raises:
            RangeError: the media does not have the frame.
            MediaError: the file is missing, no video, or damaged.
        """
        media = _media(media_file)
        if not 0 <= frame < media.frame_count:
            raise RangeError(
                f"frame {frame} lies outside {media.path.name}; give a frame from 0 to "
                f"{media.frame_count - 1}"
            )
        picture = self._read(media, frame)
        shown, data = _fitted(picture, max_side_px, format_)
        return FrameView(
            picture=data,
            width=shown.shape[1],
            height=shown.shape[0],
            upright_width=picture.shape[1],
            upright_height=picture.shape[0],
            media=media,
        )

    def _read(self, media: MediaInfo, frame: int) -> Picture:
        # Taken out meanwhile: a clip whose reading fails is not gone on with.
        position = self._positions.pop(media.identity, None)
        if position is None or not 0 <= frame - position.next_frame <= _NEAR_FRAMES:
            if position is not None:
                position.pictures.close()
            rest = FrameRange(frame, media.frame_count)
            position = _Position(pictures=read_frames(media, rest), next_frame=frame)
        for _ in range(frame - position.next_frame):
            next(position.pictures)
        picture = next(position.pictures)
        position.next_frame = frame + 1
        self._positions[media.identity] = position
        if len(self._positions) > _OPEN_CLIPS:
            self._positions.popitem(last=False)[1].pictures.close()
        return picture


def _media(media_file: MediaFile) -> MediaInfo:
    if isinstance(media_file, Path):
        return _probed(media_file, media_identity(media_file))
    return probe_media(media_file)  # a look at names, not into files


@lru_cache(maxsize=32)
def _probed(path: Path, identity: str) -> MediaInfo:
    """The media at a path; its identity tells whether it is still the same."""
    del identity
    return probe_media(path)


def _fitted(picture: Picture, max_side_px: int, format_: PictureFormat) -> tuple[Picture, bytes]:
    """The picture made small enough, and its file."""
    shrink = min(1.0, max_side_px / max(picture.shape[:2]))
    while True:
        shown = _shrunk(picture, shrink)
        data = _encoded(shown, format_)
        if len(data) <= _MAX_BYTES:
            return shown, data
        shrink *= _SHRINK


def _shrunk(picture: Picture, shrink: float) -> Picture:
    if shrink == 1:
        return picture
    height, width = (max(1, round(side * shrink)) for side in picture.shape[:2])
    return to_working_size(picture, width=width, height=height)


def _encoded(picture: Picture, format_: PictureFormat) -> bytes:
    buffer = BytesIO()
    Image.fromarray(to_8_bit(picture), "RGB").save(buffer, format_.value, quality=_JPEG_QUALITY)
    return buffer.getvalue()
