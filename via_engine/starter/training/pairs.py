"""Training pairs: families of edited scenes, encoded once and kept outside the repository.

One source scene is drawn with many edits in two frames. Every two members of a family that
differ in one thing are a pair, so a dozen pictures yield some fifty pairs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from via_engine.starter import world
from via_engine.starter.world.render import object_mask, render_frame
from via_engine.starter.world.scene import (
    PHOTO_LIKE_SHARE,
    Scene,
    colour_word,
    edited_scene,
    naming,
    random_scene,
    random_world_scene,
)
from via_engine.starter.world.vocabulary import (
    BACKGROUNDS,
    KINDS,
    MATERIALS,
    PALETTE,
    STYLES,
    TIMES,
    Edit,
    Instruction,
    held_out_words,
)

FAMILIES_PER_SHARD = 50
FRAMES_PER_FAMILY = 2
# Half of what the editor sees has the size it works at.
SIZES = ((256, 144), (128, 128), (256, 144), (160, 96))
_VISIBLE_SHARE = 0.015
_OBJECT_EDITS: tuple[Edit, ...] = ("recolour", "kind", "remove", "material")

Encoder = Callable[[np.ndarray], Tensor]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Members `source` and `target` of a family, and what turns one into the other."""

    source: int
    target: int
    instruction: Instruction


@dataclass(frozen=True, kw_only=True)
class Family:
    """Scenes that differ from one another by edits, and the frames to draw them in."""

    members: tuple[Scene, ...]
    pairs: tuple[Pair, ...]
    frames: tuple[int, ...]


class _Gatherer:
    """Collects members and pairs of one family."""

    def __init__(self, scene: Scene) -> None:
        self.members = [scene]
        self.pairs: list[Pair] = []

    def member(self, scene: Scene) -> int:
        if scene not in self.members:
            self.members.append(scene)
        return self.members.index(scene)

    def pair(self, source: int, target: int, instruction: Instruction) -> None:
        if source != target and not held_out_words(instruction):
            self.pairs.append(Pair(source=source, target=target, instruction=instruction))


def build_family(seed: int, *, width: int, height: int) -> Family:
    """The family of a seed; a quarter of them are photo-like pictures with global edits only.

    Every object that shows and can be named is edited: were it one a scene, the picture alone
    would tell which, and the words that name it would not be learned.
    """
    chance = np.random.default_rng((19, seed))
    if chance.random() < PHOTO_LIKE_SHARE:
        return _photo_family(seed, chance)
    for attempt in range(100):
        scene = random_world_scene(seed * 100 + attempt)
        index = int(chance.integers(len(scene.objects)))
        frames = _frames_showing(scene, index, chance, width, height)
        if frames and naming(scene, index, with_colour=False):
            others = _others_showing(scene, index, frames, width, height)
            return _world_family(scene, (index, *others), frames, chance)
    raise AssertionError("no scene showed its object in a hundred tries")


def write_shard(folder: Path, shard: int, encode: Encoder) -> Path:
    """Draw, encode and store one shard of families; returns its file.

    Shard n holds pictures of `SIZES[n % 4]`. `encode` maps (batch, height, width, 3) uint8 RGB to
    latents (batch, channels, height / 8, width / 8).
    """
    width, height = SIZES[shard % len(SIZES)]
    latents: list[Tensor] = []
    rows: list[tuple[int, int, int]] = []
    instructions: dict[tuple[str, str, str, str], int] = {}
    base = 0
    for seed in range(shard * FAMILIES_PER_SHARD, (shard + 1) * FAMILIES_PER_SHARD):
        family = build_family(seed, width=width, height=height)
        pictures = [
            render_frame(scene, frame, width=width, height=height)
            for scene in family.members
            for frame in family.frames
        ]
        latents.append(encode(np.stack(pictures)).half())
        for pair in family.pairs:
            number = instructions.setdefault(astuple(pair.instruction), len(instructions))
            source, target = (
                base + member * FRAMES_PER_FAMILY for member in (pair.source, pair.target)
            )
            rows.append((source, target, number))
        base += len(pictures)
    folder.mkdir(parents=True, exist_ok=True)
    path = shard_path(folder, shard)
    half = path.with_suffix(".part")
    torch.save(
        {"latents": torch.cat(latents), "rows": rows, "instructions": list(instructions)}, half
    )
    half.replace(path)
    return path


