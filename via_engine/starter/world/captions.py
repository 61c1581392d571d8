"""Captions before and after an edit, and captions of whole scenes.

The direction from one caption to the other is what a critic compares with the change of the
picture. `captions_of` reads them off an instruction's words alone, since a user gives no
caption; both start with "a photo", the form every CLIP checkpoint knows best.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from via_engine.errors import InstructionError
from via_engine.starter.world.scene import Scene, SceneObject, colour_word
from via_engine.starter.world.vocabulary import Instruction, parse_instruction

_BACKGROUND_WORDS = {
    "meadow": "a meadow",
    "desert": "a desert",
    "beach": "a beach",
    "snow": "snow",
    "city": "city lights",
}
_TIME_WORDS = {
    "night": "at night",
    "sunset": "at sunset",
    "winter": "in winter",
    "fog": "in fog",
}
_STYLE_WORDS = {"sketch": "a pencil sketch", "sepia": "a sepia photo", "poster": "a poster"}
_PHOTO = "a photo"
_ORDER = ("style", "object", "background", "time")
_DETERMINERS = r"(?:(?:the|a|an|this|that|my|our|his|her|their) )"


@dataclass(frozen=True, kw_only=True)
class Captions:
    """What a picture shows before an edit and after it."""

    before: str
    after: str

    @property
    def have_direction(self) -> bool:
        """Whether they differ. If not, direction similarity is 0 and cannot rank anything."""
        return self.before != self.after


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One thing a caption can say of a scene; `words` are its words in a caption."""

    about: Literal["object", "background", "time", "style"]
    words: str


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """A form of instruction in free words, and the captions it calls for."""

    pattern: re.Pattern[str]
    before: str
    after: str


def captions_of(text: str) -> Captions:
    """The captions an instruction calls for.

    Words of the world give the captions the starter critic learned. Other words go through the
    usual forms of instructions (turn ... into ..., remove ..., replace the background with ...);
    what fits none is taken as a description of the picture wanted.

    Raises:
        InstructionError: the text is empty.
    """
    known = parse_instruction(text)
    if known is not None:
        return instruction_captions(known)
    words = re.sub(r"\s+", " ", text).strip(" .!").lower()
    if not words:
        raise InstructionError("the instruction is empty; say what to change, in a few words")
    for rule in _RULES:
        found = rule.pattern.fullmatch(words)
        if found:
            parts = found.groupdict(default="")
            return Captions(
                before=rule.before.format_map(parts), after=rule.after.format_map(parts)
            )
    return Captions(before=_PHOTO, after=f"a photo of {words}")


def instruction_captions(instruction: Instruction) -> Captions:
    """The captions of an instruction of the world; an object's captions name it alone.

    Those of a vague recolour are equal: "another color" lies in no direction, for changes from
    red to blue and from blue to red are opposite and it means both.
    """
    if instruction.edit == "background":
        fact = Fact(about="background", words=_BACKGROUND_WORDS[instruction.value])
        return Captions(before=_PHOTO, after=caption_of([fact]))
    if instruction.edit == "time":
        fact = Fact(about="time", words=_TIME_WORDS[instruction.value])
        return Captions(before=_PHOTO, after=caption_of([fact]))
    if instruction.edit == "style":
        return Captions(before=_PHOTO, after=_STYLE_WORDS[instruction.value])
    if instruction.edit == "vague_recolour":
        still_there = f"a photo of {_with_article(instruction.kind)}"
        return Captions(before=still_there, after=still_there)
    thing = _with_article(instruction.phrase)
    return Captions(before=f"a photo of {thing}", after=_after_local_edit(instruction, thing))


def scene_facts(scene: Scene) -> frozenset[Fact]:
    """All a caption may say of a scene; each object both by its kind and by look and kind."""
    facts = [
        Fact(about="object", words=words)
        for thing in scene.objects
        for words in (thing.kind, _look_and_kind(thing))
    ]
    if scene.background in _BACKGROUND_WORDS:
        facts.append(Fact(about="background", words=_BACKGROUND_WORDS[scene.background]))
    if scene.time in _TIME_WORDS:
        facts.append(Fact(about="time", words=_TIME_WORDS[scene.time]))
    if scene.style in _STYLE_WORDS:
        facts.append(Fact(about="style", words=_STYLE_WORDS[scene.style]))
    return frozenset(facts)


def caption_of(facts: Collection[Fact]) -> str:
    """One sentence saying the facts, such as "a photo of a red ball and a blue star at night".

    It holds for every scene whose `scene_facts` include them. Objects keep their order.
    """
    said = {about: [fact.words for fact in facts if fact.about == about] for about in _ORDER}
    parts = said["style"] or [_PHOTO]
    if said["object"]:
        parts.append("of " + " and ".join(_with_article(words) for words in said["object"]))
    parts += [f"with {words} in the background" for words in said["background"]]
    return " ".join([*parts, *said["time"]])


def _after_local_edit(instruction: Instruction, thing: str) -> str:
    if instruction.edit == "remove":
        return f"a photo without {thing}"
    if instruction.edit == "kind":
        changed = f"{instruction.colour} {instruction.value}".strip()
    else:
        changed = f"{instruction.value} {instruction.kind}"
    return f"a photo of {_with_article(changed)}"


def _look_and_kind(thing: SceneObject) -> str:
    return f"{colour_word(thing) or thing.material} {thing.kind}"


def _with_article(words: str) -> str:
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def _rule(pattern: str, before: str, after: str) -> _Rule:
    return _Rule(pattern=re.compile(pattern), before=before, after=after)


# The first that fits counts, so the narrow forms stand before the wide ones.
_RULES = (
    _rule(
        r"(?:replace|change|turn|make) the background (?:with |to |into |for )?(?P<new>.+)",
        _PHOTO,
        "a photo with {new} in the background",
    ),
    _rule(r"put (?P<new>.+) in the background", _PHOTO, "a photo with {new} in the background"),
    _rule(
        rf"(?:change the colou?r of|recolou?r) (?P<the>{_DETERMINERS}?)(?P<old>.+) to (?P<new>.+)",
        "a photo of {the}{old}",
        "a photo of {the}{new} {old}",
    ),
    _rule(
        r"(?:change the colou?r of|recolou?r) (?P<old>.+)", "a photo of {old}", "a photo of {old}"
    ),
    _rule(r"(?:make|turn) it (?:look )?(?:like |into |in )?(?P<new>.+)", _PHOTO, "a photo, {new}"),
    _rule(r"(?:in )?(?P<new>.+) style", _PHOTO, "a photo, {new} style"),
    _rule(
        r"(?:remove|delete|erase|take away|get rid of) (?P<old>.+)",
        "a photo of {old}",
        "a photo without {old}",
    ),
    _rule(r"add (?P<new>.+)", _PHOTO, "a photo with {new}"),
    _rule(
        r"(?:turn|replace|swap|change|transform|make) (?P<old>.+?) "
        r"(?:into|with|for|to|out of|look like) (?P<new>.+)",
        "a photo of {old}",
        "a photo of {new}",
    ),
    _rule(
        rf"(?:make|turn|paint|color|colour) (?P<the>{_DETERMINERS})(?P<old>.+?) "
        r"(?:look )?(?P<new>\S+)",
        "a photo of {the}{old}",
        "a photo of {the}{new} {old}",
    ),
)
