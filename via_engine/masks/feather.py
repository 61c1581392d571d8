"""From a mask to how much of the edit shows: in pixels of the picture and in latents."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Alpha = NDArray[np.float32]


def feathered(mask: Mask, *, width: int, height: int, dilation_px: int, feather_px: int) -> Alpha:
    """How much of the edit shows in each pixel of the picture.

    The mask is brought to the picture's size with a smooth outline, grows by `dilation_px`, and
    fades linearly over `feather_px` beyond that; all pixels are the picture's.

    Args:
        mask: (h, w) bool of any size and the picture's aspect.
        width, height: of the picture.
        dilation_px: at least 0.
        feather_px: at least 0; 0 gives a hard edge.

    Returns:
        (height, width) float32: 1 in the grown mask, exactly 0 from `feather_px` beyond it.
    """
    inside = _at_size(mask, width, height)
    if not inside.any() or inside.all():
        return inside.astype(np.float32)
    distance = cv2.distanceTransform(
        np.asarray(~inside, np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    beyond = distance - dilation_px
    if feather_px == 0:
        return np.asarray(beyond <= 0, np.float32)
    return np.asarray(np.clip(1 - beyond / feather_px, 0, 1), np.float32)


def latent_mask(feathered_masks: Alpha, rows: int, columns: int) -> Alpha:
    """The latents that an edit may change: all that a part of the mask touches.

    Args:
        feathered_masks: (B, H, W) float32, 0..1, of any size.
        rows, columns: of the latents.

    Returns:
        (B, 1, rows, columns) float32, 0 or 1.
    """
    down = _touched(np.asarray(feathered_masks > 0), rows, axis=1)
    across = _touched(down, columns, axis=2)
    return across[:, np.newaxis].astype(np.float32)


def _at_size(mask: Mask, width: int, height: int) -> Mask:
    if mask.shape == (height, width):
        return mask
    is_smaller = width * height < mask.size
    interpolation = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    resized = cv2.resize(mask.astype(np.float32), (width, height), interpolation=interpolation)
    # A thin mask made smaller must not vanish, so what it touches at all counts there.
    return np.asarray(resized > 0 if is_smaller else resized >= 0.5)


def _touched(pixels: Mask, cells: int, *, axis: int) -> Mask:
    """Along one axis, whether any pixel that overlaps each of `cells` equal cells is set."""
    length = pixels.shape[axis]
    parts = [
        pixels.take(
            range(cell * length // cells, max(-(-(cell + 1) * length // cells), 1)), axis=axis
        ).any(axis=axis)
        for cell in range(cells)
    ]
    return np.stack(parts, axis=axis)
