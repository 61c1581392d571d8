"""Reads an instruction by rule: what it is about, how far it reaches, and captions of the change.

English as editors write it: "make the X Y", "turn X into Y", "replace the background with Y". A
vision-language model reads more; this reader needs no network and never fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from via_engine.errors import InstructionError
from via_engine.masks import forms, wording

_PHOTO = "a photo"
# What stands before a background, where the instruction does not say.
FRONT_PHRASES = ("person", "animal", "vehicle", "object")


class Region(Enum):
    """Which side of what the phrases name is edited."""

    OBJECT = "object"
    BACKGROUND = "background"


@dataclass(frozen=True, kw_only=True)
class InstructionPlan:
    """How an instruction is carried out.

    Attributes:
        is_local: whether a mask bounds the edit; else the whole picture is meant.
        region: what the phrases name, or all but that.
        phrases: noun phrases to look for, without articles. Of a background edit they name what
            stands in front.
        changes_shape: whether the new thing may need more room than the old one has.
        caption_before: what the picture shows, for a CLIP-type critic.
        caption_after: what it shall show. Equal to `caption_before` where the change has no
            direction, as in "another colour".
    """

    is_local: bool
    region: Region
    phrases: tuple[str, ...]
    changes_shape: bool
    caption_before: str
    caption_after: str

    @property
    def names_its_subject(self) -> bool:
        """Whether what the phrases say must be there: not what may stand before a background."""
        return self.region is Region.OBJECT or self.phrases not in ((), FRONT_PHRASES)


def plan_instruction(instruction: str) -> InstructionPlan:
    """The plan of an instruction in English; what fits no known form is about the whole picture.

    Raises:
        InstructionError: it is blank.
    """
    words = re.sub(r"\s+", " ", instruction.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    words = forms.POLITE_START.sub("", words.strip(" .!?\"'").lower())
    words = forms.POLITE_END.sub("", words)
    if not words:
        raise InstructionError("the instruction is blank; say what to change, in a few words")
    for pattern, plan in _RULES:
        found = pattern.fullmatch(words)
        if found:
            return plan(found)
    return _whole(f"a photo of {words}")


def _whole(after: str) -> InstructionPlan:
    return InstructionPlan(
        is_local=False,
        region=Region.OBJECT,
        phrases=(),
        changes_shape=False,
        caption_before=_PHOTO,
        caption_after=after,
    )


def _object(
    subject: str, after: str | None, *, before: str = "", changes_shape: bool = False
) -> InstructionPlan:
    """An edit of what `subject` names; without `after` it has no direction."""
    phrases = wording.things(subject)
    named = " and ".join(wording.with_article(phrase) for phrase in phrases)
    caption_before = f"a photo of {before or named}"
    return InstructionPlan(
        is_local=True,
        region=Region.OBJECT,
        phrases=phrases,
        changes_shape=changes_shape,
        caption_before=caption_before,
        caption_after=caption_before if after is None else after,
    )


def _background(after: str, front: str = "") -> InstructionPlan:
    return InstructionPlan(
        is_local=True,
        region=Region.BACKGROUND,
        phrases=wording.things(front) or FRONT_PHRASES,
        changes_shape=False,
        caption_before=_PHOTO,
        caption_after=after,
    )


def _behind(found: re.Match[str]) -> InstructionPlan:
    """A new background, told as a thing or as a property."""
    front, new = found.groupdict().get("front") or "", found["new"]
    return _background(f"a photo with {wording.backdrop(new)} in the background", front)


def _background_look(found: re.Match[str]) -> InstructionPlan:
    done = {"blur": "blurred", "darken": "dark", "brighten": "bright", "lighten": "light"}
    return _background(f"a photo with a {done.get(found['how'], 'plain')} background")


def _moved(found: re.Match[str]) -> InstructionPlan:
    said = wording.condition(found["place"].partition(" ")[2])
    if said:
        return _whole(f"{_PHOTO} {said}")
    front = "" if re.fullmatch(forms.WHOLE, found["front"]) else found["front"]
    return _background(f"a photo {found['place']}", front)


def _all_but(found: re.Match[str]) -> InstructionPlan:
    return _background(f"a photo, {found['new']}", found["front"])


def _removed(found: re.Match[str]) -> InstructionPlan:
    named = " and ".join(map(wording.with_article, wording.things(found["old"])))
    return _object(found["old"], f"a photo without {named}")


def _another_colour(found: re.Match[str]) -> InstructionPlan:
    # Opposite changes are equally right, so the captions stay equal and name no colour.
    kind = wording.without_colour(wording.bare(found["old"]))
    return _object(found["old"], None, before=wording.with_article(kind))


def _given(found: re.Match[str]) -> InstructionPlan:
    """Something is added to a thing that is there."""
    named = " and ".join(map(wording.with_article, wording.things(found["old"])))
    return _object(found["old"], f"a photo of {named} with {found['new']}", changes_shape=True)


def _added(found: re.Match[str]) -> InstructionPlan:
    new = found["new"]
    said = wording.condition(new)
    if said:
        return _whole(f"{_PHOTO} {said}")
    return _whole(wording.picture_kind(new) or f"{_PHOTO} with {wording.bare(new)}")


def _acting(found: re.Match[str]) -> InstructionPlan:
    named = wording.with_article(wording.bare(found["old"]))
    doing = f"{wording.gerund(found['verb'])} {found['rest']}".strip()
    return _object(found["old"], f"a photo of {named} {doing}", changes_shape=True)


def _whole_picture(found: re.Match[str]) -> InstructionPlan:
    new = found["new"]
    said = wording.condition(new)
    if said:
        return _whole(f"{_PHOTO} {said}")
    return _whole(wording.picture_kind(new) or f"{_PHOTO}, {new}")


def _styled(found: re.Match[str]) -> InstructionPlan:
    new = found["new"]
    return _whole(wording.picture_kind(new) or f"{_PHOTO} in the style of {wording.bare(new)}")


def _becomes(found: re.Match[str]) -> InstructionPlan:
    """A thing turns into another, or into itself with another look."""
    old, new = wording.bare(found["old"]), found["new"].removesuffix(" one")
    said = wording.condition(new)
    if said and wording.condition(old):
        return _whole(f"{_PHOTO} {said}")
    if wording.is_look(new) or new != found["new"]:
        return _looks(found["old"], new)
    kept = "" if wording.leading_colour(wording.bare(new)) else wording.leading_colour(old)
    after = wording.with_article(f"{kept} {wording.bare(new)}".strip())
    is_same_thing = wording.head_noun(old) == wording.head_noun(new)
    return _object(found["old"], f"a photo of {after}", changes_shape=not is_same_thing)


def _has_look(found: re.Match[str]) -> InstructionPlan:
    return _looks(found["old"], found["new"])


def _looks(old: str, new: str) -> InstructionPlan:
    """A thing keeps its kind and gets a property."""
    value = wording.look(wording.bare(new))
    named = []
    for phrase in wording.things(old):
        kind = wording.without_colour(phrase) if wording.is_look(new) else phrase
        named.append(wording.with_article(f"{value} {kind}"))
    return _object(old, f"a photo of {' and '.join(named)}", changes_shape=wording.is_size(value))


def _unparted(found: re.Match[str]) -> InstructionPlan:
    """Thing and value stand side by side: "the red ball blue"."""
    old, new = wording.split_value(found["both"])
    return _looks(old, new)


# The first that fits counts: the whole picture and its background before things, narrow before
# wide forms.
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], InstructionPlan]], ...] = tuple(
    (re.compile(pattern), plan)
    for patterns, plan in (
        (forms.NEW_BACKGROUND, _behind),
        (forms.BACKGROUND_LOOK, _background_look),
        (forms.ALL_BUT, _all_but),
        (forms.REMOVED, _removed),
        (forms.NEW_COLOUR, _has_look),
        (forms.OTHER_COLOUR, _another_colour),
        (forms.WHOLE_PICTURE, _whole_picture),
        (forms.MOVED, _moved),
        (forms.ADDED_TO_ALL, _added),
        (forms.STYLED, _styled),
        (forms.GIVEN, _given),
        (forms.ADDED, _added),
        (forms.ACTING, _acting),
        (forms.BECOMES, _becomes),
        (forms.HAS_LOOK, _has_look),
        (forms.BECOMES_A, _becomes),
        (forms.UNPARTED, _unparted),
    )
    for pattern in patterns
)
