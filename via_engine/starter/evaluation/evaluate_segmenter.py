"""Measures a segmenter on held-out scenes, where the visible part of every object is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from via_engine.starter.evaluation.scores import mask_overlap
from via_engine.starter.training.prompted_pictures import bounding_box, random_point
from via_engine.starter.world.render import owner_map, render_frame
from via_engine.starter.world.scene import (
    Scene,
    edited_scene,
    possible_instructions,
    random_world_scene,
)

Frame = NDArray[np.uint8]
Mask = NDArray[np.bool_]
_FRAME = 12
# Less of an object than this is a sliver at an edge that nobody would point at.
_VISIBLE_SHARE = 0.005


class PromptedSegmenter(Protocol):
    """What is measured; see `via_engine.masks.segment.Segmenter`."""

    def segment(
        self,
        frame: Frame,
        *,
        boxes_xyxy: NDArray[np.floating] | None = None,
        points_xy: NDArray[np.floating] | None = None,
        point_labels: NDArray[np.integer] | None = None,
    ) -> NDArray[np.bool_]:
        """(N, H, W) masks of N boxes, or (1, H, W) of clicks."""
        ...


@dataclass(frozen=True, kw_only=True)
class SegmenterFigures:
    """IoU with the true visible masks over all objects of the scenes.

    Boxes are the tight ones around the true mask; a click is a random pixel of it. `edited_*`
    are the boxes on the same scenes after a random true edit.
    """

    scenes: int
    objects: int
    box_iou: float
    box_iou_mean: float
    edited_box_iou: float
    edited_box_iou_mean: float
    click_iou: float
    click_iou_mean: float


def segmenter_figures(
    segmenter: PromptedSegmenter, count: int, seed: int, *, width: int = 256, height: int = 144
) -> SegmenterFigures:
    """Medians and means over the objects of `count` held-out scenes, in frames of this size."""
    chance = np.random.default_rng((29, seed))
    boxes: list[float] = []
    edited: list[float] = []
    clicks: list[float] = []
    for scene, after in _held_out_scenes(count, seed, width, height):
        frame, masks = _truth(scene, width, height)
        boxes += _box_ious(segmenter, frame, masks)
        clicks += [_click_iou(segmenter, frame, mask, chance) for mask in masks]
        edited += _box_ious(segmenter, *_truth(after, width, height))
    return SegmenterFigures(
        scenes=count,
        objects=len(boxes),
        box_iou=float(np.median(boxes)),
        box_iou_mean=float(np.mean(boxes)),
        edited_box_iou=float(np.median(edited)),
        edited_box_iou_mean=float(np.mean(edited)),
        click_iou=float(np.median(clicks)),
        click_iou_mean=float(np.mean(clicks)),
    )


def _held_out_scenes(
    count: int, seed: int, width: int, height: int
) -> Iterator[tuple[Scene, Scene]]:
    """Scenes in which something shows, each with a true edit of it."""
    attempt = seed * 100_000
    while count:
        attempt += 1
        scene = random_world_scene(attempt, held_out=True)
        if not _truth(scene, width, height)[1]:
            continue
        options = possible_instructions(scene, attempt, held_out=True)
        forms = sorted({one.edit for one in options if one.edit != "remove"})
        form = forms[attempt % len(forms)]
        yield scene, edited_scene(scene, next(one for one in options if one.edit == form))
        count -= 1


def _truth(scene: Scene, width: int, height: int) -> tuple[Frame, list[Mask]]:
    """The frame, and the masks of the objects that show enough of themselves."""
    owners = owner_map(scene, _FRAME, width=width, height=height)
    masks = [owners == index for index in range(len(scene.objects))]
    frame = render_frame(scene, _FRAME, width=width, height=height)
    return frame, [mask for mask in masks if mask.mean() >= _VISIBLE_SHARE]


def _box_ious(segmenter: PromptedSegmenter, frame: Frame, masks: list[Mask]) -> list[float]:
    boxes = np.array([bounding_box(mask) for mask in masks], np.float32).reshape(-1, 4)
    found = segmenter.segment(frame, boxes_xyxy=boxes)
    return [mask_overlap(*pair) for pair in zip(found, masks, strict=True)]


def _click_iou(
    segmenter: PromptedSegmenter, frame: Frame, mask: Mask, chance: np.random.Generator
) -> float:
    point = random_point(mask, chance)
    found = segmenter.segment(frame, points_xy=point[None], point_labels=np.ones(1, np.int64))
    return mask_overlap(found[0], mask)
