"""Words of instructions: what names a thing, a look, a time, and how a caption says it."""

from __future__ import annotations

import re

DETERMINERS = r"(?:(?:the|a|an|this|that|these|those|my|our|your|his|her|its|their|some|all) )"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split(" "))


COLOURS = _words(
    "red orange yellow green cyan blue purple pink white black grey gray brown violet magenta "
    "turquoise teal beige navy maroon crimson scarlet lime olive indigo lavender coral"
)
_MATERIALS = {
    "gold": "golden",
    "wood": "wooden",
    "wool": "woollen",
    **{
        name: name
        for name in _words(
            "golden wooden silver stone marble glass metal chrome bronze copper steel "
            "leather plastic paper ice chocolate lego clay crystal denim velvet concrete"
        )
    },
}
_MODIFIERS = _words(
    "dark light bright pale deep neon hot vivid pastel very more much slightly really "
    "completely totally solid shiny matte royal forest sky"
)
_SIZES = _words(
    "bigger larger taller longer wider thicker fatter huge giant big large tall long fat "
    "enormous muscular curly fluffy"
)
_PERSONS = {"him": "man", "he": "man", "her": "woman", "she": "woman", "them": "people"}
_MASS_NOUNS = _words(
    "hair grass water snow sand clothes people food furniture jewelry traffic smoke fire fur "
    "children men women"
)
# The packaged critic knows one name for each of these.
_SAME_LOOK = {
    "pencil drawing": "pencil sketch",
    "old photo": "sepia photo",
    "old sepia photo": "sepia photo",
    "snowy field": "snow",
}
_CONDITIONS = {
    **dict.fromkeys(("night", "nighttime", "night time", "midnight"), "at night"),
    **dict.fromkeys(("day", "daytime", "daylight"), "in daylight"),
    **{name: f"at {name}" for name in ("sunset", "sunrise", "dawn", "dusk", "noon", "golden hour")},
    **{name: f"in {name}" for name in ("winter", "summer", "spring", "autumn", "fall")},
    **dict.fromkeys(("wintry", "wintery"), "in winter"),
    **dict.fromkeys(("fog", "foggy", "mist", "misty"), "in fog"),
    **dict.fromkeys(("rain", "rainy", "raining"), "in the rain"),
    **dict.fromkeys(("snow", "snowy", "snowing"), "in snow"),
    **dict.fromkeys(("storm", "stormy", "thunderstorm"), "in a storm"),
    **dict.fromkeys(("sun", "sunny", "sunshine"), "in sunshine"),
    **dict.fromkeys(("cloudy", "overcast"), "under clouds"),
}
_PICTURES = _words(
    "sketch drawing painting poster photo photograph cartoon comic anime watercolor watercolour "
    "illustration print render engraving mosaic collage mural postcard film movie"
)
_TONES = ("sepia", "black and white", "monochrome", "vintage", "greyscale", "grayscale")


def bare(words: str) -> str:
    """A noun phrase as the grounder looks for it: without its article; "him" is a man."""
    words = words.strip(" ,")
    return _PERSONS.get(words, re.sub(rf"^{DETERMINERS}+", "", words))


def things(words: str) -> tuple[str, ...]:
    """The noun phrases joined by "and": "the man and his dog" are two, "black and white cat" one.

    A joint is an "and" or a comma with an article behind it.
    """
    parts = re.split(rf"(?:,? and |, ){DETERMINERS}", words)
    return tuple(found for found in map(bare, parts) if found)


def with_article(words: str) -> str:
    """The words as a caption names one of them; what cannot be counted gets no article."""
    head = head_noun(words)
    if is_plural(words) or head in _MASS_NOUNS or re.match(DETERMINERS, words):
        return words
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def is_plural(words: str) -> bool:
    """Whether the words end as a plural does: "dogs" and "boxes", not "dress", "bus" or "iris"."""
    last = _last_word(words)
    return last.endswith("s") and not last.endswith(("ss", "us", "is"))


def is_look(words: str) -> bool:
    """Whether the words name a colour or a material, and no thing."""
    last = _last_word(words)
    return last in COLOURS or (last in _MATERIALS and not re.match(DETERMINERS, words))


def is_size(words: str) -> bool:
    """Whether what gets these words needs more room than before."""
    return not _SIZES.isdisjoint(words.split(" "))


def look(words: str) -> str:
    """A colour or material as an adjective: "gold" is "golden"."""
    return _MATERIALS.get(words, words)


def without_colour(words: str) -> str:
    """The phrase without its colour words."""
    return " ".join(word for word in words.split(" ") if word not in COLOURS) or words


def leading_colour(words: str) -> str:
    """The colour a phrase begins with, or nothing."""
    first = words.partition(" ")[0]
    return first if first in COLOURS else ""


def head_noun(words: str) -> str:
    """The noun a phrase is about: of "a red car with stripes" it is "car"."""
    parts = re.split(r" (?:of|in|on|with|from|at|behind|near|made) ", bare(words))
    return _last_word(parts[0])


def split_value(words: str) -> tuple[str, str]:
    """Thing and value of "red ball dark blue", which no word parts; the value is never empty.

    The value is the last word with what modifies it, and both sides of an "and" before it. A
    single word is all value.
    """
    parts = words.split(" ")
    start = len(parts) - 1
    if start > 2 and parts[start - 1] == "and":
        start -= 2
    kinds_of_look = _MODIFIERS | COLOURS if is_look(parts[-1]) else _MODIFIERS
    while start > 1 and parts[start - 1] in kinds_of_look:
        start -= 1
    return " ".join(parts[:start]), " ".join(parts[start:])


def gerund(verb: str) -> str:
    """The verb as what someone is seen doing: "run" is "running"."""
    if verb in ("run", "swim"):
        return f"{verb}{verb[-1]}ing"
    return f"{verb.removesuffix('e')}ing"


def condition(words: str) -> str | None:
    """How a caption says a time, season or weather, "at night"; None for other words."""
    return _CONDITIONS.get(bare(words))


def picture_kind(words: str) -> str | None:
    """The caption of a kind of picture, "a pencil sketch"; None for words that name none."""
    found = re.sub(r" (?:style|look|effect)$", "", bare(words))
    if found in _TONES:
        return f"a {found} photo"
    if _PICTURES.isdisjoint(found.split(" ")):
        return None
    return with_article(_SAME_LOOK.get(found, found))


def backdrop(words: str) -> str:
    """The caption's words for a new background."""
    return _SAME_LOOK.get(bare(words), words)


def _last_word(words: str) -> str:
    return words.rpartition(" ")[2]
