"""Draws a scene: frames as people see them, and the exact visible mask of every object."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from via_engine.starter.world import shapes
from via_engine.starter.world.backgrounds import noise_sheet, paint_background
from via_engine.starter.world.looks import apply_look
from via_engine.starter.world.scene import Scene, SceneObject, placement
from via_engine.starter.world.vocabulary import PALETTE

Floats = NDArray[np.floating[Any]]
_LIGHT = np.array([-0.45, -0.62, 0.64], np.float32)
# Between the light and the eye: where a surface facing this way shines.
_HALFWAY = np.array([-0.45, -0.62, 1.64], np.float32) / np.float32(1.81)
_MATERIAL_COLOURS = {
    "golden": (226, 172, 52),
    "silver": (186, 192, 202),
    "wooden": (142, 90, 46),
    "stone": (136, 132, 126),
}
_CLOUD_DRIFT_PER_FRAME = 0.0015
_STOCK_SEED = 4


@dataclass(frozen=True, kw_only=True)
class _Sprite:
    """An object's pixels: where its box starts, how far it covers, and its shaded colour."""

    top: int
    left: int
    cover: Floats
    paint: Floats


def render_frame(scene: Scene, frame: int, *, width: int, height: int) -> NDArray[np.uint8]:
    """One frame of the scene.

    Returns:
        (height, width, 3) uint8, RGB.
    """
    picture, _ = _compose(scene, frame, width, height)
    for look in (scene.time, scene.style):
        picture = apply_look(picture, look)
    return np.asarray(np.round(picture * 255), np.uint8)


def render_video(scene: Scene, *, width: int, height: int) -> NDArray[np.uint8]:
    """All `scene.frame_count` frames: (frames, height, width, 3) uint8, RGB."""
    return np.stack(
        [
            render_frame(scene, frame, width=width, height=height)
            for frame in range(scene.frame_count)
        ]
    )


def object_mask(
    scene: Scene, object_index: int, frame: int, *, width: int, height: int
) -> NDArray[np.bool_]:
    """The pixels in which an object shows: (height, width) bool.

    Masks of different objects never share a pixel, and recolouring an object changes no pixel
    outside its mask.
    """
    owners = owner_map(scene, frame, width=width, height=height)
    return np.asarray(owners == object_index)


def owner_map(scene: Scene, frame: int, *, width: int, height: int) -> NDArray[np.int16]:
    """Index of the object each pixel shows: (height, width) int16, -1 for the background."""
    _, owners = _compose(scene, frame, width, height)
    return owners


def _compose(scene: Scene, frame: int, width: int, height: int) -> tuple[Floats, NDArray[np.int16]]:
    picture = _background(scene, frame, width, height)
    owners = np.full((height, width), -1, np.int16)
    for index, thing in enumerate(scene.objects):
        sprite = _sprite(thing, frame, width, height)
        if sprite is not None:
            _lay(picture, owners, sprite, index)
    return picture, owners


def _lay(picture: Floats, owners: NDArray[np.int16], sprite: _Sprite, index: int) -> None:
    """Put a sprite over the picture, in place.

    Edges are soft over the background and hard over other objects, so that every pixel
    belongs to one object alone.
    """
    rows = slice(sprite.top, sprite.top + sprite.cover.shape[0])
    columns = slice(sprite.left, sprite.left + sprite.cover.shape[1])
    below = owners[rows, columns]
    cover = np.where(below >= 0, np.round(sprite.cover), sprite.cover).astype(np.float32)
    region = picture[rows, columns]
    # Where an object covers all, nothing of what lies behind may show, not even in rounding.
    region *= 1 - cover[..., None]
    region += cover[..., None] * sprite.paint
    below[cover > 0] = index


def _background(scene: Scene, frame: int, width: int, height: int) -> Floats:
    moved = 0 if scene.stock_view else frame
    seed = _STOCK_SEED if scene.stock_view else scene.background_seed
    camera = (scene.pan_per_frame * moved, _CLOUD_DRIFT_PER_FRAME * moved)
    return _paint_still(scene.background, seed, camera, width, height).copy()


@lru_cache(maxsize=8)
def _paint_still(
    name: str, seed: int, camera: tuple[float, float], width: int, height: int
) -> Floats:
    pan, drift = camera
    x = (np.arange(width, dtype=np.float32) + 0.5) / height - 0.5 * width / height + pan
    y = (np.arange(height, dtype=np.float32) + 0.5) / height
    grid_x, grid_y = np.meshgrid(x.astype(np.float32), y)
    return paint_background(name, seed, grid_x, grid_y, drift)


