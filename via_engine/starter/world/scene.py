"""A small world whose true answer to every instruction is known.

A `Scene` is a value: the same seed gives the same scene, an instruction maps it to the edited
scene, and one renderer (`render.py`) draws both. Positions are fractions of the frame, sizes
fractions of its shorter side, motion is a function of the frame index, so any frame size and
any length can be drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from via_engine.starter.world.vocabulary import (
    BACKGROUNDS,
    KINDS,
    MATERIALS,
    PALETTE,
    STYLES,
    TIMES,
    Instruction,
    held_out_words,
)

TEXTURES = ("smooth", "striped", "dotted", "marbled")
PHOTO_LIKE_SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """Where an object is in each frame: a swing around a centre, a turn and a breath.

    `centre_xy` and `swing_xy` are fractions of frame width and height; a wide swing takes the
    object out of the frame and back. Periods are counted in frames.
    """

    centre_xy: tuple[float, float]
    swing_xy: tuple[float, float]
    period_frames: tuple[float, float]
    phase: tuple[float, float]
    roll_per_frame: float
    tilt: float
    breath: float


@dataclass(frozen=True, kw_only=True)
class Placement:
    """An object in one frame: centre as a fraction of the frame, angles in radians, size factor."""

    x: float
    y: float
    roll: float
    tilt: float
    scale: float


@dataclass(frozen=True, kw_only=True)
class SceneObject:
    """One thing in the scene. `radius` is a fraction of the frame's shorter side."""

    kind: str
    colour: str
    material: str
    texture: str
    radius: float
    trajectory: Trajectory


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything the renderer needs; objects are drawn in order, the last one in front.

    `background` is one of `BACKGROUNDS` or "photo": abstract picture content that looks like
    no world scene, on which only instructions for the whole picture make sense. `time` is
    "day" or one of `TIMES`; `style` is "plain" or one of `STYLES`. `pan_per_frame` is in
    frame heights. With `stock_view` the background is the one picture the world puts behind
    objects when asked to replace it; it stands still.
    """

    background: str
    background_seed: int
    objects: tuple[SceneObject, ...]
    time: str = "day"
    style: str = "plain"
    pan_per_frame: float = 0.0
    frame_count: int = 48
    stock_view: bool = False


def random_scene(seed: int, *, held_out: bool = False) -> Scene:
    """The scene of a seed. Held-out scenes come from another stream and never meet training."""
    chance = np.random.default_rng((1 if held_out else 0, seed))
    if chance.random() < PHOTO_LIKE_SHARE:
        return _random_photo(chance)
    return _random_world_scene(chance)


def random_world_scene(seed: int, *, held_out: bool = False) -> Scene:
    """Like `random_scene`, but never one of the photo-like scenes without objects."""
    return _random_world_scene(np.random.default_rng((3 if held_out else 2, seed)))


def demo_scene(frame_count: int = 48) -> Scene:
    """A fixed scene for the README: a red ball and a cyan star over a meadow."""
    ball = SceneObject(
        kind="ball",
        colour="red",
        material="plain",
        texture="striped",
        radius=0.22,
        trajectory=Trajectory(
            centre_xy=(0.36, 0.56),
            swing_xy=(0.14, 0.08),
            period_frames=(96.0, 40.0),
            phase=(-1.2, 0.4),
            roll_per_frame=0.035,
            tilt=0.1,
            breath=0.04,
        ),
    )
    star = SceneObject(
        kind="star",
        colour="cyan",
        material="plain",
        texture="smooth",
        radius=0.17,
        trajectory=Trajectory(
            centre_xy=(0.76, 0.38),
            swing_xy=(0.06, 0.05),
            period_frames=(80.0, 60.0),
            phase=(0.5, 1.9),
            roll_per_frame=-0.02,
            tilt=0.2,
            breath=0.06,
        ),
    )
    return Scene(
        background="meadow",
        background_seed=11,
        objects=(ball, star),
        pan_per_frame=0.004,
        frame_count=frame_count,
    )


def placement(trajectory: Trajectory, frame: int) -> Placement:
    """Where the trajectory puts its object in a frame."""
    first, second = (
        2 * math.pi * frame / period + phase
        for period, phase in zip(trajectory.period_frames, trajectory.phase, strict=True)
    )
    return Placement(
        x=trajectory.centre_xy[0] + trajectory.swing_xy[0] * math.sin(first),
        y=trajectory.centre_xy[1] + trajectory.swing_xy[1] * math.sin(second),
        roll=trajectory.phase[0] + trajectory.roll_per_frame * frame,
        tilt=trajectory.tilt * math.sin(second + 1.0),
        scale=1.0 + trajectory.breath * math.sin(first + second),
    )


def object_named(scene: Scene, instruction: Instruction) -> int | None:
    """Index of the one object an instruction names; None when none or several fit."""
    fitting = [
        index
        for index, thing in enumerate(scene.objects)
        if thing.kind == instruction.kind and instruction.colour in ("", colour_word(thing))
    ]
    return fitting[0] if len(fitting) == 1 else None


def colour_word(thing: SceneObject) -> str:
    """The colour people would call it by; empty for an object of gold, wood and the like."""
    return thing.colour if thing.material == "plain" else ""


def edited_scene(scene: Scene, instruction: Instruction) -> Scene:
    """The true edited scene; of a vague recolour, the first of `edited_scenes`."""
    return edited_scenes(scene, instruction)[0]


def edited_scenes(scene: Scene, instruction: Instruction) -> tuple[Scene, ...]:
    """Every scene that is a right answer: one, or seven for a vague recolour.

    Raises `ValueError` when the instruction does not name exactly one object of the scene.
    """
    if instruction.edit == "background":
        return (replace(scene, background=instruction.value, stock_view=True),)
    if instruction.edit == "time":
        return (replace(scene, time=instruction.value),)
    if instruction.edit == "style":
        return (replace(scene, style=instruction.value),)
    index = object_named(scene, instruction)
    if index is None:
        raise ValueError(f"the scene does not hold exactly one {instruction.phrase!r}")
    if instruction.edit == "remove":
        return (replace(scene, objects=scene.objects[:index] + scene.objects[index + 1 :]),)
    return tuple(
        replace(scene, objects=(*scene.objects[:index], thing, *scene.objects[index + 1 :]))
        for thing in _edited_objects(scene.objects[index], instruction)
    )


def possible_instructions(
    scene: Scene, seed: int, *, held_out: bool = False
) -> tuple[Instruction, ...]:
    """Instructions that have a true answer on this scene, in an order the seed decides.

    Training draws only pairings that `held_out_words` leaves to it; with `held_out` the whole
    vocabulary is drawn from.
    """
    chance = np.random.default_rng((5, seed))
    found = [Instruction(edit="style", value=value) for value in STYLES]
    if scene.time == "day":
        found += [Instruction(edit="time", value=value) for value in TIMES]
    if scene.background != "photo":
        found += [
            Instruction(edit="background", value=value)
            for value in BACKGROUNDS
            if value != scene.background
        ]
    for index in range(len(scene.objects)):
        found += _object_instructions(scene, index, chance)
    allowed = [one for one in found if held_out or not held_out_words(one)]
    return tuple(allowed[index] for index in chance.permutation(len(allowed)))


def naming(scene: Scene, index: int, *, with_colour: bool) -> tuple[str, str] | None:
    """Kind and colour word that single the object out; None when no words do."""
    thing = scene.objects[index]
    twins = [other for other in scene.objects if other.kind == thing.kind]
    colour = colour_word(thing) if with_colour or len(twins) > 1 else ""
    if len([other for other in twins if colour in ("", colour_word(other))]) > 1:
        return None
    return thing.kind, colour


def _object_instructions(
    scene: Scene, index: int, chance: np.random.Generator
) -> list[Instruction]:
    named = naming(scene, index, with_colour=bool(chance.random() < 0.25))
    if named is None:
        return []
    kind, colour = named
    thing = scene.objects[index]
    found = [
        Instruction(edit="vague_recolour", kind=kind, colour=colour),
        Instruction(edit="remove", kind=kind, colour=colour),
    ]
    found += [
        Instruction(edit="recolour", value=value, kind=kind, colour=colour)
        for value in PALETTE
        if value != colour_word(thing)
    ]
    found += [
        Instruction(edit="kind", value=value, kind=kind, colour=colour)
        for value in KINDS
        if value not in {other.kind for other in scene.objects}
    ]
    found += [
        Instruction(edit="material", value=value, kind=kind, colour=colour)
        for value in MATERIALS
        if value != thing.material
    ]
    return found


def _edited_objects(thing: SceneObject, instruction: Instruction) -> tuple[SceneObject, ...]:
    if instruction.edit == "kind":
        return (replace(thing, kind=instruction.value),)
    if instruction.edit == "material":
        return (replace(thing, material=instruction.value),)
    wanted = [instruction.value]
    if instruction.edit == "vague_recolour":
        wanted = [colour for colour in PALETTE if colour != colour_word(thing)]
    return tuple(replace(thing, colour=colour, material="plain") for colour in wanted)


def _random_photo(chance: np.random.Generator) -> Scene:
    return Scene(
        background="photo",
        background_seed=int(chance.integers(1 << 30)),
        objects=(),
        pan_per_frame=float(chance.uniform(-0.01, 0.01)),
    )


def _random_world_scene(chance: np.random.Generator) -> Scene:
    count = int(chance.choice((1, 2, 3), p=(0.35, 0.45, 0.2)))
    kinds = chance.permutation(KINDS)[:count]
    if count > 1 and chance.random() < 0.12:
        kinds[1] = kinds[0]
    colours = chance.permutation(list(PALETTE))[:count]
    spots = chance.permutation(count)
    objects = tuple(
        _random_object(chance, str(kind), str(colour), (float(spot) + 0.5) / count, count)
        for kind, colour, spot in zip(kinds, colours, spots, strict=True)
    )
    return Scene(
        background=str(chance.choice(BACKGROUNDS)),
        background_seed=int(chance.integers(1 << 30)),
        objects=objects,
        time=str(chance.choice(TIMES)) if chance.random() < 0.12 else "day",
        pan_per_frame=float(chance.uniform(-0.012, 0.012)),
    )


def _random_object(
    chance: np.random.Generator, kind: str, colour: str, slot: float, count: int
) -> SceneObject:
    wide = chance.random() < 0.2
    trajectory = Trajectory(
        centre_xy=(slot + float(chance.uniform(-0.14, 0.14)), float(chance.uniform(0.32, 0.72))),
        swing_xy=(0.75 if wide else float(chance.uniform(0, 0.16)), float(chance.uniform(0, 0.14))),
        period_frames=(float(chance.uniform(50, 130)), float(chance.uniform(40, 110))),
        phase=(float(chance.uniform(-math.pi, math.pi)), float(chance.uniform(-math.pi, math.pi))),
        roll_per_frame=float(chance.uniform(-0.05, 0.05)),
        tilt=float(chance.uniform(0.0, 0.32)),
        breath=float(chance.uniform(0, 0.15)),
    )
    return SceneObject(
        kind=kind,
        colour=colour,
        material=str(chance.choice(MATERIALS)) if chance.random() < 0.1 else "plain",
        texture=str(chance.choice(TEXTURES)),
        radius=float(chance.uniform(0.16, 0.3)) * (1.0 if count < 3 else 0.82),
        trajectory=trajectory,
    )
