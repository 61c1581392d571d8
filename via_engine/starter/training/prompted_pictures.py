"""Pictures of the world with boxes and clicks, and the mask each of them means."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from segment_anything.utils.transforms import ResizeLongestSide
from torch import Tensor

from via_engine.starter.networks.close_up import close_up_of
from via_engine.starter.world.render import owner_map, render_frame
from via_engine.starter.world.scene import (
    Scene,
    edited_scene,
    possible_instructions,
    random_world_scene,
)

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
# Width and height; every one is resized to the model's longer side, as the predictor does.
_FRAME_SIZES = ((256, 144),) * 5 + ((256, 256), (144, 256), (160, 96), (128, 128), (512, 288))
# What a second, closer look at one object shows: its box and some room around it.
_CLOSE_UP_SHARE = 0.3
_CLOSE_UP_SIZES = ((256, 144), (512, 288))
_CLOSE_UP_ROOM = (1.2, 2.6)
_USES_OF_A_PICTURE = 2
_EDITED_SHARE = 0.5
_PHOTO_SHARE = 0.15
_LEAST_AREA_PX = 150
_CLICK_SHARE = 0.4
_BESIDE_SHARE = 0.4


@dataclass(frozen=True, kw_only=True)
class Region:
    """A square part of the model's canvas, in pixels: where it starts, and its side."""

    left: int
    top: int
    side: int


@dataclass(frozen=True, kw_only=True)
class PromptedBatch:
    """Pictures of one shape and N prompts of one form, as many for every picture.

    Attributes:
        pictures: (B, 3, H, W) uint8, RGB, not padded.
        region: the part of the canvas looked at; prompts and masks know what shows there alone.
        prompts: boxes (N, 4) xyxy or clicks (N, K, 2) xy, float32, pixels of the canvas.
        point_labels: of clicks, (N, K) int64, 1 on the object and 0 beside it; None for boxes.
        masks: (N, 1, side, side) float32, 1 where the object shows in the region.
    """

    pictures: Tensor
    region: Region
    prompts: Tensor
    point_labels: Tensor | None
    masks: Tensor


@dataclass(frozen=True, kw_only=True)
class _Picture:
    """A frame at the model's size, and whose pixel each one is."""

    frame: NDArray[np.uint8]
    owners: NDArray[np.int16]