def _sprite(thing: SceneObject, frame: int, width: int, height: int) -> _Sprite | None:
    """The object's pixels inside the frame, or None when it is out of sight."""
    place = placement(thing.trajectory, frame)
    radius_px = thing.radius * place.scale * min(width, height)
    centre_x, centre_y = place.x * width, place.y * height
    reach = radius_px * shapes.HALF_WIDTH + 1
    left, right = max(0, int(centre_x - reach)), min(width, int(centre_x + reach) + 1)
    top, bottom = max(0, int(centre_y - reach)), min(height, int(centre_y + reach) + 1)
    if left >= right or top >= bottom:
        return None
    x = (np.arange(left, right, dtype=np.float32) + 0.5 - centre_x) / radius_px
    y = (np.arange(top, bottom, dtype=np.float32) + 0.5 - centre_y) / radius_px
    grid_x, grid_y = np.meshgrid(x, y)
    angle = place.roll if thing.kind == "ball" else place.tilt
    cosine, sine = np.cos(angle), np.sin(angle)
    u = (cosine * grid_x + sine * grid_y).astype(np.float32)
    v = (cosine * grid_y - sine * grid_x).astype(np.float32)
    distance = _sample_distance(thing.kind, u, v)
    cover = np.clip(0.5 - distance * np.float32(radius_px), 0, 1).astype(np.float32)
    return _Sprite(top=top, left=left, cover=cover, paint=_shade(thing, distance, u, v, radius_px))


def _sample_distance(kind: str, u: Floats, v: Floats) -> Floats:
    to_grid = np.float32(shapes.GRID_SIZE / (2 * shapes.HALF_WIDTH))
    offset = np.float32(shapes.GRID_SIZE / 2 - 0.5)
    found = cv2.remap(
        shapes.signed_distance(kind),
        u * to_grid + offset,
        v * to_grid + offset,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=1.0,
    )
    return np.asarray(found, np.float32)


def _shade(thing: SceneObject, distance: Floats, u: Floats, v: Floats, radius_px: float) -> Floats:
    """Light on the object's surface: (rows, columns, 3) float32 in [0, 1], RGB."""
    normal = _normals(distance, shapes.BEVELS[thing.kind], radius_px)
    facing = np.clip(normal @ _LIGHT, 0, 1)
    shine = np.clip(normal @ _HALFWAY, 0, 1)
    light: Floats
    paint: Floats
    if thing.material == "plain":
        base = np.array(PALETTE[thing.colour], np.float32) / 255
        light = (0.6 + 0.55 * facing) * _pattern(thing.texture, u, v)
        paint = base * light[..., None] + (0.3 * shine**28)[..., None]
    else:
        base = np.array(_MATERIAL_COLOURS[thing.material], np.float32) / 255
        light, gloss = _material_light(thing.material, normal, facing, u, v)
        paint = base * light[..., None] + (gloss * shine**16)[..., None]
    return np.asarray(np.clip(paint, 0, 1), np.float32)


def _normals(distance: Floats, bevel: float, radius_px: float) -> Floats:
    depth = np.clip(-distance / bevel, 0, 1)
    surface = np.sqrt(np.clip(1 - (1 - depth) ** 2, 0, 1)) * np.float32(bevel * radius_px)
    slope_x = cv2.Sobel(surface, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    slope_y = cv2.Sobel(surface, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)
    return np.stack([-slope_x / length, -slope_y / length, 1 / length], axis=2)


def _pattern(texture: str, u: Floats, v: Floats) -> Floats:
    """How much lighter or darker the object's own pattern makes it, around 1."""
    if texture == "striped":
        return np.asarray(1 + 0.14 * np.clip(4 * np.sin(7.5 * u), -1, 1))
    if texture == "dotted":
        return np.asarray(1 + 0.16 * np.clip(6 * (np.sin(8 * u) * np.sin(8 * v) - 0.45), -1, 1))
    if texture == "marbled":
        return 0.8 + 0.4 * _grain(u * 0.4, v * 0.4)
    return np.ones_like(u)


def _material_light(
    material: str, normal: Floats, facing: Floats, u: Floats, v: Floats
) -> tuple[Floats, float]:
    if material in ("golden", "silver"):
        mirrored = np.sin(6.5 * normal[..., 1] - 2.5 * normal[..., 0])
        return 0.62 + 0.5 * facing + 0.28 * mirrored, 0.6
    if material == "wooden":
        rings = np.sin(16 * u + 9 * _grain(u * 0.15, v * 0.5))
        return (0.62 + 0.55 * facing) * (1 + 0.2 * rings), 0.08
    return (0.55 + 0.6 * facing) * (0.7 + 0.6 * _grain(u * 0.9, v * 0.9)), 0.05


def _grain(u: Floats, v: Floats) -> Floats:
    sheet = noise_sheet(8, 1.1)
    size = sheet.shape[0]
    at_u = np.mod(u * (size / 4) + size, size).astype(np.float32)
    at_v = np.mod(v * (size / 4) + size, size).astype(np.float32)
    found = cv2.remap(sheet, at_u, at_v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(found, np.float32)
