"""What stands behind the objects: five landscapes, and abstract pictures that act as photos.

Every painter is a function of world coordinates, so the camera may pan for ever and any frame
size shows the same place: `x` and `y` are (height, width) float32 grids in frame heights, `y`
from 0 at the top to 1 at the bottom.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.floating[Any]]
Picture = NDArray[np.floating[Any]]
Colour = tuple[float, float, float]
_NOISE_SIZE = 256
_NOISE_SHEETS = 24
_PHOTO_SIZE = 384


def paint_background(name: str, seed: int, x: Grid, y: Grid, drift: float) -> Picture:
    """One background over a grid of world coordinates.

    Args:
        name: one of `vocabulary.BACKGROUNDS` or "photo".
        seed: which meadow, which city.
        x, y: (height, width) float32 world coordinates in frame heights.
        drift: how far the clouds have moved, in frame heights.

    Returns:
        (height, width, 3) float32 in [0, 1], RGB.
    """
    chance = np.random.default_rng((7, seed))
    shift = float(chance.uniform(0, 90))
    horizon = float(chance.uniform(0.5, 0.66))
    tone = chance.uniform(-0.05, 0.05, 3).astype(np.float32)
    if name == "photo":
        return _sample_photo(seed, x, y)
    picture = _PAINTERS[name](x + shift, y, horizon, drift)
    return np.clip(picture + tone * 0.6, 0, 1).astype(np.float32)


def _meadow(x: Grid, y: Grid, horizon: float, drift: float) -> Picture:
    picture = _sky(
        x, y, drift=drift, top=(0.3, 0.56, 0.93), bottom=(0.84, 0.93, 1.0), horizon=horizon
    )
    picture = _hill(
        picture, x, y, level=horizon - 0.07, rise=0.1, colour=(0.42, 0.62, 0.62), pace=0.6
    )
    picture = _hill(
        picture, x, y, level=horizon - 0.02, rise=0.07, colour=(0.3, 0.54, 0.33), pace=1.1
    )
    bushes = horizon + 0.015 - 0.05 * _noise(3, x * 2.3, y * 0.0)
    picture = _below(picture, y, bushes, _rgb(0.16, 0.38, 0.2) + _speckle(x, y, 5.0, 0.1))
    near = np.clip((y - horizon) / (1 - horizon), 0, 1)[..., None]
    grass = _mix(_rgb(0.5, 0.74, 0.3), _rgb(0.2, 0.5, 0.16), near) + _speckle(x, y * 2, 1.8, 0.16)
    picture = _below(picture, y, np.full_like(y, horizon + 0.03), grass)
    return _flowers(picture, x, y, horizon + 0.06)


def _desert(x: Grid, y: Grid, horizon: float, drift: float) -> Picture:
    picture = _sky(
        x,
        y,
        drift=drift,
        top=(0.42, 0.66, 0.86),
        bottom=(0.99, 0.9, 0.74),
        horizon=horizon,
        clouds=0.25,
    )
    picture = _hill(
        picture, x, y, level=horizon - 0.05, rise=0.09, colour=(0.78, 0.52, 0.36), pace=0.8
    )
    for index, (level, colour) in enumerate(
        ((0.0, (0.93, 0.74, 0.46)), (0.12, (0.88, 0.66, 0.37)), (0.27, (0.81, 0.57, 0.3)))
    ):
        crest = horizon + level - 0.09 * _noise(index + 1, x * 0.35 + index, y * 0.0)
        depth = np.clip((y - crest) / 0.14, 0, 1)[..., None]
        ripples = 0.02 * np.sin((y - crest) * 150 + 5 * _noise(2, x, y))[..., None]
        dune = _rgb(*colour) * (1.08 - 0.2 * depth) + ripples
        picture = _below(picture, y, crest, dune)
    return picture


def _beach(x: Grid, y: Grid, horizon: float, drift: float) -> Picture:
    sea_line = horizon - 0.08
    picture = _sky(
        x, y, drift=drift, top=(0.25, 0.6, 0.95), bottom=(0.86, 0.96, 1.0), horizon=sea_line
    )
    near = np.clip((y - sea_line) / 0.24, 0, 1)[..., None]
    waves = 0.16 * (_noise(4, x * 0.9 + drift, y * 9) - 0.5)[..., None]
    sea = _mix(_rgb(0.07, 0.34, 0.62), _rgb(0.3, 0.78, 0.8), near) + waves
    picture = _below(picture, y, np.full_like(y, sea_line), sea)
    shore = horizon + 0.13 - 0.09 * _noise(2, x * 0.4, y * 0.0)
    picture = _below(picture, y, shore - 0.018, _rgb(0.96, 0.98, 0.98) + 0 * waves)
    sand = _mix(
        _rgb(0.8, 0.68, 0.48), _rgb(0.97, 0.89, 0.7), np.clip((y - shore) / 0.1, 0, 1)[..., None]
    )
    return _below(picture, y, shore, sand + _speckle(x, y * 1.4, 3.5, 0.09))


def _snow(x: Grid, y: Grid, horizon: float, drift: float) -> Picture:
    picture = _sky(
        x,
        y,
        drift=drift,
        top=(0.56, 0.72, 0.88),
        bottom=(0.92, 0.95, 0.99),
        horizon=horizon,
        clouds=0.6,
    )
    ridge = horizon - 0.04 - 0.3 * np.abs(2 * _noise(2, x * 0.45, y * 0.0) - 1)
    crag = _noise(2, x * 1.1, y * 1.9)[..., None]
    rock = _mix(_rgb(0.46, 0.53, 0.65), _rgb(0.9, 0.94, 0.99), np.clip(crag * 3 - 1.0, 0, 1))
    picture = _below(picture, y, ridge, rock)
    teeth = np.abs(((x * 17) % 1.0) - 0.5)
    firs = horizon - 0.005 - 0.07 * _noise(3, x * 1.3, y * 0.0) + 0.05 * teeth
    picture = _below(picture, y, firs, _rgb(0.14, 0.27, 0.27) + _speckle(x, y, 4.0, 0.08))
    ground = horizon + 0.02 - 0.03 * _noise(1, x * 0.6, y * 0.0)
    shade = np.clip(_noise(2, x * 0.5, y * 2.2) * 1.6 - 0.4, 0, 1)[..., None]
    return _below(picture, y, ground, _mix(_rgb(0.78, 0.86, 0.96), _rgb(0.97, 0.985, 1.0), shade))


def _city(x: Grid, y: Grid, horizon: float, _drift: float) -> Picture:
    street = horizon + 0.14
    up = np.clip(y / street, 0, 1)[..., None]
    picture = _mix(_rgb(0.03, 0.04, 0.14), _rgb(0.34, 0.2, 0.42), up**1.6)
    for row, (pitch, low, tall, colour) in enumerate(
        ((0.11, 0.3, 0.36, (0.13, 0.12, 0.26)), (0.17, 0.16, 0.34, (0.07, 0.07, 0.15)))
    ):
        block = np.floor(x / pitch + row * 0.4)
        roof = street - low * 0.5 - tall * _hash(block, block * 0 + row)
        picture = _below(picture, y, roof, _rgb(*colour) + 0 * picture)
        column, floor = np.floor(x / 0.07), np.floor(y / 0.085)
        pane = _within(x / 0.07, 0.3, 0.07 * y.shape[0]) * _within(
            y / 0.085, 0.28, 0.085 * y.shape[0]
        )
        lit = (_hash(column + 31 * row, floor) > 0.55) & (y > roof + 0.015) & (y < street)
        lamp = _mix(_rgb(1, 0.8, 0.38), _rgb(0.75, 0.85, 1.0), _hash(column, floor + 7)[..., None])
        picture = _mix(picture, lamp * (0.56 + 0.2 * row), (pane * lit)[..., None])
    depth = np.clip((y - street) / 0.3, 0, 1)[..., None]
    glow = _noise(3, x * 2.4, y * 0.5)[..., None] ** 3
    wet = _rgb(0.1, 0.1, 0.17) * (1 - 0.4 * depth) + glow * _rgb(1.0, 0.66, 0.3) * (1 - depth)
    return _below(picture, y, np.full_like(y, street), wet)


_PAINTERS: dict[str, Callable[[Grid, Grid, float, float], Picture]] = {
    "meadow": _meadow,
    "desert": _desert,
    "beach": _beach,
    "snow": _snow,
    "city": _city,
}


def _sky(
    x: Grid,
    y: Grid,
    *,
    drift: float,
    top: Colour,
    bottom: Colour,
    horizon: float,
    clouds: float = 0.9,
) -> Picture:
    sky = _mix(_rgb(*top), _rgb(*bottom), np.clip(y / horizon, 0, 1)[..., None])
    cover = np.clip((_noise(1, x * 0.42 + drift, y * 1.05 + 0.2) - 0.52) * 4.5, 0, 1) * clouds
    cover = cover * np.clip((horizon - y) / (0.6 * horizon), 0, 1)
    lit = 1 - 0.16 * _noise(4, x * 0.8 + drift, y * 1.6)[..., None]
    return _mix(sky, _rgb(1, 1, 1) * lit, cover[..., None])


def _hill(
    picture: Picture,
    x: Grid,
    y: Grid,
    *,
    level: float,
    rise: float,
    colour: Colour,
    pace: float,
) -> Picture:
    crest = level - rise * (_noise(2, x * pace * 0.5, y * 0.0) - 0.4)
    shade = 1 - 0.5 * np.clip(y - crest, 0, 0.3)[..., None]
    return _below(picture, y, crest, _rgb(*colour) * shade)


def _flowers(picture: Picture, x: Grid, y: Grid, top: float) -> Picture:
    """Round blossoms on a loose grid, below a line."""
    across, down = x / 0.085, (y - top) / 0.07
    row = np.floor(down)
    column = np.floor(across + 0.5 * (row % 2))
    away_x = across + 0.5 * (row % 2) - column - 0.3 - 0.4 * _hash(column, row + 3)
    away_y = down - row - 0.3 - 0.4 * _hash(column + 5, row)
    distance = np.sqrt(away_x**2 + away_y**2)
    present = (_hash(column, row) < 0.4) & (down > 0)
    cover = np.where(present, np.clip((0.26 - distance) * 7, 0, 0.9), 0)[..., None]
    bloom = _mix(_rgb(1, 0.95, 0.72), _rgb(0.97, 0.7, 0.85), _hash(column + 9, row)[..., None])
    return _mix(picture, bloom, cover)


def _within(cells: Grid, half_width: float, cell_px: float) -> Grid:
    """How far each place lies in the middle of its cell: 1 inside, with an edge of one pixel."""
    return np.asarray(np.clip((half_width - np.abs(cells % 1 - 0.5)) * cell_px + 0.5, 0, 1))


def _below(picture: Picture, y: Grid, line: Grid, paint: Picture) -> Picture:
    """Paint everything under a line, with a soft edge of about one pixel."""
    pixels = picture.shape[0]
    cover = np.clip((y - line) * pixels + 0.5, 0, 1)[..., None]
    return np.asarray(picture + cover * (paint - picture), np.float32)


def _speckle(x: Grid, y: Grid, pace: float, strength: float) -> Picture:
    return np.asarray(strength * (_noise(5, x * pace, y * pace) - 0.5)[..., None], np.float32)


def _mix(first: Picture, second: Picture, share: Picture) -> Picture:
    return np.asarray(first + share * (second - first), np.float32)


def _rgb(red: float, green: float, blue: float) -> Picture:
    return np.array([red, green, blue], np.float32)


def _hash(first: Grid, second: Grid) -> Grid:
    """A repeatable number in [0, 1) for each pair of whole numbers."""
    mixed = np.sin(first * 12.9898 + second * 78.233) * 437.585
    return np.asarray(mixed - np.floor(mixed), np.float32)


def _noise(sheet: int, x: Grid, y: Grid) -> Grid:
    """Soft periodic noise in [0, 1]; one unit of x or y crosses a quarter of the sheet.

    Where pixels lie further apart than the sheet's own, the sheet is blurred first, so that
    small frames show no false texture and nothing shimmers when the camera pans.
    """
    scale = np.float32(_NOISE_SIZE / 4)
    at_x = np.mod(x * scale, _NOISE_SIZE).astype(np.float32)
    at_y = np.mod(y * scale + 0 * at_x, _NOISE_SIZE).astype(np.float32)
    steps = _step(x * scale, axis=1), _step(y * scale, axis=0)
    sheet_pixels = _blurred_sheet(sheet, 1.5 if sheet < 4 else 0.9, *steps)
    found = cv2.remap(sheet_pixels, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(found, np.float32)


def _step(grid: Grid, *, axis: int) -> float:
    """Middle distance of neighbouring samples, in eighths of an octave and at least 1."""
    if grid.shape[axis] < 2:
        return 1.0
    distance = float(np.median(np.abs(np.diff(grid, axis=axis))))
    return float(2 ** (round(8 * np.log2(max(1.0, distance))) / 8))


@lru_cache(maxsize=8 * _NOISE_SHEETS)
def _blurred_sheet(sheet: int, slope: float, step_x: float, step_y: float) -> Grid:
    pixels = noise_sheet(sheet, slope)
    sigma_x, sigma_y = (0.5 * np.sqrt(step**2 - 1) + 1e-3 for step in (step_x, step_y))
    wide = np.pad(pixels, _NOISE_SIZE // 4, mode="wrap")
    blurred = cv2.GaussianBlur(wide, (0, 0), sigma_x, sigmaY=sigma_y)
    inner = slice(_NOISE_SIZE // 4, -_NOISE_SIZE // 4)
    return np.ascontiguousarray(blurred[inner, inner])


@lru_cache(maxsize=_NOISE_SHEETS)
def noise_sheet(sheet: int, slope: float) -> Grid:
    """Tileable 1/f^slope noise, (256, 256) float32 spread over [0, 1]."""
    chance = np.random.default_rng((11, sheet))
    return _spectral_noise(chance, _NOISE_SIZE, slope)


def _spectral_noise(chance: np.random.Generator, size: int, slope: float) -> Grid:
    rows = np.fft.fftfreq(size)[:, None]
    columns = np.fft.rfftfreq(size)[None, :]
    distance = np.sqrt(rows**2 + columns**2)
    distance[0, 0] = 1
    shape = (size, size // 2 + 1)
    waves = chance.normal(size=shape) + 1j * chance.normal(size=shape)
    field = np.fft.irfft2(waves / distance**slope, s=(size, size))
    ranks = (field - field.mean()) / (field.std() * 4) + 0.5
    return np.asarray(np.clip(ranks, 0, 1), np.float32)


def _sample_photo(seed: int, x: Grid, y: Grid) -> Picture:
    scale = np.float32(_PHOTO_SIZE / 2.4)
    at_x = np.mod(x * scale, _PHOTO_SIZE).astype(np.float32)
    at_y = (y * scale + np.float32(0.2 * _PHOTO_SIZE)).astype(np.float32)
    found = cv2.remap(_photo(seed), at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(found, np.float32)


@lru_cache(maxsize=4)
def _photo(seed: int) -> Picture:
    """Abstract content with the statistics of photographs: soft areas, edges, fine texture."""
    chance = np.random.default_rng((13, seed))
    size = _PHOTO_SIZE
    slope = float(chance.uniform(1.0, 1.9))
    shared = _spectral_noise(chance, size, slope)
    chroma = float(chance.uniform(0.1, 0.5))
    channels = [
        shared + chroma * (_spectral_noise(chance, size, slope + 0.2) - 0.5) for _ in range(3)
    ]
    picture = np.stack(channels, axis=2)
    picture += chance.uniform(-0.25, 0.25, 3)
    if chance.random() < 0.5:
        rows = np.linspace(0, 1, size)[:, None, None]
        picture = 0.6 * picture + 0.4 * (
            chance.uniform(0, 1, 3) * (1 - rows) + chance.uniform(0, 1, 3) * rows
        )
    picture = np.ascontiguousarray(picture, np.float32)
    for _ in range(int(chance.integers(0, 14))):
        _stamp_polygon(picture, chance)
    if chance.random() < 0.4:
        picture += 0.14 * (_spectral_noise(chance, size, 0.3)[..., None] - 0.5)
    return np.asarray(np.clip(picture, 0, 1), np.float32)


def _stamp_polygon(picture: Picture, chance: np.random.Generator) -> None:
    """Lay one shaded polygon or disc over the picture, in place."""
    size = picture.shape[0]
    reach = float(chance.uniform(0.04, 0.3)) * size
    corners = int(chance.choice((3, 4, 4, 5, 24)))
    angles = (
        np.sort(chance.uniform(0, 2 * np.pi, corners)) if corners < 9 else np.linspace(0, 6.2, 24)
    )
    around = chance.uniform(0, size, 2) + reach * np.stack([np.cos(angles), np.sin(angles)], 1)
    cover = np.zeros((size, size), np.float32)
    cv2.fillPoly(cover, [np.round(around * 8).astype(np.int32)], 1.0, cv2.LINE_8, 3)
    cover = cv2.GaussianBlur(cover, (0, 0), float(chance.uniform(0.5, 1.6)))[..., None]
    light = np.linspace(0.8, 1.2, size, dtype=np.float32)[:, None, None]
    paint = chance.uniform(0, 1, 3).astype(np.float32) * light
    opacity = float(chance.uniform(0.5, 1.0))
    picture += opacity * cover * (paint - picture)
