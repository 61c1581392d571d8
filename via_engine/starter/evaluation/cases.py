"""Questions with a true answer: one frame of a held-out scene, what is asked, what is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count as count_from
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from via_engine.starter.world.render import owner_map, render_frame
from via_engine.starter.world.scene import (
    Scene,
    edited_scene,
    object_named,
    possible_instructions,
    random_scene,
    random_world_scene,
)
from via_engine.starter.world.vocabulary import Edit, Instruction, wordings

Frame = NDArray[np.uint8]
Mask = NDArray[np.bool_]
WORKING_WIDTH, WORKING_HEIGHT = 256, 144
CASE_FRAME = 12
LOCAL_EDITS: tuple[Edit, ...] = ("recolour", "kind", "remove", "material", "vague_recolour")
_SEEDS_PER_RUN = 100_000
_VISIBLE_SHARE = 0.02


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the pipeline samples, and the size of the pictures in pixels."""

    steps: int = 10
    guidance_scale: float = 2.0
    image_guidance_scale: float = 1.5
    width: int = WORKING_WIDTH
    height: int = WORKING_HEIGHT


@dataclass(frozen=True, kw_only=True)
class Case:
    """One question to the editor with its true answer.

    `source` and `truth` show `frame` of the scene: (height, width, 3) uint8 RGB. `changed` is
    (height, width) bool: where the object named shows before or after the edit, or everywhere
    for a global edit; `mask` is where it shows in the truth, or in the source when it is removed.
    """

    scene: Scene
    instruction: Instruction
    text: str
    frame: int
    source: Frame
    truth: Frame
    mask: Mask
    changed: Mask

    @property
    def named_index(self) -> int:
        """Index of the object the instruction names.

        Raises `ValueError` for an instruction that names none.
        """
        index = object_named(self.scene, self.instruction)
        if index is None:
            raise ValueError(f"{self.text!r} names no object of the scene")
        return index


def held_out_cases(
    edit: Edit, count: int, seed: int, sampling: Sampling, *, value: str = ""
) -> list[Case]:
    """The first `count` of `all_held_out_cases`."""
    return list(islice(all_held_out_cases(edit, seed, sampling, value=value), count))


def all_held_out_cases(
    edit: Edit, seed: int, sampling: Sampling, *, value: str = ""
) -> Iterator[Case]:
    """Cases of one form of edit on held-out day-time scenes; of one value only, if given.

    Every case is of a scene of its own; times and styles are asked of photo-like pictures too.
    There is no end to them.
    """
    for attempt in count_from(seed * _SEEDS_PER_RUN + 1):
        case = _case(edit, value, attempt, sampling)
        if case is not None:
            yield case


def case_at(
    scene: Scene, instruction: Instruction, text: str, sampling: Sampling, frame: int
) -> Case | None:
    """The case in one frame; None when the object named hardly shows there, or not once changed."""
    width, height = sampling.width, sampling.height
    after = edited_scene(scene, instruction)
    source = render_frame(scene, frame, width=width, height=height)
    truth = render_frame(after, frame, width=width, height=height)
    mask = changed = np.ones((height, width), np.bool_)
    if instruction.kind:
        index = object_named(scene, instruction)
        mask = owner_map(scene, frame, width=width, height=height) == index
        if mask.mean() < _VISIBLE_SHARE:
            return None
        changed = mask | (source != truth).any(axis=2)
        if instruction.edit == "kind":
            mask = owner_map(after, frame, width=width, height=height) == index
            if not mask.any():
                return None
    return Case(
        scene=scene,
        instruction=instruction,
        text=text,
        frame=frame,
        source=source,
        truth=truth,
        mask=mask,
        changed=changed,
    )


def _case(edit: Edit, value: str, attempt: int, sampling: Sampling) -> Case | None:
    whole = edit in ("time", "style")
    draw = random_scene if whole else random_world_scene
    scene = draw(attempt, held_out=True)
    if scene.time != "day":
        return None
    fitting = [
        one
        for one in possible_instructions(scene, attempt, held_out=True)
        if one.edit == edit and value in ("", one.value)
    ]
    if not fitting:
        return None
    options = wordings(fitting[0])
    text = options[attempt % len(options)]
    return case_at(scene, fitting[0], text, sampling, CASE_FRAME)
