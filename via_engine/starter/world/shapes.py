"""Outlines of the object kinds as signed distance, in units of the object's radius."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
GRID_SIZE = 256
HALF_WIDTH = 1.3
_FINE = 4

# How far in from the outline the surface keeps rising: 1 is a sphere, less a pillow.
BEVELS = {
    "ball": 1.0,
    "box": 0.3,
    "star": 0.34,
    "triangle": 0.34,
    "ring": 0.26,
    "heart": 0.45,
    "diamond": 0.34,
    "flower": 0.32,
}


@lru_cache(maxsize=16)
def signed_distance(kind: str) -> NDArray[np.float32]:
    """Distance to the outline of a kind, negative inside.

    Returns:
        (GRID_SIZE, GRID_SIZE) float32 over [-HALF_WIDTH, HALF_WIDTH] in both axes, in radii.
    """
    fine_size = GRID_SIZE * _FINE
    drawing = np.zeros((fine_size, fine_size), np.uint8)
    for points, value in _outlines(kind):
        pixels = (points / HALF_WIDTH + 1) * fine_size / 2
        cv2.fillPoly(drawing, [np.round(pixels).astype(np.int32)], value)
    outside = cv2.distanceTransform(1 - drawing, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inside = cv2.distanceTransform(drawing, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    radii = (outside - inside) * np.float32(2 * HALF_WIDTH / fine_size)
    small = cv2.resize(radii, (GRID_SIZE, GRID_SIZE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _outlines(kind: str) -> list[tuple[Points, int]]:
    """Closed polygons of a kind, each filled (1) or cut out (0)."""
    turn = np.linspace(0, 2 * math.pi, 181)[:-1]
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    heart = np.stack([np.sin(turn) ** 3, -_heart_height(turn)], axis=1)
    filled = {
        "ball": circle,
        "ring": circle,
        "box": np.array([(-0.86, -0.86), (0.86, -0.86), (0.86, 0.86), (-0.86, 0.86)]),
        "diamond": np.array([(0, -1.12), (0.72, 0), (0, 1.12), (-0.72, 0)]),
        "triangle": np.add(_corners(np.full(3, 1.15)), (0, 0.15)),
        "star": _corners(np.tile((1.15, 0.5), 5)),
        "flower": (0.82 + 0.3 * np.cos(5 * turn))[:, None] * circle,
        "heart": np.add(1.08 * heart, (0, 0.05)),
    }
    holes = [(circle * 0.5, 0)] if kind == "ring" else []
    return [(filled[kind], 1), *holes]


def _corners(reach: NDArray[np.float64]) -> Points:
    """Corners at equal angles, the first one straight up."""
    angles = -math.pi / 2 + np.arange(len(reach)) * 2 * math.pi / len(reach)
    return np.asarray(reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1))


def _heart_height(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    waves = (13, 1), (-5, 2), (-2, 3), (-1, 4)
    return np.asarray(sum(size * np.cos(times * turn) for size, times in waves) / 15)
