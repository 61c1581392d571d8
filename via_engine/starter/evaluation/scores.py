"""How near an edited frame is to the true answer: distances, colours and masks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from via_engine.starter.evaluation.cases import Case, Frame, Mask
from via_engine.starter.world.render import object_mask, render_frame
from via_engine.starter.world.scene import colour_word, edited_scene
from via_engine.starter.world.vocabulary import PALETTE

Lab = NDArray[np.floating[Any]]
MOST_DB = 60.0
# Light and shade change lightness more than they change hue.
_LAB_WEIGHTS = np.array([0.5, 1, 1], np.float32)
_KEY_SHADES = 8
_KEY_REACH_PX = 6
_CLEAR_MARGIN = 0.75


def psnr(first: Frame, second: Frame, where: Mask | None = None) -> float:
    """Peak signal-to-noise ratio in dB, at most 60, over the pixels asked for."""
    error = (first.astype(np.float64) - second) ** 2
    inside = error if where is None else error[where]
    if inside.size == 0 or inside.mean() < 255**2 * 1e-6:
        return MOST_DB
    return 10 * math.log10(255**2 / inside.mean())


def median(values: Iterable[float]) -> float:
    """The middle value; not a number when there is none."""
    found = list(values)
    return float(np.median(found)) if found else math.nan


def mask_overlap(first: Mask, second: Mask) -> float:
    """Intersection over union of two masks; 1 when both are empty."""
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 1.0


def nearest_colour(frame: Frame, mask: Mask) -> str:
    """Name of the palette colour closest, in Lab, to the middle colour inside the mask."""
    distances = _palette_distances(_middle_colour(frame, mask))
    return min(distances, key=distances.__getitem__)


def clear_colour(case: Case, frame: Frame) -> str | None:
    """The palette colour an object was clearly given, or None when it was given none.

    An answer to a vague recolour counts only when the middle colour inside the object's mask is
    nearest to a palette colour other than the one the object had, is nearer to it than to what
    the object looked like before, and when the next palette colour is at least a third further
    away; a muddy or half-changed object counts for nothing.
    """
    inside = _middle_colour(frame, case.mask)
    before = _middle_colour(case.source, case.mask)
    distances = _palette_distances(inside)
    name, second = sorted(distances, key=distances.__getitem__)[:2]
    moved = distances[name] < float(np.linalg.norm(inside - before))
    plain = distances[name] <= _CLEAR_MARGIN * distances[second]
    former = colour_word(case.scene.objects[case.named_index])
    return name if moved and plain and name != former else None


def distinct_colours(case: Case, answers: Iterable[Frame]) -> set[str]:
    """The palette colours clearly given among several answers to one vague recolour."""
    return {colour for frame in answers if (colour := clear_colour(case, frame)) is not None}


def colour_key(case: Case, frame: Frame) -> Mask:
    """Where an edited frame shows the object of a local edit, found by its colours.

    A pixel is the object's when it is nearer, in Lab, to one of the shades the object has in
    the source than to the true picture without the object; looked for only around the places
    the object has before and after the edit. For edits that leave the object's colours alone.
    """
    shown = _lab(frame)
    to_object = np.min([np.linalg.norm(shown - shade, axis=2) for shade in _shades(case)], axis=0)
    to_rest = np.linalg.norm(shown - _lab(_without_object(case)), axis=2)
    reach = np.ones((2 * _KEY_REACH_PX + 1,) * 2, np.uint8)
    around = cv2.dilate((case.changed | case.mask).astype(np.uint8), reach)
    found = (to_object < to_rest) & (around > 0)
    # Single pixels that happen to have the object's colour are not the object.
    return np.asarray(cv2.medianBlur(found.astype(np.uint8), 3) > 0)


def _shades(case: Case) -> list[Lab]:
    """The object's colours in the source, from the darkest to the lightest."""
    mask = _source_mask(case)
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    colours = _lab(case.source)[inner if inner.any() else mask]
    by_light = colours[np.argsort(colours[:, 0])]
    groups = np.array_split(by_light, min(_KEY_SHADES, len(by_light)))
    return [np.asarray(np.median(group, axis=0)) for group in groups]


def _source_mask(case: Case) -> Mask:
    height, width = case.mask.shape
    return object_mask(case.scene, case.named_index, case.frame, width=width, height=height)


def _without_object(case: Case) -> Frame:
    height, width = case.mask.shape
    removed = edited_scene(case.scene, replace(case.instruction, edit="remove", value=""))
    return render_frame(removed, case.frame, width=width, height=height)


def _middle_colour(frame: Frame, mask: Mask) -> Lab:
    middle = np.median(frame[mask].reshape(-1, 3), axis=0)
    return np.asarray(_lab(middle[None, None])[0, 0])


def _palette_distances(colour: Lab) -> dict[str, float]:
    palette = _lab(np.array([*PALETTE.values()])[None])[0]
    distances = np.linalg.norm(palette - colour, axis=1)
    return dict(zip(PALETTE, map(float, distances), strict=True))


def _lab(picture: NDArray[Any]) -> Lab:
    """(height, width, 3) RGB in 0..255 to weighted Lab, whose distances are those of eyes."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.asarray(lab * _LAB_WEIGHTS)
