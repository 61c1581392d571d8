"""Carries a mask from one frame to the next along the motion between them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Mask = NDArray[np.bool_]

# Masks need no finer motion, and time grows with the pixels.
_LONG_SIDE_PX = 512


def carried(mask: Mask, source: Frame, target: Frame) -> Mask:
    """The mask of `source` where its pixels are in `target`.

    Args:
        mask: (H, W) bool.
        source, target: (H, W, 3) uint8, RGB; neighbours in time, in either order.

    Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016.
    """
    if not mask.any():
        return mask.copy()
    height, width = mask.shape
    # From the target back, so that every pixel of the target gets an answer.
    motion = _motion(target, source)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    found = cv2.remap(
        mask.astype(np.float32),
        columns + motion[..., 0],
        rows + motion[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(found >= 0.5)


def _motion(start: Frame, end: Frame) -> NDArray[np.float32]:
    """(H, W, 2) float32: how far in pixels, x first, each pixel of `start` lies away in `end`."""
    height, width = start.shape[:2]
    scale = min(1.0, _LONG_SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    grey = [
        cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        for frame in (start, end)
    ]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = flow.calc(grey[0], grey[1], None)
    if size == (width, height):
        return np.asarray(found, np.float32)
    factors = np.array([width / size[0], height / size[1]], np.float32)
    return np.asarray(cv2.resize(found, (width, height)) * factors, np.float32)
