"""What the grounder learns from: pictures of the world, phrases, and where each is to be seen."""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from via_engine.starter.networks.grounder_model import STARTER_CONFIG, InputSize, picture_tensor
from via_engine.starter.world.render import owner_map, render_frame
from via_engine.starter.world.scene import (
    Scene,
    SceneObject,
    colour_word,
    edited_scene,
    possible_instructions,
    random_scene,
    random_world_scene,
)
from via_engine.starter.world.vocabulary import KINDS, MATERIALS, PALETTE

STARTER_INPUT = InputSize(
    short_side_px=STARTER_CONFIG["short_side_px"], long_side_px=STARTER_CONFIG["long_side_px"]
)
# Looks that leave no colours to tell by.
_COLOURLESS = ("sketch", "sepia")
_SHAPES = ((256, 144), (160, 96), (128, 128), (144, 256), (192, 144))
# Editors name things that have left the frame: the answer "nowhere" has to be learned too.
_ABSENT_SHARE = 0.45
_SHAPE_SHARES = (0.5, 0.12, 0.14, 0.14, 0.1)
MOST_OBJECTS = 3
_LEAST_VISIBLE = 0.004
_PHOTO_CHANCE = 0.2
_RESERVE_BATCHES = 4


@dataclass(frozen=True, kw_only=True)
class NamedObject:
    """An object in a picture, by the words that name it.

    `adjective` is its colour or material, empty where none can be seen. `box` is (4,) float32:
    centre x and y, width and height of its visible part as fractions of the picture.
    """

    kind: str
    adjective: str
    index: int
    box: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """A picture and what is in it.

    `frame` is (height, width, 3) uint8 RGB, `owners` (height, width) int16: the object that
    each pixel shows, -1 for none.
    """

    frame: NDArray[np.uint8]
    owners: NDArray[np.int16]
    objects: tuple[NamedObject, ...]


@dataclass(frozen=True, kw_only=True)
class GroundingBatch:
    """Pictures of one size, a caption each, and the answers.

    Attributes:
        pictures: (batch, 3, height, width) float32, normalised.
        captions: phrases, each closed by " .".
        owners: (batch, height, width) int16.
        answers: for every picture and every phrase of its caption the objects it names,
            perhaps none.
    """

    pictures: Tensor
    captions: tuple[str, ...]
    owners: Tensor
    answers: tuple[tuple[tuple[NamedObject, ...], ...], ...]

    def to(self, device: torch.device) -> GroundingBatch:
        """The batch with its tensors on a device."""
        return replace(self, pictures=self.pictures.to(device), owners=self.owners.to(device))


def picture_batches(seed: int, batch_size: int, *, fresh: int) -> Iterator[GroundingBatch]:
    """Batches without end, decided by the seed.

    Each batch draws `fresh` new pictures; the others have served before, with other phrases:
    drawing a picture costs more than learning from it once.
    """
    chance = np.random.default_rng((29, seed))
    reserves: dict[tuple[int, int], list[Sighting]] = {shape: [] for shape in _SHAPES}
    while True:
        shape = _SHAPES[int(chance.choice(len(_SHAPES), p=_SHAPE_SHARES))]
        reserve = reserves[shape]
        due = max(fresh, batch_size - len(reserve))
        reserve += [_random_sighting(chance, shape) for _ in range(due)]
        del reserve[: -_RESERVE_BATCHES * batch_size]
        chosen = chance.permutation(len(reserve))[:batch_size]
        yield _batch([_perhaps_mirrored(reserve[index], chance) for index in chosen], chance)


def sighting(scene: Scene, frame: int, *, width: int, height: int) -> Sighting:
    """A frame of a scene with every object that can be made out in it."""
    owners = owner_map(scene, frame, width=width, height=height)
    found = []
    for index, thing in enumerate(scene.objects):
        shown = owners == index
        if shown.mean() >= _LEAST_VISIBLE:
            adjective = "" if scene.style in _COLOURLESS else _adjective(thing)
            found.append(
                NamedObject(kind=thing.kind, adjective=adjective, index=index, box=box_of(shown))
            )
    picture = render_frame(scene, frame, width=width, height=height)
    return Sighting(frame=picture, owners=owners, objects=tuple(found))


