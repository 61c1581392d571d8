"""The expressive instruction: what the picture will show, as MGIE's language model writes it.

No sentence repeats three words of a wording in a row: generation forbids what the prompt has
said already (no_repeat_ngram_size 3).
"""

from __future__ import annotations

from via_engine.starter.world.scene import Scene
from via_engine.starter.world.vocabulary import Instruction

_NEW_PLACES = {
    "meadow": "a meadow",
    "desert": "a desert",
    "beach": "a beach",
    "snow": "snow",
    "city": "city lights",
}
_SENTENCES = {
    "recolour": "{where} there is now {value} {kind}.",
    "vague_recolour": "{where} there is now a {kind} of another color.",
    "kind": "{where} there is now {value}.",
    "material": "{where} there is now {value} {kind}.",
    "remove": "{where} there is no {phrase} any more.",
    "background": "The {place} becomes {new_place}.",
    "night": "Night falls over the {place}.",
    "sunset": "The sun sets over the {place}.",
    "winter": "Winter comes to the {place}.",
    "fog": "Fog lies over the {place}.",
    "sketch": "The {place} is drawn in pencil.",
    "sepia": "The {place} fades to brown tones.",
    "poster": "The {place} is printed in flat colors.",
}


def expressive_sentence(scene: Scene, instruction: Instruction) -> str:
    """One sentence that names where the scene is and what the edit will make of it."""
    whole = instruction.edit in ("time", "style")
    place = "picture" if scene.background == "photo" else scene.background
    value = instruction.value
    return _SENTENCES[value if whole else instruction.edit].format(
        where=f"{'On' if place == 'beach' else 'In'} the {place}",
        place=place,
        new_place=_NEW_PLACES.get(value, ""),
        value=f"{'an' if value == 'orange' else 'a'} {value}",
        kind=instruction.kind,
        phrase=instruction.phrase,
    )
