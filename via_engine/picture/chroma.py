"""Chroma planes to full size and back, so that going up and down again changes nothing.

Horizontal: chroma sits on even luma columns (left sited: H.264, HEVC, MPEG-2, ProRes). Vertical:
between two luma lines. Each way up is paired with its biorthogonal way down (LeGall 5/3 and its
3/1 cousin), a proper low-pass for edited pictures and exact for untouched ones.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_DOWN_COLUMNS = np.array([-1, 2, 6, 2, -1], np.float32) / 8


def upsampled(plane: Plane, *, width: int, height: int) -> Plane:
    """Plane (h, w) float32 at the luma size (height, width), by doubling each axis as needed."""
    while plane.shape[1] < width:
        plane = _double_columns(plane)
    while plane.shape[0] < height:
        size = (plane.shape[1], 2 * plane.shape[0])
        plane = cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)
    return plane[:height, :width]


def halved_columns(plane: Plane) -> Plane:
    """Plane (H, W) float32 to (H, ceil(W / 2)), sited on even columns."""
    identity = np.ones(1, np.float32)
    filtered: Plane = cv2.sepFilter2D(
        plane, cv2.CV_32F, _DOWN_COLUMNS, identity, borderType=cv2.BORDER_REFLECT_101
    )
    return filtered[:, ::2]


def halved_lines(plane: Plane) -> Plane:
    """Plane (H, W) float32 of even height to (H / 2, W), sited between two lines."""
    padded = np.pad(plane, ((1, 1), (0, 0)), mode="symmetric")
    inner = padded[1:-2:2] + padded[2:-1:2]
    outer = padded[0:-3:2] + padded[3::2]
    return np.float32(0.75) * inner - np.float32(0.25) * outer


def _double_columns(plane: Plane) -> Plane:
    doubled = np.repeat(plane, 2, axis=1)
    doubled[:, 1:-1:2] += plane[:, 1:]
    doubled[:, 1:-1:2] *= 0.5
    return doubled
