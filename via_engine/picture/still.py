"""Single pictures: PNG for previews and contact sheets, files that people hand over."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from via_engine.errors import MediaNotFoundError, MediaUnreadableError


def encode_png(frame: NDArray[np.float32]) -> bytes:
    """PNG of a picture (H, W, 3) float32 R'G'B' in 0..1, at 8 bits per sample."""
    buffer = BytesIO()
    Image.fromarray(to_8_bit(frame), "RGB").save(buffer, "PNG")
    return buffer.getvalue()


def decode_png(data: bytes) -> NDArray[np.float32]:
    """Picture (H, W, 3) float32 R'G'B' in 0..1 of a PNG; alpha is left out.

    Raises:
        MediaUnreadableError: the bytes are no PNG, or are damaged.
    """
    try:
        with Image.open(BytesIO(data), formats=["PNG"]) as image:
            samples = np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise MediaUnreadableError(
            f"the {len(data)} bytes given are no readable PNG ({error}); send the picture again"
        ) from error
    return samples.astype(np.float32) / np.float32(255)


def read_still(path: Path) -> NDArray[np.float32]:
    """Picture (H, W, 3) float32 R'G'B' in 0..1 of a file Pillow reads; alpha is left out.

    Grey of 16 bits keeps them, and of floating point is clipped to the range.

    Raises:
        MediaNotFoundError: there is no such file.
        MediaUnreadableError: it is no picture, or is damaged.
    """
    if not path.is_file():
        raise MediaNotFoundError(f"there is no picture at {path}; check the path")
    try:
        with Image.open(path) as image:
            return _samples(image)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise MediaUnreadableError(
            f"{path} is no picture Via reads ({error}); give a PNG, TIFF or JPEG file"
        ) from error


def to_8_bit(frame: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Picture (H, W, 3) in 0..1 as uint8."""
    return np.rint(np.clip(frame, 0, 1) * 255).astype(np.uint8)


def _samples(image: Image.Image) -> NDArray[np.float32]:
    """(H, W, 3), 0..1; Pillow's own way to RGB cuts wider grey off at 255."""
    if image.mode == "F" or image.mode.startswith("I"):
        full = np.float32(1 if image.mode == "F" else 65_535)
        grey = np.clip(np.asarray(image).astype(np.float32) / full, 0, 1)
        return np.repeat(grey[..., np.newaxis], 3, axis=2)
    return np.asarray(image.convert("RGB")).astype(np.float32) / np.float32(255)
