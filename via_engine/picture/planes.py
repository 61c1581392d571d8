"""Sample planes of a video frame to float R'G'B' pictures and back, never by way of 8 bits."""

from __future__ import annotations

import cv2
import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from via_engine.errors import MediaUnreadableError
from via_engine.picture.chroma import halved_columns, halved_lines, upsampled
from via_engine.picture.colour import code_scale, rgb_to_yuv, yuv_to_rgb

Picture = NDArray[np.float32]

_SAMPLING = {
    (1, 1): "444",
    (2, 1): "422",
    (2, 2): "420",
    (4, 1): "411",
    (4, 4): "410",
    (1, 2): "440",
}
_STORED_BITS = (8, 9, 10, 12, 14, 16)


def picture_from_frame(
    frame: VideoFrame, matrix: int, *, full_range: bool, clipped: bool = True
) -> Picture:
    """Stored frame as R'G'B' (H, W, 3) float32 in 0..1, not rotated; alpha is left out.

    Without `clipped`, samples that no colour in 0..1 has keep what they say, so that
    `frame_from_picture` gives them back.

    Raises:
        MediaUnreadableError: samples are laid out in a way Via does not read.
    """
    planar = _planar(frame)
    bits = planar.format.components[0].bits
    planes = [_read_plane(plane, bits) for plane in planar.planes[:3]]
    if planar.format.is_rgb:
        green, blue, red = planes
        picture = _from_codes([red, green, blue], bits, full_range=full_range)
    elif len(planes) < 3:
        picture = _from_codes([planes[0]] * 3, bits, full_range=full_range)
    else:
        size = {"width": frame.width, "height": frame.height}
        chroma = [upsampled(plane, **size) for plane in planes[1:]]
        to_rgb = yuv_to_rgb(matrix, bits, full_range=full_range)
        picture = cv2.transform(cv2.merge([planes[0], *chroma]), to_rgb)
    return np.clip(picture, 0, 1, out=picture) if clipped else picture


def frame_from_picture(
    picture: Picture, pixel_format: str, matrix: int, *, keep_reserved: bool = False
) -> VideoFrame:
    """Picture (H, W, 3) in 0..1 as a limited-range Y'CbCr frame of a planar `pixel_format`.

    The lowest and highest codes are reserved for synchronisation; a source may hold them all the
    same, and `keep_reserved` lets them through.
    """
    height, width = picture.shape[:2]
    frame = VideoFrame(width, height, pixel_format)
    bits = frame.format.components[0].bits
    codes = cv2.split(cv2.transform(picture, rgb_to_yuv(matrix, bits, full_range=False)))
    for plane, samples in zip(frame.planes, codes, strict=True):
        sited = halved_columns(samples) if plane.width < width else samples
        sited = halved_lines(sited) if plane.height < height else sited
        _write_plane(plane, sited, bits, keep_reserved=keep_reserved)
    return frame


def plane_samples(plane: VideoPlane, bits: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The codes (height, width) of a plane of `bits` a sample, sharing its memory."""
    samples = memoryview(plane)
    stored = np.frombuffer(samples, np.uint8) if bits == 8 else np.frombuffer(samples, np.uint16)
    return stored.reshape(plane.height, -1)[:, : plane.width]


def _planar(frame: VideoFrame) -> VideoFrame:
    """The frame with one plane per component; repacking alone, no matrix, range or depth."""
    name = _planar_name(frame.format)
    own = frame.format.name.replace("yuvj", "yuv").replace("yuva", "yuv").replace("gbrap", "gbrp")
    if own == name:
        return frame
    if own.startswith("xyz"):
        raise _unsupported(frame.format)
    try:
        return frame.reformat(format=name)
    except ValueError as error:
        raise _unsupported(frame.format) from error


def _planar_name(pixel_format: VideoFormat) -> str:
    deepest = max(component.bits for component in pixel_format.components)
    bits = next((stored for stored in _STORED_BITS if stored >= deepest), deepest)
    suffix = "" if bits == 8 else f"{bits}le"
    if pixel_format.is_rgb or pixel_format.has_palette:
        return f"gbrp{suffix}"
    if sum(not component.is_alpha for component in pixel_format.components) < 3:
        return f"gray{suffix}"
    across = 16 // pixel_format.chroma_width(16)
    down = 16 // pixel_format.chroma_height(16)
    return f"yuv{_SAMPLING[across, down]}p{suffix}"


def _read_plane(plane: VideoPlane, bits: int) -> Picture:
    return plane_samples(plane, bits).astype(np.float32)


def _write_plane(plane: VideoPlane, codes: Picture, bits: int, *, keep_reserved: bool) -> None:
    step = 1 << (bits - 8)
    lowest, highest = (0, 256 * step - 1) if keep_reserved else (step, 255 * step - 1)
    plane_samples(plane, bits)[:] = np.clip(np.rint(codes), lowest, highest)


def _from_codes(planes: list[Picture], bits: int, *, full_range: bool) -> Picture:
    black, span, _ = code_scale(bits, full_range=full_range)
    picture: Picture = cv2.merge(planes)
    picture -= np.float32(black)
    picture /= np.float32(span)
    return picture


def _unsupported(pixel_format: VideoFormat) -> MediaUnreadableError:
    return MediaUnreadableError(
        f"pixel format {pixel_format.name} is not supported; convert the clip to ProRes first"
    )
