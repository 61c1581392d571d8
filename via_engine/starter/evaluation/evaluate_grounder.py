"""Measures a grounder on held-out scenes, where the true box of every phrase is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from via_engine.starter.world.render import owner_map, render_frame
from via_engine.starter.world.scene import (
    Scene,
    edited_scene,
    naming,
    possible_instructions,
    random_world_scene,
)
from via_engine.starter.world.vocabulary import KINDS, Instruction

Box = tuple[float, float, float, float]
_LEAST_VISIBLE = 0.02
_RIGHT_IOU = 0.5


class FoundBox(Protocol):
    """A box in pixels, left, top, right, bottom, and how sure the grounder is of it."""

    @property
    def box_xyxy(self) -> Box:
        """Left, top, right, bottom."""

    @property
    def score(self) -> float:
        """Between 0 and 1."""


class Finder(Protocol):
    """What is measured: phrases to boxes, the best first."""

    def find(self, frame: NDArray[np.uint8], phrase: str) -> Sequence[FoundBox]:
        """Boxes for a phrase in a (height, width, 3) uint8 RGB frame."""


@dataclass(frozen=True, kw_only=True)
class GroundingCase:
    """A frame, a phrase that names one object of it, and a phrase that names none.

    `frame` is (height, width, 3) uint8 RGB; `box_xyxy` bounds the visible part of the object,
    in pixels. `needs_colour` tells that another object of the same kind is in the scene.
    """

    frame: NDArray[np.uint8]
    phrase: str
    box_xyxy: Box
    absent_phrase: str
    needs_colour: bool


@dataclass(frozen=True, kw_only=True)
class GrounderFigures:
    """What a grounder reached. Shares are between 0 and 1; nan where no case was of that form.

    `right` counts cases whose best box overlaps the true one by an IoU of 0.5 or more, and
    `mean_iou` is that overlap on average, 0 where nothing was found. `right_by_colour` counts
    only the cases in which colour tells the object from another of its kind. `absent_found` is
    the share of phrases that name nothing in the frame and were found all the same.
    """

    cases: int
    right: float
    mean_iou: float
    right_by_colour: float
    absent_found: float


def evaluate_grounder(
    grounder: Finder,
    count: int,
    seed: int,
    *,
    edited: bool = False,
    width: int = 256,
    height: int = 144,
) -> GrounderFigures:
    """Measure on `count` held-out scenes, edited ones if asked; the seed chooses them."""
    overlaps, by_colour, absent = [], [], []
    for case in grounding_cases(count, seed, edited=edited, width=width, height=height):
        found = grounder.find(case.frame, case.phrase)
        overlap = box_iou(found[0].box_xyxy, case.box_xyxy) if found else 0.0
        overlaps.append(overlap)
        if case.needs_colour:
            by_colour.append(overlap >= _RIGHT_IOU)
        absent.append(bool(grounder.find(case.frame, case.absent_phrase)))
    return GrounderFigures(
        cases=len(overlaps),
        right=_mean([overlap >= _RIGHT_IOU for overlap in overlaps]),
        mean_iou=_mean(overlaps),
        right_by_colour=_mean(by_colour),
        absent_found=_mean(absent),
    )


def grounding_cases(
    count: int, seed: int, *, edited: bool = False, width: int = 256, height: int = 144
) -> Iterator[GroundingCase]:
    """Held-out cases, each of a scene of its own."""
    attempt, made = seed * 100_000, 0
    while made < count:
        attempt += 1
        case = _case(attempt, edited, width, height)
        if case is not None:
            made += 1
            yield case


def box_iou(first: Box, second: Box) -> float:
    """Overlap of two boxes: area of what they share by area of what they cover together."""
    left, top = max(first[0], second[0]), max(first[1], second[1])
    right, bottom = min(first[2], second[2]), min(first[3], second[3])
    shared = max(0.0, right - left) * max(0.0, bottom - top)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return shared / (areas - shared) if areas > shared else 0.0


def _case(attempt: int, edited: bool, width: int, height: int) -> GroundingCase | None:
    """The case of a seed; None when no object shows well that words can single out."""
    chance = np.random.default_rng((31, attempt))
    scene = _edited(attempt) if edited else random_world_scene(attempt, held_out=True)
    frame = int(chance.integers(scene.frame_count))
    owners = owner_map(scene, frame, width=width, height=height)
    index = int(chance.integers(len(scene.objects))) if scene.objects else 0
    mask = owners == index
    colour_shows = scene.style not in ("sketch", "sepia")
    named = (
        naming(scene, index, with_colour=colour_shows and bool(chance.random() < 0.5))
        if mask.mean() >= _LEAST_VISIBLE
        else None
    )
    if named is None:
        return None
    twins = [thing for thing in scene.objects if thing.kind == named[0]]
    if len(twins) > 1 and not colour_shows:
        return None
    return GroundingCase(
        frame=render_frame(scene, frame, width=width, height=height),
        phrase=Instruction(edit="remove", kind=named[0], colour=named[1]).phrase,
        box_xyxy=_pixel_box(mask),
        absent_phrase=_absent_kind(scene, chance),
        needs_colour=len(twins) > 1,
    )


def _edited(attempt: int) -> Scene:
    scene = random_world_scene(attempt, held_out=True)
    return edited_scene(scene, possible_instructions(scene, attempt, held_out=True)[0])


def _absent_kind(scene: Scene, chance: np.random.Generator) -> str:
    there = {thing.kind for thing in scene.objects}
    return str(chance.choice([kind for kind in KINDS if kind not in there]))


def _pixel_box(mask: NDArray[np.bool_]) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
