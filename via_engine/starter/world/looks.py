"""Times of day, weather and styles as simple functions of any picture, real or drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def apply_look(picture: Picture, name: str) -> Picture:
    """The picture at another time, in other weather or in another style.

    Args:
        picture: (height, width, 3) float32 in [0, 1], RGB.
        name: one of `vocabulary.TIMES` or `vocabulary.STYLES`; "day" and "plain" change nothing.

    Returns:
        A new picture of the same shape and range.
    """
    if name in ("day", "plain"):
        return picture
    return np.clip(_LOOKS[name](picture), 0, 1).astype(np.float32)


def _night(picture: Picture) -> Picture:
    faded = 0.55 * picture + 0.45 * _grey(picture)
    return faded * _rgb(0.34, 0.4, 0.62) + _rgb(0.005, 0.012, 0.05)


def _sunset(picture: Picture) -> Picture:
    glow = np.exp(-(((_height(picture) - 0.42) / 0.3) ** 2))
    warm = picture * _rgb(1.02, 0.72, 0.56) + _rgb(0.06, 0.0, 0.03)
    return _float(warm + glow * _rgb(0.2, 0.09, -0.02))


def _winter(picture: Picture) -> Picture:
    faded = 0.42 * picture + 0.58 * _grey(picture)
    cold = 1 - (1 - faded) * _rgb(0.86, 0.8, 0.72)
    snow = 0.5 * np.clip((_height(picture) - 0.45) / 0.4, 0, 1)
    return _float(cold + snow * (_rgb(0.95, 0.97, 1.0) - cold))


def _fog(picture: Picture) -> Picture:
    thickness = 0.74 - 0.3 * _height(picture)
    return picture + thickness * (_rgb(0.8, 0.82, 0.84) - picture)


def _sketch(picture: Picture) -> Picture:
    grey = _grey(picture)[..., 0]
    sigma = 0.016 * min(picture.shape[:2])
    around = cv2.GaussianBlur(grey, (0, 0), sigma)
    lines = np.clip(grey / (around + 0.06), 0, 1) ** 2
    paper = 0.62 * lines + 0.2 * around + 0.18
    return _float(paper[..., None] * _rgb(1.0, 0.995, 0.98))


def _sepia(picture: Picture) -> Picture:
    return _grey(picture) * _rgb(0.96, 0.78, 0.55) + _rgb(0.06, 0.04, 0.02)


def _poster(picture: Picture) -> Picture:
    vivid = _grey(picture) + 1.5 * (picture - _grey(picture))
    levels = np.clip(vivid, 0, 1) * 4
    step = np.floor(levels)
    edge = np.clip((levels - step - 0.5) * 4 + 0.5, 0, 1)
    return _float((step + edge) / 4)


def _grey(picture: Picture) -> Picture:
    return _float((picture @ _LUMA)[..., None])


def _height(picture: Picture) -> Picture:
    rows = (np.arange(picture.shape[0], dtype=np.float32) + 0.5) / picture.shape[0]
    return _float(rows[:, None, None])


def _float(values: NDArray[np.floating[Any]]) -> Picture:
    return np.asarray(values, np.float32)


def _rgb(red: float, green: float, blue: float) -> Picture:
    return np.array([red, green, blue], np.float32)


_LOOKS: dict[str, Callable[[Picture], Picture]] = {
    "night": _night,
    "sunset": _sunset,
    "winter": _winter,
    "fog": _fog,
    "sketch": _sketch,
    "sepia": _sepia,
    "poster": _poster,
}