class PromptedPictures:
    """Draws batches. A picture serves twice or so: drawing it costs as much as learning from it."""

    def __init__(self, image_size: int, reserve_size: int, chance: np.random.Generator) -> None:
        self._image_size = image_size
        self._reserve_size = reserve_size
        self._chance = chance
        self._reserves: dict[tuple[int, int] | None, deque[_Picture]] = {}

    def batch(self, *, side: int, count: int, prompts: int) -> PromptedBatch:
        """`count` pictures, each with `prompts` boxes or sets of clicks."""
        while True:
            reserve = self._refreshed(-(-count // _USES_OF_A_PICTURE))
            shape = reserve[0].owners.shape
            region = _random_region(shape, side, self._image_size, self._chance)
            found = [(picture.frame, _visible_masks(picture, region)) for picture in reserve]
            showing = [one for one in found if one[1]]
            if showing:
                return _prompted(showing, region, count, prompts, self._chance)

    def _refreshed(self, fresh: int) -> deque[_Picture]:
        """The pictures of a random frame size, full in number, the newest `fresh` at least new."""
        close_up = self._chance.random() < _CLOSE_UP_SHARE
        size = None if close_up else _one_of(_FRAME_SIZES, self._chance)
        reserve = self._reserves.setdefault(size, deque(maxlen=self._reserve_size))
        for _ in range(max(fresh, self._reserve_size - len(reserve))):
            if size is None:
                reserve.append(_random_close_up(self._image_size, self._chance))
            else:
                reserve.append(_random_picture(size, self._image_size, self._chance))
        return reserve


def bounding_box(mask: Mask) -> Floats:
    """The tightest box around a mask that is not empty: (4,) float32, outer pixel edges, xyxy."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def random_point(mask: Mask, chance: np.random.Generator) -> Floats:
    """A random pixel of a mask that is not empty: (2,) float32, xy."""
    pixels = np.flatnonzero(mask)
    row, column = divmod(int(pixels[int(chance.integers(len(pixels)))]), mask.shape[1])
    return np.array([column, row], np.float32)


def _random_picture(
    size: tuple[int, int], image_size: int, chance: np.random.Generator
) -> _Picture:
    drawn = _random_drawing(size, chance)
    frame = ResizeLongestSide(image_size).apply_image(drawn.frame)
    owners = cv2.resize(
        drawn.owners, (frame.shape[1], frame.shape[0]), interpolation=cv2.INTER_NEAREST
    )
    return _Picture(frame=frame, owners=np.asarray(owners, np.int16))


def _random_close_up(image_size: int, chance: np.random.Generator) -> _Picture:
    """A square around one object that fills the canvas; beyond the frame its edges go on."""
    while True:
        drawn = _random_drawing(_one_of(_CLOSE_UP_SIZES, chance), chance)
        seen = np.unique(drawn.owners[drawn.owners >= 0])
        if len(seen):
            box = bounding_box(drawn.owners == chance.choice(seen))
            room = float(chance.uniform(*_CLOSE_UP_ROOM))
            closer = close_up_of(box, room=room, side=image_size)
            return _Picture(
                frame=closer.draw(drawn.frame),
                owners=closer.draw_labels(drawn.owners, beyond=-1),
            )


def _random_drawing(size: tuple[int, int], chance: np.random.Generator) -> _Picture:
    width, height = size
    scene = _random_scene(chance)
    index = int(chance.integers(scene.frame_count))
    return _Picture(
        frame=render_frame(scene, index, width=width, height=height),
        owners=np.asarray(owner_map(scene, index, width=width, height=height), np.int16),
    )


def _one_of(sizes: Sequence[tuple[int, int]], chance: np.random.Generator) -> tuple[int, int]:
    return sizes[int(chance.integers(len(sizes)))]


def _random_scene(chance: np.random.Generator) -> Scene:
    """A training scene, edited or not; some stand before a photo instead of a landscape."""
    seed = int(chance.integers(1 << 30))
    scene = random_world_scene(seed)
    if chance.random() < _PHOTO_SHARE:
        scene = replace(scene, background="photo")
    if chance.random() >= _EDITED_SHARE:
        return scene
    options = [one for one in possible_instructions(scene, seed) if one.edit != "remove"]
    # The form first: among all instructions recolours are many, and looks matter more here.
    form = chance.choice(sorted({one.edit for one in options}))
    return edited_scene(scene, next(one for one in options if one.edit == form))


def _random_region(
    shape: tuple[int, ...], side: int, image_size: int, chance: np.random.Generator
) -> Region:
    """A region that shows a fair part of the picture, at a multiple of half its side."""
    if side == image_size:
        return Region(left=0, top=0, side=side)
    step = side // 2
    top, left = (int(chance.choice(np.arange(0, length - step, step))) for length in shape)
    return Region(left=min(left, image_size - side), top=min(top, image_size - side), side=side)


def _prompted(
    showing: Sequence[tuple[NDArray[np.uint8], Sequence[Mask]]],
    region: Region,
    count: int,
    prompts: int,
    chance: np.random.Generator,
) -> PromptedBatch:
    """Random ones of the pictures, with prompts for random ones of the masks each comes with."""
    frames: list[NDArray[np.uint8]] = []
    masks: list[Mask] = []
    for index in chance.integers(len(showing), size=count):
        frame, found = showing[index]
        frames.append(frame)
        masks += [found[choice] for choice in chance.integers(len(found), size=prompts)]
    by_click = chance.random() < _CLICK_SHARE
    given, labels = _clicks(masks, region, chance) if by_click else _boxes(masks, region, chance)
    return PromptedBatch(
        pictures=torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2),
        region=region,
        prompts=given,
        point_labels=labels,
        masks=torch.from_numpy(np.stack(masks)).float()[:, None],
    )


def _visible_masks(picture: _Picture, region: Region) -> list[Mask]:
    """(side, side) masks of the objects that show a fair part of themselves in the region."""
    rows = slice(region.top, region.top + region.side)
    columns = slice(region.left, region.left + region.side)
    part = picture.owners[rows, columns]
    owners = np.full((region.side, region.side), -1, np.int16)
    owners[: part.shape[0], : part.shape[1]] = part
    masks = [owners == index for index in range(int(part.max(initial=-1)) + 1)]
    return [mask for mask in masks if mask.sum() >= _LEAST_AREA_PX]


def _boxes(
    masks: Sequence[Mask], region: Region, chance: np.random.Generator
) -> tuple[Tensor, None]:
    """Boxes (N, 4) as a grounder might give them: mostly close, now and then off by a tenth."""
    exact = np.stack([bounding_box(mask) for mask in masks])
    size = np.tile(exact[:, 2:] - exact[:, :2], 2)
    spread = chance.choice((0.01, 0.03, 0.06), p=(0.35, 0.4, 0.25), size=(len(masks), 1))
    error = (spread * chance.normal(size=size.shape)).clip(-0.12, 0.12)
    boxes = exact + error * size + (region.left, region.top) * 2
    return torch.from_numpy(boxes).float(), None


def _clicks(
    masks: Sequence[Mask], region: Region, chance: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Clicks (N, K, 2) and labels (N, K): on the object, or the last of several beside it."""
    labels = np.ones((len(masks), int(chance.choice((1, 1, 2, 3)))), np.int64)
    if labels.shape[1] > 1:
        beside = chance.random(len(masks)) < _BESIDE_SHARE
        labels[:, -1] = [mask.all() or not one for mask, one in zip(masks, beside, strict=True)]
    points = [
        [random_point(mask if on_it else ~mask, chance) for on_it in row]
        for mask, row in zip(masks, labels, strict=True)
    ]
    clicks = np.array(points, np.float32) + np.array((region.left, region.top), np.float32)
    return torch.from_numpy(clicks), torch.from_numpy(labels)