def box_of(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Box around a (height, width) mask that is not empty: centre and size as fractions, (4,)."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = mask.shape
    left, right = columns[0] / width, (columns[-1] + 1) / width
    top, bottom = rows[0] / height, (rows[-1] + 1) / height
    return np.array(
        [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], np.float32
    )


def _adjective(thing: SceneObject) -> str:
    return colour_word(thing) or thing.material


def _random_sighting(chance: np.random.Generator, shape: tuple[int, int]) -> Sighting:
    seed = int(chance.integers(1 << 30))
    draw = random_scene if chance.random() < _PHOTO_CHANCE else random_world_scene
    scene = draw(seed)
    if chance.random() < 0.5:
        scene = edited_scene(scene, possible_instructions(scene, seed)[0])
    frame = int(chance.integers(scene.frame_count))
    return sighting(scene, frame, width=shape[0], height=shape[1])


def _perhaps_mirrored(seen: Sighting, chance: np.random.Generator) -> Sighting:
    if chance.random() < 0.5:
        return seen
    turn = np.array([-1, 1, 1, 1], np.float32)
    shift = np.array([1, 0, 0, 0], np.float32)
    return Sighting(
        frame=seen.frame[:, ::-1],
        owners=seen.owners[:, ::-1],
        objects=tuple(replace(thing, box=thing.box * turn + shift) for thing in seen.objects),
    )


def _batch(sightings: list[Sighting], chance: np.random.Generator) -> GroundingBatch:
    asked = [_phrases(seen.objects, chance) for seen in sightings]
    return GroundingBatch(
        pictures=torch.stack([picture_tensor(seen.frame, STARTER_INPUT) for seen in sightings]),
        captions=tuple("".join(f"{phrase} . " for phrase in phrases) for phrases in asked),
        owners=torch.from_numpy(np.stack([seen.owners for seen in sightings])),
        answers=tuple(
            tuple(_answering(seen.objects, phrase) for phrase in phrases)
            for seen, phrases in zip(sightings, asked, strict=True)
        ),
    )


def _phrases(objects: tuple[NamedObject, ...], chance: np.random.Generator) -> tuple[str, ...]:
    """A few phrases, some for objects that are there, some for none."""
    count = int(chance.choice((1, 2, 3, 4), p=(0.3, 0.3, 0.25, 0.15)))
    found: list[str] = []
    for _ in range(count):
        if objects and chance.random() >= _ABSENT_SHARE:
            thing = objects[int(chance.integers(len(objects)))]
            adjective = thing.adjective if chance.random() < 0.4 else ""
            found.append(f"{adjective} {thing.kind}".strip())
        else:
            found.append(_absent_phrase(objects, chance))
    return tuple(dict.fromkeys(found))


def _absent_phrase(objects: tuple[NamedObject, ...], chance: np.random.Generator) -> str:
    """A kind that is not there, a kind in a colour it does not have, or a word of no world."""
    form = chance.random()
    known = {(thing.kind, thing.adjective) for thing in objects}
    told = [thing for thing in objects if thing.adjective]
    adjective = str(chance.choice([*PALETTE, *MATERIALS]))
    if told and form < 0.25:
        kind = told[int(chance.integers(len(told)))].kind
        if all((kind, other) not in known for other in (adjective, "")):
            return f"{adjective} {kind}"
    if form > 0.95:
        return "".join(chance.choice(list(string.ascii_lowercase), int(chance.integers(2, 8))))
    kind = str(chance.choice([kind for kind in KINDS if kind not in {one for one, _ in known}]))
    if told and form < 0.45:
        # Right colour, wrong kind: shapes are harder to learn than colours.
        adjective = told[int(chance.integers(len(told)))].adjective
    return f"{adjective} {kind}" if form < 0.45 else kind


def _answering(objects: tuple[NamedObject, ...], phrase: str) -> tuple[NamedObject, ...]:
    *adjective, kind = phrase.split()
    return tuple(
        thing for thing in objects if thing.kind == kind and adjective in ([], [thing.adjective])
    )