def drawing_identity() -> str:
    """Names the code that draws families: pairs another version drew may teach other things."""
    digest = hashlib.sha256()
    for path in (*sorted(Path(world.__file__).parent.glob("*.py")), Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def shard_count(families: int) -> int:
    """Shards that hold so many families."""
    return -(-families // FAMILIES_PER_SHARD)


def shard_path(folder: Path, shard: int) -> Path:
    """Where a shard lies."""
    return folder / f"pairs_{shard:04d}.pt"


@dataclass(frozen=True, kw_only=True)
class PairTable:
    """All pairs of one picture shape, ready to draw batches from.

    `latents` is (pictures, 16, rows, columns) float16; picture p + 1 is the second frame of
    picture p. `rows` is (pairs, 3) int64: source picture, target picture, instruction.
    `rows_by_edit` lists the rows of each form of edit. `touched` is (pictures, 1, rows, columns)
    float16: how much any edit of an object changes that place of the picture, in latent units.
    """

    latents: Tensor
    touched: Tensor
    rows: Tensor
    instructions: tuple[Instruction, ...]
    rows_by_edit: dict[Edit, Tensor]


def load_pairs(folder: Path, shape: int, shards: int) -> PairTable:
    """Those of the first `shards` that hold pictures of `SIZES[shape]`, as one table."""
    latents: list[Tensor] = []
    rows: list[Tensor] = []
    instructions: dict[Instruction, int] = {}
    base = 0
    for number in range(shape, shards, len(SIZES)):
        shard = torch.load(shard_path(folder, number), weights_only=True)
        words = [
            instructions.setdefault(
                Instruction(edit=edit, value=value, kind=kind, colour=colour), len(instructions)
            )
            for edit, value, kind, colour in shard["instructions"]
        ]
        found = torch.tensor(shard["rows"])
        found[:, :2] += base
        found[:, 2] = torch.tensor(words)[found[:, 2]]
        rows.append(found)
        latents.append(shard["latents"])
        base += len(shard["latents"])
    return _table(torch.cat(latents), torch.cat(rows), tuple(instructions))


def _table(latents: Tensor, rows: Tensor, instructions: tuple[Instruction, ...]) -> PairTable:
    edits = [one.edit for one in instructions]
    rows_by_edit = {
        edit: torch.nonzero(torch.tensor([other == edit for other in edits])[rows[:, 2]]).flatten()
        for edit in dict.fromkeys(edits)
    }
    none = rows.new_zeros(0)
    of_objects = torch.cat([rows_by_edit.get(edit, none) for edit in _OBJECT_EDITS])
    return PairTable(
        latents=latents,
        touched=_touched(latents, rows[of_objects]),
        rows=rows,
        instructions=instructions,
        rows_by_edit=rows_by_edit,
    )


def _touched(latents: Tensor, rows: Tensor) -> Tensor:
    """For every picture, the greatest change any of its edits makes, averaged over channels."""
    found = latents.new_zeros((len(latents), 1, *latents.shape[2:]))
    for source, target, _ in rows.tolist():
        pictures = slice(source, source + FRAMES_PER_FAMILY)
        changed = (latents[target : target + FRAMES_PER_FAMILY] - latents[pictures]).float()
        changed = changed.abs().mean(1, keepdim=True).half()
        found[pictures] = torch.maximum(found[pictures], changed)
    return found


def _photo_family(seed: int, chance: np.random.Generator) -> Family:
    scene = next(
        found
        for attempt in range(1000)
        if (found := random_scene(seed * 1000 + attempt)).background == "photo"
    )
    family = _Gatherer(scene)
    _add_looks(family, scene, TIMES, STYLES)
    frames = tuple(int(frame) for frame in chance.integers(0, scene.frame_count, 2))
    return Family(members=tuple(family.members), pairs=tuple(family.pairs), frames=frames)


def _world_family(
    scene: Scene, shown: tuple[int, ...], frames: tuple[int, ...], chance: np.random.Generator
) -> Family:
    family = _Gatherer(scene)
    for index in shown:
        _add_object_edits(family, scene, index, chance, values=3 if len(shown) == 1 else 2)
    _add_backgrounds(family, scene, chance)
    times = chance.permutation(TIMES)[:2] if scene.time == "day" else ()
    _add_looks(family, scene, tuple(times), (str(chance.choice(STYLES)),))
    return Family(members=tuple(family.members), pairs=tuple(family.pairs), frames=frames)


def _add_object_edits(
    family: _Gatherer, scene: Scene, index: int, chance: np.random.Generator, *, values: int
) -> None:
    with_colour = bool(chance.random() < 0.25)
    coloured = _add_colours(family, scene, index, with_colour, _new_colours(scene, chance, values))
    shaped = _add_kinds(family, scene, index, with_colour, chance)
    for member in sorted({*coloured, *shaped}):
        _add_edit(family, member, index, Instruction(edit="remove"), with_colour=with_colour)
    _add_material(family, coloured, index, with_colour, str(chance.choice(MATERIALS)))


def _new_colours(scene: Scene, chance: np.random.Generator, count: int) -> list[str]:
    """Colours that nothing in the scene has."""
    taken = {thing.colour for thing in scene.objects}
    free = [colour for colour in PALETTE if colour not in taken]
    return [str(colour) for colour in chance.permutation(free)[:count]]


def _add_colours(
    family: _Gatherer,
    scene: Scene,
    index: int,
    with_colour: bool,
    values: list[str],
) -> list[int]:
    kind, colour = naming(scene, index, with_colour=with_colour) or ("", "")
    members = [0] + [
        family.member(
            edited_scene(scene, Instruction(edit="recolour", value=value, kind=kind, colour=colour))
        )
        for value in values
    ]
    for source in members:
        _add_recolours(family, source, index, members, with_colour)
    return members


def _add_recolours(
    family: _Gatherer, source: int, index: int, targets: list[int], with_colour: bool
) -> None:
    kind, colour = naming(family.members[source], index, with_colour=with_colour) or ("", "")
    if not kind:
        return
    for target in targets:
        value = colour_word(family.members[target].objects[index])
        if value:
            vague = Instruction(edit="vague_recolour", kind=kind, colour=colour)
            family.pair(source, target, vague)
            family.pair(source, target, replace(vague, edit="recolour", value=value))


def _add_kinds(
    family: _Gatherer,
    scene: Scene,
    index: int,
    with_colour: bool,
    chance: np.random.Generator,
) -> list[int]:
    taken = {thing.kind for thing in scene.objects}
    kinds = [
        str(kind) for kind in chance.permutation([kind for kind in KINDS if kind not in taken])
    ]
    members = [0]
    for kind in kinds[:2]:
        named = naming(scene, index, with_colour=with_colour) or ("", "")
        change = Instruction(edit="kind", value=kind, kind=named[0], colour=named[1])
        members.append(family.member(edited_scene(scene, change)))
    for source in members:
        for target in members:
            kind = family.members[target].objects[index].kind
            named = naming(family.members[source], index, with_colour=with_colour) or ("", "")
            if named[0] and named[0] != kind:
                change = Instruction(edit="kind", value=kind, kind=named[0], colour=named[1])
                family.pair(source, target, change)
    return members


def _add_material(
    family: _Gatherer, coloured: list[int], index: int, with_colour: bool, material: str
) -> None:
    change = Instruction(edit="material", value=material)
    made = _add_edit(family, 0, index, change, with_colour=with_colour)
    if made is None:
        return
    for source in coloured[1:]:
        kind, colour = naming(family.members[source], index, with_colour=with_colour) or ("", "")
        if kind:
            family.pair(source, made, replace(change, kind=kind, colour=colour))
    _add_recolours(family, made, index, coloured, with_colour)


def _add_edit(
    family: _Gatherer, source: int, index: int, instruction: Instruction, *, with_colour: bool
) -> int | None:
    """Edit a member's object, named in its own words; None when words cannot single it out."""
    scene = family.members[source]
    named = naming(scene, index, with_colour=with_colour)
    if named is None:
        return None
    instruction = replace(instruction, kind=named[0], colour=named[1])
    target = family.member(edited_scene(scene, instruction))
    family.pair(source, target, instruction)
    return target


def _add_backgrounds(family: _Gatherer, scene: Scene, chance: np.random.Generator) -> None:
    names = [name for name in BACKGROUNDS if name != scene.background]
    chosen = [str(name) for name in chance.permutation(names)[:2]]
    members = [
        family.member(edited_scene(scene, Instruction(edit="background", value=name)))
        for name in chosen
    ]
    for name, target in zip(chosen, members, strict=True):
        for source in (0, *members):
            family.pair(source, target, Instruction(edit="background", value=name))


def _add_looks(
    family: _Gatherer, scene: Scene, times: tuple[str, ...], styles: tuple[str, ...]
) -> None:
    looks = [Instruction(edit="time", value=str(value)) for value in times]
    looks += [Instruction(edit="style", value=value) for value in styles]
    for look in looks:
        family.pair(0, family.member(edited_scene(scene, look)), look)


def _frames_showing(
    scene: Scene, index: int, chance: np.random.Generator, width: int, height: int
) -> tuple[int, ...]:
    """Two frames in which the object covers a fair part of the picture; empty if too few."""
    found: list[int] = []
    for frame in chance.permutation(scene.frame_count)[:6]:
        mask = object_mask(scene, index, int(frame), width=width, height=height)
        if mask.mean() > _VISIBLE_SHARE:
            found.append(int(frame))
    return tuple(found[:FRAMES_PER_FAMILY]) if len(found) >= FRAMES_PER_FAMILY else ()


def _others_showing(
    scene: Scene, index: int, frames: tuple[int, ...], width: int, height: int
) -> tuple[int, ...]:
    """Further objects that words single out and that show in every frame of the family."""

    def shows(other: int) -> bool:
        areas = [
            object_mask(scene, other, frame, width=width, height=height).mean() for frame in frames
        ]
        return bool(min(areas) > _VISIBLE_SHARE)

    return tuple(
        other
        for other in range(len(scene.objects))
        if other != index and naming(scene, other, with_colour=False) and shows(other)
    )
