"""How near one clip is to another, picture by picture, inside a mask or outside it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Clip = NDArray[np.uint8]
"""(T, H, W, 3) uint8 RGB."""
Masks = NDArray[np.bool_]
"""(T, H, W) bool."""


def masked_psnr(first: Clip, second: Clip, where: Masks) -> float:
    """Peak signal-to-noise ratio over the pixels of the masks, all frames taken together.

    PSNR = 10 log10(1 / (Σ B ‖Δ‖² / (3 Σ B))), samples scaled to 0..1.

    Returns:
        dB; infinite for equal pixels, not a number when the masks hold no pixel.

    Source: PnPInversion's masked PSNR (Ju et al. 2024) with the area of the mask put right.
    """
    return _decibels(_squared_errors(first, second)[where])


def zeroed_psnr(first: Clip, second: Clip, where: Masks) -> float:
    """PSNR over whole pictures that are black outside the masks, as papers print it.

    PnPInversion and FiVE count the black pixels as perfectly kept, so this exceeds `masked_psnr`
    by 10 log10(1 / area), where area is the share of all pixels that the masks hold. It is here
    to be compared with published tables.

    Returns:
        dB; infinite for equal pixels, not a number when the clips hold no pixel.
    """
    return _decibels(_squared_errors(first, second) * where[..., None])


def mean_change(first: Clip, second: Clip, where: Masks) -> float:
    """Mean absolute difference per sample over the pixels of the masks, in levels of 255.

    Not a number when the masks hold no pixel.
    """
    changes = np.abs(first.astype(np.float64) - second)[where]
    return float(changes.mean()) if changes.size else math.nan


def corner_masks(frame_count: int, height: int, width: int, *, share: float) -> dict[str, Masks]:
    """The four corners of every frame by name, each `share` of the height by `share` of the width.

    Where no mask of the background exists, its corners are what an edit of the subject in the
    middle has no reason to change.
    """
    rows, columns = max(1, round(share * height)), max(1, round(share * width))
    found = {}
    for vertical, part_of_rows in (("top", slice(None, rows)), ("bottom", slice(-rows, None))):
        for horizontal, part in (("left", slice(None, columns)), ("right", slice(-columns, None))):
            mask = np.zeros((frame_count, height, width), np.bool_)
            mask[:, part_of_rows, part] = True
            found[f"{vertical} {horizontal}"] = mask
    return found


def _squared_errors(first: Clip, second: Clip) -> NDArray[np.float64]:
    return ((first.astype(np.float64) - second) / 255) ** 2


def _decibels(squared_errors: NDArray[Any]) -> float:
    if squared_errors.size == 0:
        return math.nan
    mean = float(squared_errors.mean())
    return math.inf if mean == 0 else -10 * math.log10(mean)
