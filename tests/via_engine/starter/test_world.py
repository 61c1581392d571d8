"""The world is deterministic, and its masks and edits tell the truth."""

from __future__ import annotations

import numpy as np
import pytest

from via_engine.starter.world.render import object_mask, owner_map, render_frame, render_video
from via_engine.starter.world.scene import (
    Scene,
    demo_scene,
    edited_scene,
    edited_scenes,
    object_named,
    possible_instructions,
    random_scene,
    random_world_scene,
)
from via_engine.starter.world.vocabulary import (
    KINDS,
    PALETTE,
    Instruction,
    every_instruction,
    held_out_words,
    parse_instruction,
    wordings,
)

SIZE = {"width": 128, "height": 96}


def test_a_hidden_object_does_not_shine_through_by_rounding() -> None:
    scene = random_world_scene(576, held_out=True)
    orange = Instruction(edit="recolour", value="yellow", kind="box", colour="orange")
    index = object_named(scene, orange)
    assert index is not None
    size = {"width": 64, "height": 64}
    before, after = (render_frame(one, 36, **size) for one in (scene, edited_scene(scene, orange)))
    elsewhere = ~object_mask(scene, index, 36, **size)
    assert np.array_equal(before[elsewhere], after[elsewhere])


@pytest.mark.parametrize("seed", range(4))
def test_same_seed_same_video(seed: int) -> None:
    first = render_frame(random_scene(seed), 7, **SIZE)
    again = render_frame(random_scene(seed), 7, **SIZE)
    assert np.array_equal(first, again)
    assert random_scene(seed) == random_scene(seed) != random_scene(seed, held_out=True)


@pytest.mark.parametrize(("width", "height"), [(33, 57), (160, 90), (64, 200)])
def test_any_frame_size(width: int, height: int) -> None:
    for seed in range(6):
        frame = render_frame(random_scene(seed), 3, width=width, height=height)
        assert frame.shape == (height, width, 3)
        assert frame.dtype == np.uint8


def test_video_has_as_many_frames_as_asked_and_moves() -> None:
    video = render_video(demo_scene(5), width=64, height=48)
    assert video.shape == (5, 48, 64, 3)
    assert (video[0] != video[4]).any()


@pytest.mark.parametrize("seed", range(8))
def test_recolour_changes_the_mask_and_nothing_else(seed: int) -> None:
    scene = random_world_scene(seed)
    for instruction in _of_edit(scene, "recolour")[:2]:
        index = object_named(scene, instruction)
        assert index is not None
        mask = object_mask(scene, index, 5, **SIZE)
        before = render_frame(scene, 5, **SIZE)
        after = render_frame(edited_scene(scene, instruction), 5, **SIZE)
        assert np.array_equal(before[~mask], after[~mask])
        if mask.sum() > 50:
            assert (before[mask] != after[mask]).any(axis=1).mean() > 0.7


@pytest.mark.parametrize("seed", range(8))
def test_masks_are_disjoint_and_say_what_remains_when_removed(seed: int) -> None:
    scene = random_world_scene(seed)
    masks = [object_mask(scene, index, 9, **SIZE) for index in range(len(scene.objects))]
    assert np.sum(masks, axis=0).max() <= 1
    for instruction in _of_edit(scene, "remove"):
        without = edited_scene(scene, instruction)
        assert len(without.objects) == len(scene.objects) - 1


def test_objects_leave_the_frame_and_return() -> None:
    seen = [
        [
            bool((owner_map(random_world_scene(seed), frame, width=64, height=48) == 0).any())
            for frame in range(0, 140, 10)
        ]
        for seed in range(12)
    ]
    assert any("101" in "".join("01"[shown] for shown in _without_repeats(one)) for one in seen)


def test_vague_recolour_has_seven_answers() -> None:
    answers = edited_scenes(demo_scene(), Instruction(edit="vague_recolour", kind="ball"))
    assert {scene.objects[0].colour for scene in answers} == set(PALETTE) - {"red"}


def test_a_recolour_to_the_colour_that_is_there_changes_nothing() -> None:
    red = Instruction(edit="recolour", value="red", kind="ball")
    assert edited_scenes(demo_scene(), red) == (demo_scene(),)


def test_edit_of_an_absent_object_is_refused() -> None:
    with pytest.raises(ValueError, match="heart"):
        edited_scene(demo_scene(), Instruction(edit="remove", kind="heart"))


def test_every_wording_means_one_thing() -> None:
    for instruction in every_instruction():
        for text in wordings(instruction):
            assert parse_instruction(f"  {text.upper()}. ") == instruction
    assert parse_instruction("make the ball sing") is None


def test_training_never_meets_held_out_words() -> None:
    for seed in range(40):
        scene = random_scene(seed)
        assert not any(held_out_words(one) for one in possible_instructions(scene, seed))
    kept = [one for one in every_instruction() if one.edit == "recolour" and not one.colour]
    assert sum(map(held_out_words, kept)) == len(KINDS)


def test_every_possible_instruction_can_be_answered() -> None:
    for seed in range(20):
        scene = random_scene(seed, held_out=True)
        for instruction in possible_instructions(scene, seed, held_out=True):
            assert edited_scene(scene, instruction) != scene


def _of_edit(scene: Scene, edit: str) -> list[Instruction]:
    return [one for one in possible_instructions(scene, 0) if one.edit == edit]


def _without_repeats(values: list[bool]) -> list[bool]:
    return [value for index, value in enumerate(values) if index == 0 or values[index - 1] != value]
