"""One frame of a clip as a picture to look at, small enough to hand about."""

from __future__ import annotations

from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from via_engine.edit_types import FrameView, MediaFile, PictureFormat
from via_engine.errors import RangeError
from via_engine.picture.decode import read_frames_at
from via_engine.picture.native_size import to_working_size
from via_engine.picture.probe import probe_media
from via_engine.picture.still import to_8_bit

_MAX_BYTES: Final = 3 << 20
_SHRINK: Final = 0.75
_JPEG_QUALITY: Final = 90


def view_frame(
    media_file: MediaFile, frame: int, *, max_side_px: int, format_: PictureFormat
) -> FrameView:
    """The frame, upright, no side longer than `max_side_px` pixels and no more than 3 MiB.

    Raises:
        RangeError: the media does not have the frame.
        MediaError: the file is missing, no video, or damaged.
    """
    media = probe_media(media_file)
    if not 0 <= frame < media.frame_count:
        raise RangeError(
            f"frame {frame} lies outside {media.path.name}; give a frame from 0 to "
            f"{media.frame_count - 1}"
        )
    (picture,) = read_frames_at(media, [frame])
    height, width = picture.shape[:2]
    shrink = min(1.0, max_side_px / max(width, height))
    while True:
        shown = _shrunk(picture, shrink)
        data = _encoded(shown, format_)
        if len(data) <= _MAX_BYTES:
            break
        shrink *= _SHRINK
    return FrameView(
        picture=data,
        width=shown.shape[1],
        height=shown.shape[0],
        upright_width=width,
        upright_height=height,
        media=media,
    )


def _shrunk(picture: NDArray[np.float32], shrink: float) -> NDArray[np.float32]:
    if shrink == 1:
        return picture
    height, width = (max(1, round(side * shrink)) for side in picture.shape[:2])
    return to_working_size(picture, width=width, height=height)


def _encoded(picture: NDArray[np.float32], format_: PictureFormat) -> bytes:
    buffer = BytesIO()
    Image.fromarray(to_8_bit(picture), "RGB").save(buffer, format_.value, quality=_JPEG_QUALITY)
    return buffer.getvalue()
