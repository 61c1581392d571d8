"""Does an edited object keep its colour over time? Distances in CIEDE2000."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from via_engine.measure.metrics.fidelity import Clip, Masks

Lab = NDArray[np.floating[Any]]
"""(..., 3) CIE L*a*b*, white D65; L* is 0..100."""

_POW25_7 = 25.0**7


def mean_colours(frames: Clip, masks: Masks, *, least_share: float) -> Lab:
    """The mean colour inside the mask of every frame whose mask is large enough.

    Args:
        frames: sRGB.
        masks: where the object shows.
        least_share: share of the picture below which a frame tells nothing and is left out.

    Returns:
        (N, 3) Lab, N at most the number of frames.
    """
    found = [
        _lab(frame)[mask].mean(axis=0)
        for frame, mask in zip(frames, masks, strict=True)
        if mask.any() and mask.mean() >= least_share
    ]
    return np.array(found, np.float64).reshape(-1, 3)


def colour_spread(colours: Lab) -> float:
    """Mean CIEDE2000 distance of (N, 3) colours from their mean; not a number when N is 0."""
    if len(colours) == 0:
        return math.nan
    return float(delta_e_2000(colours, colours.mean(axis=0)).mean())


def majority_share(answers: Iterable[str | None]) -> float:
    """Share of all answers that equal the most frequent one, 0 to 1; not a number without any.

    None is no answer: it counts among all, but never as the majority, so that leaving everything
    as it is does not pass for agreement.
    """
    counts = Counter(answers)
    if not counts:
        return math.nan
    return max((counts[name] for name in counts if name is not None), default=0) / counts.total()


def delta_e_2000(first: Lab, second: Lab) -> NDArray[np.float64]:
    """CIEDE2000 colour difference, all weights 1: (...,) of two (..., 3) that broadcast.

    Source: Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula", 2005; names as there.
    """
    (lightness_1, chroma_1, hue_1), (lightness_2, chroma_2, hue_2) = _primed(first, second)
    colourless = chroma_1 * chroma_2 == 0
    turn = np.where(colourless, 0, (hue_2 - hue_1 + 180) % 360 - 180)
    # The table of the paper gives +180 where the formula leaves the sign open.
    turn = np.where((turn == -180) & (hue_2 > hue_1), 180, turn)
    delta_hue = 2 * np.sqrt(chroma_1 * chroma_2) * np.sin(np.radians(turn) / 2)
    lightness = (lightness_1 + lightness_2) / 2
    chroma = (chroma_1 + chroma_2) / 2
    hue = np.where(colourless, hue_1 + hue_2, _mean_hue(hue_1, hue_2))
    from_middle = (lightness - 50) ** 2
    parts_l = (lightness_2 - lightness_1) / (1 + 0.015 * from_middle / np.sqrt(20 + from_middle))
    parts_c = (chroma_2 - chroma_1) / (1 + 0.045 * chroma)
    parts_h = delta_hue / (1 + 0.015 * chroma * _hue_weight(hue))
    total = parts_l**2 + parts_c**2 + parts_h**2 + _rotation(chroma, hue) * parts_c * parts_h
    return np.asarray(np.sqrt(np.maximum(total, 0)))


def _primed(first: Lab, second: Lab) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """Lightness, chroma and hue in degrees, a* stretched where both colours are near grey."""
    one, two = np.broadcast_arrays(np.asarray(first, np.float64), np.asarray(second, np.float64))
    chroma = (np.hypot(one[..., 1], one[..., 2]) + np.hypot(two[..., 1], two[..., 2])) / 2
    stretch = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + _POW25_7))
    return _polar(one, stretch), _polar(two, stretch)


def _polar(lab: Lab, stretch: NDArray[Any]) -> tuple[Any, Any, Any]:
    a, b = lab[..., 1] * stretch, lab[..., 2]
    return lab[..., 0], np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def _mean_hue(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """The hue midway on the shorter arc, in degrees."""
    total = first + second
    across = np.abs(first - second) > 180
    return np.asarray(np.where(across, (total + np.where(total < 360, 360, -360)) / 2, total / 2))


def _hue_weight(hue: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(
        1
        - 0.17 * np.cos(np.radians(hue - 30))
        + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6))
        - 0.20 * np.cos(np.radians(4 * hue - 63))
    )


def _rotation(chroma: NDArray[Any], hue: NDArray[Any]) -> NDArray[Any]:
    angle = 30 * np.exp(-(((hue - 275) / 25) ** 2))
    weight = 2 * np.sqrt(chroma**7 / (chroma**7 + _POW25_7))
    return np.asarray(-np.sin(np.radians(2 * angle)) * weight)


def _lab(frame: NDArray[np.uint8]) -> Lab:
    return np.asarray(cv2.cvtColor(frame.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))
