"""Masks as shapes: their boxes and parts, cleaned of specks, or with room around them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Boxes = NDArray[np.float32]

_SPECK_SHARE = 0.03
_SPECK_PX = 9


def bounding_box(mask: Mask) -> Boxes:
    """(4,) float32 left, top, right, bottom of what is set, right and bottom exclusive.

    The mask must not be empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def parts(mask: Mask) -> list[Mask]:
    """The connected parts of a mask without specks, the largest first; none of an empty one."""
    labels, areas = _labelled(mask)
    kept = [row for row in np.argsort(-areas) if areas[row] >= _speck_limit(mask)] or [0]
    return [np.asarray(labels == 1 + row) for row in kept if len(areas)]


def without_specks(mask: Mask) -> Mask:
    """The mask without parts and holes that are tiny beside it.

    A part that is all there is stays, however small: of a subject that leaves the frame, little
    is left.
    """
    cleaned = _without_small_parts(mask, _speck_limit(mask))
    return ~_without_small_parts(~cleaned, _speck_limit(cleaned))


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union, 0..1; 0 when both are empty."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 0.0


def grown(mask: Mask) -> Mask:
    """The mask and what is close by: a twentieth of its size around it, 2 pixels at least."""
    radius = max(2, round(np.sqrt(np.count_nonzero(mask)) / 20))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel), np.bool_)


def with_room(mask: Mask, scale: float) -> Mask:
    """A roomier region for each part: its convex hull and its box, enlarged about its middle.

    Between hull and box it keeps an ellipse's corners out: (H, W) bool, a superset of `mask`.
    """
    grown = mask.astype(np.uint8)
    for part in parts(mask):
        left, top, right, bottom = bounding_box(part)
        middle = np.array([(left + right - 1) / 2, (top + bottom - 1) / 2])
        outline = np.argwhere(part)[:, ::-1]
        hull = cv2.convexHull(outline.astype(np.int32))[:, 0]
        wider = np.rint((hull - middle) * scale + middle).astype(np.int32)
        cv2.fillConvexPoly(grown, wider, 1)
        axes = (scale * (right - left) / 2, scale * (bottom - top) / 2)
        cv2.ellipse(grown, (tuple(middle), tuple(2 * np.array(axes)), 0), 1, -1)
    return grown.astype(np.bool_)


def _speck_limit(mask: Mask) -> int:
    return max(_SPECK_PX, int(_SPECK_SHARE * np.count_nonzero(mask)))


def _without_small_parts(mask: Mask, limit: int) -> Mask:
    labels, areas = _labelled(mask)
    if len(areas) == 0:
        return mask
    kept = np.concatenate([[False], (areas >= limit) | (areas == areas.max())])
    return np.asarray(kept[labels])


def _labelled(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The number of each pixel's connected part, 0 for none, and the areas from part 1 on."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return labels, statistics[1:, cv2.CC_STAT_AREA]
