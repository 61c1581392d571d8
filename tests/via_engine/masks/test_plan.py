"""Instructions as the world words them and as editors do, planned by rule."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from via_engine.errors import InstructionError
from via_engine.masks.plan import FRONT_PHRASES, Region, plan_instruction
from via_engine.starter.world.captions import instruction_captions
from via_engine.starter.world.vocabulary import Instruction, every_instruction, wordings

WHOLE_PICTURE = ("time", "style")


def wrongly_planned(instruction: Instruction, wording: str) -> bool:
    plan = plan_instruction(wording)
    captions = instruction_captions(instruction)
    is_background = instruction.edit == "background"
    return (
        plan.is_local != (instruction.edit not in WHOLE_PICTURE)
        or (plan.region is Region.BACKGROUND) != is_background
        or (bool(instruction.kind) and plan.phrases != (instruction.phrase,))
        or plan.changes_shape != (instruction.edit == "kind")
        or (plan.caption_before, plan.caption_after) != (captions.before, captions.after)
    )


def test_every_wording_of_the_world_is_planned_as_the_critic_was_taught() -> None:
    wrong = [
        wording
        for instruction in every_instruction()
        for wording in wordings(instruction)
        if wrongly_planned(instruction, wording)
    ]
    assert wrong == []


# What is named, and whether the new thing may need more room.
OBJECTS = {
    "make the car red": (("car",), False),
    "Turn the dog into a tiger.": (("dog",), True),
    "replace the man with a robot": (("man",), True),
    "Change the colour of the dress to dark blue": (("dress",), False),
    "change the woman\N{RIGHT SINGLE QUOTATION MARK}s dress color to green": (
        ("woman's dress",),
        False,
    ),
    "change the car's color": (("car",), False),
    "remove the logo from the shirt": (("logo",), False),
    "erase the boom mic": (("boom mic",), False),
    "please remove the man and the dog": (("man", "dog"), False),
    "get rid of the power lines": (("power lines",), False),
    "paint the ball gold": (("ball",), False),
    "give the man a hat": (("man",), True),
    "give her sunglasses": (("woman",), True),
    "add a hat to the dog": (("dog",), True),
    "put a crown on the cat": (("cat",), True),
    "make the sky purple": (("sky",), False),
    "make the man's jacket black leather": (("man's jacket",), False),
    "make the leaves on the trees orange": (("leaves on the trees",), False),
    "make the old man look younger": (("old man",), False),
    "make the woman wear a red scarf": (("woman",), True),
    "make the house out of gingerbread": (("house",), True),
    "turn the statue to gold": (("statue",), False),
    "swap the horse for a zebra": (("horse",), True),
    "the bus should be yellow": (("bus",), False),
    "I want the door to be green": (("door",), False),
    "make the balloon bigger": (("balloon",), True),
    "make his hair pink": (("hair",), False),
    "turn the red car into a blue one": (("red car",), False),
    "replace the car with a rusty car": (("car",), False),
    "could you make the boat look rusty?": (("boat",), False),
    "make him a pirate": (("man",), True),
    "make the cup bright red": (("cup",), False),
    "make the black and white cat orange": (("black and white cat",), False),
    "cover the table with snow": (("table",), True),
    "make the car drive in the rain": (("car",), True),
}
BACKGROUNDS = {
    "replace the background with a beach": FRONT_PHRASES,
    "blur the background": FRONT_PHRASES,
    "change the background behind the man to a city at night": ("man",),
    "put the dancer on the moon": ("dancer",),
    "put him in a jungle": ("man",),
    "put it in space": FRONT_PHRASES,
    "make everything except the flower black and white": ("flower",),
}
WHOLE = {
    "make it night": "a photo at night",
    "make it snowy": "a photo in snow",
    "let it snow": "a photo in snow",
    "add snow": "a photo in snow",
    "put it at night": "a photo at night",
    "turn day into night": "a photo at night",
    "change the season to autumn": "a photo in autumn",
    "what would it look like in winter?": "a photo in winter",
    "as a pencil sketch": "a pencil sketch",
    "watercolor style": "a watercolor",
    "turn the video into a cartoon": "a cartoon",
    "convert it to black and white": "a black and white photo",
    "give it a vintage look": "a vintage photo",
    "in the style of van gogh": "a photo in the style of van gogh",
    "add some fireworks": "a photo with fireworks",
    "make the whole picture brighter": "a photo, brighter",
    "a castle at dusk": "a photo of a castle at dusk",
}
CAPTIONS = {
    "make the red ball dark blue": ("a photo of a red ball", "a photo of a dark blue ball"),
    "turn the old car into an aeroplane": ("a photo of an old car", "a photo of an aeroplane"),
    "make the trees golden": ("a photo of trees", "a photo of golden trees"),
    "remove the man and the dog": (
        "a photo of a man and a dog",
        "a photo without a man and a dog",
    ),
    "make the man smile": ("a photo of a man", "a photo of a man smiling"),
    "give the man a hat": ("a photo of a man", "a photo of a man with a hat"),
    "blur the background": ("a photo", "a photo with a blurred background"),
    "put the dancer on the moon": ("a photo", "a photo on the moon"),
}


@pytest.mark.parametrize("instruction", OBJECTS)
def test_what_an_editor_names_is_looked_for(instruction: str) -> None:
    plan = plan_instruction(instruction)
    assert plan.is_local
    assert plan.region is Region.OBJECT
    assert (plan.phrases, plan.changes_shape) == OBJECTS[instruction]


@pytest.mark.parametrize("instruction", BACKGROUNDS)
def test_a_new_background_names_what_stays_in_front(instruction: str) -> None:
    plan = plan_instruction(instruction)
    assert plan.is_local
    assert plan.region is Region.BACKGROUND
    assert plan.phrases == BACKGROUNDS[instruction]


@pytest.mark.parametrize("instruction", WHOLE)
def test_the_whole_picture_is_bounded_by_nothing(instruction: str) -> None:
    plan = plan_instruction(instruction)
    assert not plan.is_local
    assert plan.phrases == ()
    assert (plan.caption_before, plan.caption_after) == ("a photo", WHOLE[instruction])


@pytest.mark.parametrize("instruction", CAPTIONS)
def test_captions_say_the_change_in_words_any_clip_model_knows(instruction: str) -> None:
    plan = plan_instruction(instruction)
    assert (plan.caption_before, plan.caption_after) == CAPTIONS[instruction]


@pytest.mark.parametrize("instruction", ["", "   ", " . ", "\n\t"])
def test_blank_instructions_are_refused(instruction: str) -> None:
    with pytest.raises(InstructionError, match="say what to change"):
        plan_instruction(instruction)


@settings(max_examples=60)
@given(st.text(min_size=1, max_size=80))
def test_any_words_get_a_plan_that_hangs_together(words: str) -> None:
    try:
        plan = plan_instruction(words)
    except InstructionError:
        return
    assert plan.is_local == bool(plan.phrases)
    assert all(phrase == phrase.strip() != "" for phrase in plan.phrases)
    assert plan.caption_before.strip() and plan.caption_after.strip()


@settings(max_examples=40)
@given(st.sampled_from([*OBJECTS, *BACKGROUNDS, *WHOLE]))
def test_case_spaces_and_politeness_do_not_matter(instruction: str) -> None:
    spoken = f"  Please {instruction.upper().replace(' ', '   ')} !"
    assert plan_instruction(spoken) == plan_instruction(instruction)
