"""Single pictures as PNG, for previews and contact sheets."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from via_engine.errors import MediaUnreadableError


def encode_png(frame: NDArray[np.float32]) -> bytes:
    """PNG of a picture (H, W, 3) float32 R'G'B' in 0..1, at 8 bits per sample."""
    samples = np.rint(np.clip(frame, 0, 1) * 255).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(samples, "RGB").save(buffer, "PNG")
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
