"""Whether two masks show the same thing: by the colours inside them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from via_engine.masks.outline import bounding_box

Frame = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Look = NDArray[np.float32]

# Bins of L*, a*, b* and the part of OpenCV's 0..255 in which colours of pictures lie.
_BINS = (4, 12, 12)
_RANGES = (0, 256, 60, 200, 60, 200)
_FEWEST_PIXELS = 20
# A colour that makes up this share of a look belongs to it.
_OWN_SHARE = 0.004


def look_of(frame: Frame, mask: Mask) -> Look:
    """The colours inside a mask, blurred over neighbouring shades.

    Args:
        frame: (H, W, 3) uint8, RGB.
        mask: (H, W) bool. Its rim is left out, for it may show what lies behind.

    Returns:
        (576,) float32 of length 1, all at least 0; zeros for an empty mask.
    """
    if not mask.any():
        return np.zeros(int(np.prod(_BINS)), np.float32)
    left, top, right, bottom = bounding_box(mask).astype(int)
    inside = np.asarray(mask[top:bottom, left:right], np.uint8)
    core = cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=0)
    if core.sum() < _FEWEST_PIXELS:
        core = inside
    lab = cv2.cvtColor(np.ascontiguousarray(frame[top:bottom, left:right]), cv2.COLOR_RGB2LAB)
    counts = cv2.calcHist([lab], [0, 1, 2], core, list(_BINS), list(_RANGES))
    for axis in range(counts.ndim):
        counts = _blurred(counts, axis)
    return _unit(np.sqrt(counts).ravel())


def plausible(frame: Frame, look: Look) -> Mask:
    """The pixels, (H, W) bool, whose colour is one of a look's; single ones follow the others."""
    lab = cv2.cvtColor(frame, cv2.COLOR_RGB2LAB)
    lowest, highest = np.array(_RANGES, np.float32).reshape(3, 2).T
    bins = (lab - lowest) / (highest - lowest) * np.array(_BINS, np.float32)
    places = np.clip(bins, 0, np.array(_BINS) - 1).astype(np.intp)
    own = (look.reshape(_BINS) ** 2 >= _OWN_SHARE)[tuple(np.moveaxis(places, -1, 0))]
    return np.asarray(cv2.medianBlur(own.astype(np.uint8), 3), np.bool_)


def likeness(one: Look, other: Look) -> float:
    """Bhattacharyya coefficient of two looks: 1 for equal colours, 0 for none in common."""
    return float(one @ other)


def mean_look(looks: list[Look]) -> Look:
    """What several looks have in common, of length 1; there must be one at least."""
    return _unit(np.mean(looks, axis=0))


def _blurred(counts: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Half of each bin stays, a quarter goes to either neighbour."""
    padded = np.pad(counts, [(1, 1) if one == axis else (0, 0) for one in range(counts.ndim)])
    inner = range(1, counts.shape[axis] + 1)
    neighbours = padded.take([i - 1 for i in inner], axis) + padded.take(
        [i + 1 for i in inner], axis
    )
    return np.asarray(counts / 2 + neighbours / 4, np.float32)


def _unit(values: NDArray[np.float32]) -> Look:
    length = float(np.linalg.norm(values))
    return np.asarray(values / length if length > 0 else values, np.float32)
