"""Held-out questions to a critic: one source, one instruction, eight edits, one of them right.

All eight candidates are true renders, so only the edit differs. Seven are wrong: the source
unchanged, another value of the same edit, the same edit of another object, other edits of the
same object, the object gone, another look or background, and the right edit with something
else changed as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from via_engine.starter.world.render import object_mask, render_frame
from via_engine.starter.world.scene import (
    Scene,
    edited_scene,
    object_named,
    possible_instructions,
    random_scene,
)
from via_engine.starter.world.vocabulary import Edit, Instruction, wordings

CANDIDATES = 8
# A vague recolour has no direction: from red to blue and back are opposite changes, and the words
# call for either.
EDITS: tuple[Edit, ...] = (
    "recolour",
    "kind",
    "remove",
    "background",
    "time",
    "style",
    "material",
)
_VISIBLE_SHARE = 0.015
# Frames that differ less, in mean levels of 255, are one answer to the eye.
_LEAST_DIFFERENCE = 0.5
_WHOLE_PICTURE = ("background", "time", "style")


@dataclass(frozen=True, kw_only=True)
class CriticCase:
    """One question to a critic.

    `source` and each of the 8 `candidates` is (height, width, 3) uint8 RGB; the candidate
    number `right` is the true edit, the others are wrong and look different from it.
    """

    instruction: Instruction
    text: str
    source: NDArray[np.uint8]
    candidates: tuple[NDArray[np.uint8], ...]
    right: int


def critic_cases(
    count: int, seed: int, *, width: int = 256, height: int = 144
) -> Iterator[CriticCase]:
    """Cases of a seed, the forms of edit in turn; edits that cannot be seen are left out."""
    attempt = seed * 100_000
    for number in range(count):
        case = None
        while case is None:
            attempt += 1
            case = _case(EDITS[number % len(EDITS)], attempt, width, height)
        yield case


def _case(edit: Edit, seed: int, width: int, height: int) -> CriticCase | None:
    chance = np.random.default_rng((31, seed))
    scene = random_scene(seed, held_out=True)
    frame = int(chance.integers(scene.frame_count))
    possible = possible_instructions(scene, seed, held_out=True)
    instruction = next((one for one in possible if one.edit == edit), None)
    if instruction is None:
        return None
    if not _in_sight(scene, instruction, frame, width, height):
        return None
    truth = edited_scene(scene, instruction)
    source, right = (render_frame(one, frame, width=width, height=height) for one in (scene, truth))
    wrong = [source]
    for other in _wrong_scenes(scene, instruction, truth, possible):
        if len(wrong) == CANDIDATES - 1:
            break
        drawn = render_frame(other, frame, width=width, height=height)
        if all(_differ(drawn, one) for one in (right, *wrong)):
            wrong.append(drawn)
    if len(wrong) < CANDIDATES - 1 or not _differ(source, right):
        return None
    place = int(chance.integers(CANDIDATES))
    return CriticCase(
        instruction=instruction,
        text=str(chance.choice(wordings(instruction))),
        source=source,
        candidates=(*wrong[:place], right, *wrong[place:]),
        right=place,
    )


def _in_sight(scene: Scene, instruction: Instruction, frame: int, width: int, height: int) -> bool:
    """Whether the frame shows what the instruction names."""
    index = object_named(scene, instruction) if instruction.kind else None
    if index is None:
        return not instruction.kind
    mask = object_mask(scene, index, frame, width=width, height=height)
    return bool(mask.mean() > _VISIBLE_SHARE)


def _wrong_scenes(
    scene: Scene, instruction: Instruction, truth: Scene, possible: tuple[Instruction, ...]
) -> Iterator[Scene]:
    """Wrong answers, the likeliest mistakes first: one of each sort, then whatever is left."""
    wrong = [
        one
        for one in possible
        if one.edit != "vague_recolour" and edited_scene(scene, one) != truth
    ]
    backdrops = [one for one in wrong if one.edit in _WHOLE_PICTURE]
    same_object = [one for one in wrong if one.kind and _same_object(scene, one, instruction)]
    sorts = (
        [one for one in same_object if one.edit == instruction.edit],
        [one for one in wrong if (one.edit, one.value) == (instruction.edit, instruction.value)],
        [one for one in same_object if one.edit not in (instruction.edit, "remove")],
        [one for one in same_object if one.edit == "remove"],
        backdrops,
    )
    likely = [one for sort in sorts for one in sort[:1]]
    beside = next(one for one in backdrops if one.edit != instruction.edit)
    yield edited_scene(truth, beside)
    for one in dict.fromkeys((*likely, *wrong)):
        yield edited_scene(scene, one)


def _same_object(scene: Scene, one: Instruction, other: Instruction) -> bool:
    return object_named(scene, one) == object_named(scene, other)


def _differ(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    levels = np.abs(one.astype(np.int16) - other.astype(np.int16))
    return float(levels.mean()) > _LEAST_DIFFERENCE
