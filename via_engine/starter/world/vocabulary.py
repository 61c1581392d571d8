"""The words of the starter world: what may be asked, in several wordings, and back again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal

Edit = Literal[
    "recolour", "vague_recolour", "kind", "remove", "background", "time", "style", "material"
]

PALETTE: dict[str, tuple[int, int, int]] = {
    "red": (214, 36, 44),
    "orange": (245, 134, 24),
    "yellow": (247, 219, 42),
    "green": (42, 160, 62),
    "cyan": (52, 202, 208),
    "blue": (36, 82, 214),
    "purple": (122, 48, 178),
    "pink": (246, 132, 190),
}
KINDS = ("ball", "box", "star", "triangle", "ring", "heart", "diamond", "flower")
MATERIALS = ("golden", "silver", "wooden", "stone")
BACKGROUNDS = ("meadow", "desert", "beach", "snow", "city")
TIMES = ("night", "sunset", "winter", "fog")
STYLES = ("sketch", "sepia", "poster")

_BACKGROUND_PHRASES = {
    "meadow": "a meadow",
    "desert": "a desert",
    "beach": "a beach",
    "snow": "a snowy field",
    "city": "city lights",
}
_MATERIAL_NOUNS = {"golden": "gold", "silver": "silver", "wooden": "wood", "stone": "stone"}
_TIME_WORDINGS: dict[str, tuple[str, ...]] = {
    "night": (
        "make it night",
        "turn it into night",
        "make it nighttime",
        "change the time to night",
        "make it look like night",
    ),
    "sunset": (
        "make it sunset",
        "turn it into a sunset",
        "add a sunset",
        "change the time to sunset",
        "make it look like sunset",
    ),
    "winter": (
        "make it winter",
        "turn it into winter",
        "change the season to winter",
        "make it look like winter",
        "make it wintry",
    ),
    "fog": (
        "make it foggy",
        "add fog",
        "cover it with fog",
        "change the weather to fog",
        "make it look foggy",
    ),
}
_STYLE_WORDINGS: dict[str, tuple[str, ...]] = {
    "sketch": (
        "make it a pencil sketch",
        "turn it into a pencil sketch",
        "pencil sketch style",
        "make it look like a pencil drawing",
    ),
    "sepia": (
        "make it sepia",
        "turn it into an old photo",
        "sepia style",
        "make it look like an old sepia photo",
    ),
    "poster": (
        "make it a poster",
        "turn it into a poster",
        "poster style",
        "make it look like a poster",
    ),
}
# {o} the object, {v} the value, {n} the value with its article or as a noun.
_TEMPLATES: dict[str, tuple[str, ...]] = {
    "recolour": (
        "make the {o} {v}",
        "turn the {o} {v}",
        "paint the {o} {v}",
        "change the color of the {o} to {v}",
        "recolor the {o} to {v}",
        "the {o} should be {v}",
    ),
    "vague_recolour": (
        "change the color of the {o}",
        "change the colour of the {o}",
        "give the {o} a different color",
        "recolor the {o}",
        "make the {o} another color",
        "paint the {o} a new color",
    ),
    "kind": (
        "turn the {o} into {n}",
        "replace the {o} with {n}",
        "make the {o} {n}",
        "change the {o} into {n}",
        "swap the {o} for {n}",
    ),
    "remove": (
        "remove the {o}",
        "delete the {o}",
        "erase the {o}",
        "take away the {o}",
        "get rid of the {o}",
        "make the {o} disappear",
    ),
    "background": (
        "replace the background with {n}",
        "change the background to {n}",
        "make the background {n}",
        "put {n} in the background",
    ),
    "material": (
        "make the {o} {v}",
        "turn the {o} into {n}",
        "make the {o} out of {n}",
        "make the {o} look {v}",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One thing asked of a picture.

    `value` is the colour, kind, background, time, style or material wanted, and is empty for
    `vague_recolour` and `remove`. `kind` names the object, `colour` tells it from others of
    its kind; both are empty when the whole picture is meant.
    """

    edit: Edit
    value: str = ""
    kind: str = ""
    colour: str = ""

    @property
    def phrase(self) -> str:
        """The object's words, such as "red ball"; empty when the whole picture is meant."""
        return f"{self.colour} {self.kind}".strip()


def wordings(instruction: Instruction) -> tuple[str, ...]:
    """Every way the world says this instruction; the first is the plainest."""
    if instruction.edit == "time":
        return _TIME_WORDINGS[instruction.value]
    if instruction.edit == "style":
        return _STYLE_WORDINGS[instruction.value]
    return tuple(
        template.format(o=instruction.phrase, v=instruction.value, n=_noun(instruction))
        for template in _TEMPLATES[instruction.edit]
    )


def parse_instruction(text: str) -> Instruction | None:
    """The instruction a wording stands for, or None when the world does not know the words."""
    return _instructions_by_wording().get(re.sub(r"\s+", " ", text).strip(" .!").lower())


def every_instruction() -> tuple[Instruction, ...]:
    """The whole vocabulary, objects named with and without their colour."""
    whole = [
        *(Instruction(edit="background", value=value) for value in BACKGROUNDS),
        *(Instruction(edit="time", value=value) for value in TIMES),
        *(Instruction(edit="style", value=value) for value in STYLES),
    ]
    for kind, colour in product(KINDS, ("", *PALETTE)):
        whole += _instructions_for_object(kind, colour)
    return tuple(whole)


def held_out_words(instruction: Instruction) -> bool:
    """Whether this pairing of words is kept from training, by rule: one in eight of each form.

    Object kind i is never recoloured to colour j where (i + j) % 8 == 3, never turned into
    kind j where (i + 3 j) % 8 == 5, and never made of material j where (i + 2 j) % 8 == 1.
    """
    if not instruction.kind:
        return False
    kind = KINDS.index(instruction.kind)
    if instruction.edit == "recolour":
        return (kind + list(PALETTE).index(instruction.value)) % 8 == 3
    if instruction.edit == "kind":
        return (kind + 3 * KINDS.index(instruction.value)) % 8 == 5
    if instruction.edit == "material":
        return (kind + 2 * MATERIALS.index(instruction.value)) % 8 == 1
    return False


def _instructions_for_object(kind: str, colour: str) -> list[Instruction]:
    found = [
        Instruction(edit="vague_recolour", kind=kind, colour=colour),
        Instruction(edit="remove", kind=kind, colour=colour),
    ]
    found += [
        Instruction(edit="recolour", value=value, kind=kind, colour=colour)
        for value in PALETTE
        if value != colour
    ]
    found += [
        Instruction(edit="kind", value=value, kind=kind, colour=colour)
        for value in KINDS
        if value != kind
    ]
    found += [
        Instruction(edit="material", value=value, kind=kind, colour=colour) for value in MATERIALS
    ]
    return found


def _noun(instruction: Instruction) -> str:
    if instruction.edit == "kind":
        return f"a {instruction.value}"
    if instruction.edit == "background":
        return _BACKGROUND_PHRASES[instruction.value]
    return _MATERIAL_NOUNS.get(instruction.value, instruction.value)


@lru_cache(maxsize=1)
def _instructions_by_wording() -> dict[str, Instruction]:
    return {
        text: instruction for instruction in every_instruction() for text in wordings(instruction)
    }
