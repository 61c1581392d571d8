"""What the critic learns from: one scene with many edits of it, and which edit answers what.

Every edit is drawn over the scene and over a second version of it with another backdrop, so
that each right edit has twins that differ in one thing: another value, another object, another
form of edit, or the right edit with the backdrop changed as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from via_engine.starter.world.captions import Captions, instruction_captions
from via_engine.starter.world.render import owner_map, render_frame
from via_engine.starter.world.scene import (
    Scene,
    edited_scene,
    possible_instructions,
    random_scene,
)
from via_engine.starter.world.vocabulary import (
    BACKGROUNDS,
    KINDS,
    MATERIALS,
    PALETTE,
    STYLES,
    TIMES,
    Instruction,
)

_SIZES = ((160, 96), (160, 90), (128, 128), (96, 160), (256, 144))
_EDITS_PER_SCENE = 10
_VISIBLE_SHARE = 0.012
_WHOLE_PICTURE = ("background", "time", "style")


@dataclass(frozen=True, kw_only=True)
class Question:
    """An instruction for member `source` of a family; the members in `right` show its answer."""

    source: int
    instruction: Instruction
    captions: Captions
    right: frozenset[int]


@dataclass(frozen=True, kw_only=True)
class CriticFamily:
    """Edits of one scene in one frame.

    `frames` is (members, side, side, 3) uint8 RGB: whole frames brought to the critic's square.
    The last two members show the two sources once more, so that an edit that changed nothing
    but noise is among the answers to every question.
    """

    scenes: tuple[Scene, ...]
    frames: NDArray[np.uint8]
    questions: tuple[Question, ...]


def draw_family(seed: int, *, side: int) -> CriticFamily:
    """The family of a seed, from training scenes only; `side` in pixels."""
    chance = np.random.default_rng((23, seed))
    width, height = _SIZES[int(chance.integers(len(_SIZES)))]
    scene, frame = _scene_in_sight(chance, width, height)
    instructions = _chosen_instructions(scene, chance)
    sources = (scene, _other_backdrop(scene, chance))
    members = dict.fromkeys(sources)
    for source in sources:
        members |= dict.fromkeys(edited_scene(source, one) for one in instructions)
    scenes = (*members, *sources)
    return CriticFamily(
        scenes=scenes,
        frames=np.stack([_picture(one, frame, width, height, side) for one in scenes]),
        questions=tuple(_questions(scenes, instructions)),
    )


def _scene_in_sight(chance: np.random.Generator, width: int, height: int) -> tuple[Scene, int]:
    """A scene without the objects that its frame hardly shows, and that frame."""
    while True:
        scene = random_scene(int(chance.integers(1 << 40)))
        frame = int(chance.integers(scene.frame_count))
        owners = owner_map(scene, frame, width=width, height=height)
        in_sight = tuple(
            thing
            for index, thing in enumerate(scene.objects)
            if (owners == index).mean() > _VISIBLE_SHARE
        )
        if in_sight or not scene.objects:
            return replace(scene, objects=in_sight), frame


def _chosen_instructions(scene: Scene, chance: np.random.Generator) -> list[Instruction]:
    """Some instructions with a direction, the same few values for every object of the scene."""
    values = {
        *map(str, chance.permutation(list(PALETTE))[:2]),
        *map(str, chance.permutation(KINDS)[:2]),
        *map(str, chance.permutation(MATERIALS)[:1]),
        *map(str, chance.permutation(BACKGROUNDS)[:2]),
        *map(str, chance.permutation(TIMES)[:2]),
        *map(str, chance.permutation(STYLES)[:1]),
    }
    if not scene.objects:
        values |= {*TIMES, *STYLES}
    possible = possible_instructions(scene, int(chance.integers(1 << 40)))
    chosen = [one for one in possible if one.edit == "remove" or one.value in values]
    return chosen[:_EDITS_PER_SCENE]


def _other_backdrop(scene: Scene, chance: np.random.Generator) -> Scene:
    possible = possible_instructions(scene, int(chance.integers(1 << 40)))
    return edited_scene(scene, next(one for one in possible if one.edit in _WHOLE_PICTURE))


def _picture(scene: Scene, frame: int, width: int, height: int, side: int) -> NDArray[np.uint8]:
    drawn = render_frame(scene, frame, width=width, height=height)
    squared = Image.fromarray(drawn).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(squared, np.uint8)


def _questions(scenes: tuple[Scene, ...], instructions: list[Instruction]) -> Iterator[Question]:
    for source in (0, 1):
        for instruction in instructions:
            if not _can_be_asked(scenes[source], instruction):
                continue
            answer = edited_scene(scenes[source], instruction)
            right = frozenset(index for index, one in enumerate(scenes) if one == answer)
            if answer != scenes[source]:
                yield Question(
                    source=source,
                    instruction=instruction,
                    captions=instruction_captions(instruction),
                    right=right,
                )


def _can_be_asked(scene: Scene, instruction: Instruction) -> bool:
    """Whether the answer shows: a sketch hides colours, and night does not follow on fog."""
    if instruction.edit == "time":
        return scene.time == "day" and scene.style == "plain"
    return scene.style == "plain"
