from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.via_engine.models.tiny_pipeline import tiny_card, write_tiny_pipeline
from via_engine.errors import EditCancelledError, ModelError
from via_engine.method.frame_edit import FrameEdit
from via_engine.models.editors import InstructPix2PixEditor, load_editor

WIDTH, HEIGHT = 16, 12
GROUP = (0, 5, 9)


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> InstructPix2PixEditor:
    torch.manual_seed(0)
    card = tiny_card(write_tiny_pipeline(tmp_path_factory.mktemp("tiny")))
    return load_editor(card, device=torch.device("cpu"), dtype=torch.float32)


def frame_edit(editor: InstructPix2PixEditor, **changes: Any) -> FrameEdit:
    settings: dict[str, Any] = {
        "instruction": "make it night",
        "seed": 0,
        "steps": 3,
        "guidance_scale": 7.5,
        "image_guidance_scale": 1.5,
        "width": WIDTH,
        "height": HEIGHT,
    }
    return FrameEdit.prepare(editor, **{**settings, **changes})


def random_frames(count: int, seed: int = 0) -> Tensor:
    return torch.rand((count, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(seed))


def never() -> None:
    """Lets every step go on."""


def stop_at(step: int) -> Callable[[], None]:
    steps = iter(range(100))

    def check() -> None:
        if next(steps) == step:
            raise EditCancelledError("stopped")

    return check


@pytest.mark.parametrize("swap", [True, False])
def test_batch_size_changes_nothing_but_rounding(editor: InstructPix2PixEditor, swap: bool) -> None:
    edit = frame_edit(editor)
    group = edit.gather(random_frames(3), GROUP, never) if swap else None
    frames = random_frames(4, seed=1)

    together = edit.apply(frames, group, never)
    alone = [edit.apply(frame[None], group, never) for frame in frames]

    edited = torch.cat([one.edited for one in alone])
    torch.testing.assert_close(together.edited, edited, rtol=0, atol=1e-4)
    round_trip = torch.cat([one.round_trip for one in alone])
    torch.testing.assert_close(together.round_trip, round_trip, rtol=0, atol=1e-5)


def test_same_settings_give_the_same_bits(editor: InstructPix2PixEditor) -> None:
    pictures = []
    for _ in range(2):
        edit = frame_edit(editor)
        group = edit.gather(random_frames(3), GROUP, never)
        pictures.append(edit.apply(random_frames(2, seed=1), group, never).edited)

    assert torch.equal(*pictures)


def test_swap_of_a_still_clip_is_the_independent_edit(editor: InstructPix2PixEditor) -> None:
    edit = frame_edit(editor)
    still = random_frames(1).repeat(3, 1, 1, 1)

    swapped = edit.apply(still, edit.gather(still, GROUP, never), never).edited

    torch.testing.assert_close(swapped, edit.apply(still, None, never).edited, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"instruction": "make it sunset"}, {"guidance_scale": 3.0}, {"steps": 4}],
)
def test_every_setting_reaches_the_picture(
    editor: InstructPix2PixEditor, change: dict[str, Any]
) -> None:
    frames = random_frames(1)

    base = frame_edit(editor).apply(frames, None, never).edited
    changed = frame_edit(editor, **change).apply(frames, None, never).edited

    assert (base - changed).abs().max() > 1e-4


def test_group_knows_what_it_is(editor: InstructPix2PixEditor) -> None:
    group = frame_edit(editor).gather(random_frames(3), GROUP, never)

    assert (group.group_frames, group.steps) == (GROUP, 3)
    assert group.size_bytes > 0


def test_stopping_between_steps_leaves_the_model_as_found(editor: InstructPix2PixEditor) -> None:
    edit, frames = frame_edit(editor), random_frames(3)
    former = dict(editor.unet.attn_processors)
    group = edit.gather(frames, GROUP, never)

    with pytest.raises(EditCancelledError):
        edit.gather(frames, GROUP, stop_at(1))
    with pytest.raises(EditCancelledError):
        edit.apply(frames, group, stop_at(2))

    after = editor.unet.attn_processors
    assert all(after[name] is former[name] for name in former)


def test_numbers_that_are_none_are_an_error(editor: InstructPix2PixEditor) -> None:
    edit = frame_edit(editor)
    broken = replace(edit, noise=torch.full_like(edit.noise, torch.nan))

    with pytest.raises(ModelError, match=r"tiny.*float32"):
        broken.apply(random_frames(1), None, never)


def test_too_little_memory_says_what_to_lower(editor: InstructPix2PixEditor) -> None:
    def exhausted() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ModelError, match=r"2 frames of 16×12.*lower batch_frames"):
        frame_edit(editor).apply(random_frames(2), None, exhausted)
