from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.via_engine.models.tiny_pipeline import tiny_card, write_tiny_pipeline
from via_engine.edit_settings import AttentionMode, BlendSchedule, RootChoice, SourceLatents
from via_engine.errors import EditCancelledError, ModelError, RequestError
from via_engine.measure.roots import (
    as_tensor,
    case_edit,
    changed_part,
    load_starter_editor,
    right_answers,
)
from via_engine.method.adaptation import half_products
from via_engine.method.attention import gathering, swapping
from via_engine.method.attention_group import AttentionGroup, GroupRecording
from via_engine.method.blending import blend_weight
from via_engine.method.frame_edit import FrameEdit
from via_engine.method.root_score import as_frames
from via_engine.method.sampling import denoise, guided_noise
from via_engine.models.editors import InstructPix2PixEditor, load_editor
from via_engine.starter.evaluation.cases import Sampling, case_at, held_out_cases
from via_engine.starter.evaluation.scores import psnr

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


def masks_of(value: float, count: int) -> Tensor:
    """(count, 1, h, w) at latent size: the tiny VAE halves each side."""
    return torch.full((count, 1, HEIGHT // 2, WIDTH // 2), value)


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


def test_shards_that_gather_again_give_the_bits_of_one_run(editor: InstructPix2PixEditor) -> None:
    frames, group_pictures = random_frames(4, seed=1), random_frames(3)
    masks = (frames.mean(dim=1, keepdim=True)[..., ::2, ::2] > 0.5).float()

    def shard(part: slice) -> list[Tensor]:
        edit = frame_edit(editor)
        group = edit.gather(group_pictures, GROUP, never, masks[:3])
        starts = range(part.start, part.stop, 2)
        return [
            edit.apply(frames[start : start + 2], group, never, masks[start : start + 2]).edited
            for start in starts
        ]

    whole = shard(slice(0, 4))
    halves = shard(slice(0, 2)) + shard(slice(2, 4))
    assert all(map(torch.equal, whole, halves))


def prediction(edit: FrameEdit, latents: Tensor, source: Tensor, timestep: Tensor) -> Tensor:
    """Guided noise of some frames, written out a second time."""
    texts = torch.cat([edit.text, edit.null_text, edit.null_text]).repeat_interleave(
        len(latents), dim=0
    )
    sources = torch.cat([source, source, torch.zeros_like(source)])
    batch = torch.cat([torch.cat([latents] * 3), sources], dim=1)
    branches = edit.editor.unet(batch, timestep, encoder_hidden_states=texts)[0].chunk(3)
    return guided_noise(*branches, guidance_scale=7.5, image_guidance_scale=1.5)


@torch.no_grad()
def test_all_frames_step_by_step_is_frame_after_frame(editor: InstructPix2PixEditor) -> None:
    """The group of one step, used and dropped, gives what a group kept for all steps gives."""
    edit = frame_edit(editor, blend_schedule=BlendSchedule.LINEAR)
    scheduler = editor.make_scheduler(3)
    pictures, frames = random_frames(3), random_frames(4, seed=1)
    mask = masks_of(0, 1)
    mask[..., 3:] = 1
    sources = [editor.encode_frames(pictures), editor.encode_frames(frames)]
    factor = editor.vae.config.scaling_factor
    group_latents, latents = (edit.noise.expand_as(source) for source in sources)

    for step_index, timestep in enumerate(scheduler.timesteps):
        recording = GroupRecording(GROUP)
        with gathering(editor.unet, recording) as cursor:
            cursor.begin_step(step_index)
            group_noise = prediction(edit, group_latents, sources[0], timestep)
        with swapping(editor.unet, recording.finish()) as cursor:
            cursor.begin_step(step_index)
            noise = prediction(edit, latents, sources[1], timestep)
        stepped = [
            scheduler.step(group_noise, timestep, group_latents).prev_sample,
            scheduler.step(noise, timestep, latents).prev_sample,
        ]
        following = scheduler.timesteps[step_index + 1 : step_index + 2]
        kept = scheduler.alphas_cumprod[following] if len(following) else torch.ones(1)
        weight = mask * blend_weight(BlendSchedule.LINEAR, step_index, 3)
        group_latents, latents = (
            weight * edited
            + (1 - weight) * (kept.sqrt() * factor * source + (1 - kept).sqrt() * edit.noise)
            for edited, source in zip(stepped, sources, strict=True)
        )

    group = edit.gather(pictures, GROUP, never, mask.expand(3, -1, -1, -1))
    one_by_one = [edit.apply(frame[None], group, never, mask).edited for frame in frames]
    expected = editor.decode_latents(latents)
    torch.testing.assert_close(torch.cat(one_by_one), expected, rtol=0, atol=1e-4)


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


@pytest.mark.parametrize("source_latents", SourceLatents)
@pytest.mark.parametrize("schedule", BlendSchedule)
def test_an_empty_mask_keeps_the_round_trip_bit_for_bit(
    editor: InstructPix2PixEditor, schedule: BlendSchedule, source_latents: SourceLatents
) -> None:
    edit = frame_edit(editor, blend_schedule=schedule, source_latents=source_latents)
    frames = random_frames(2)
    masks = torch.cat([masks_of(0, 1), masks_of(1, 1)])

    kept, changed = zip(*edit.apply(frames, None, never, masks), strict=True)

    assert torch.equal(*kept)
    assert not torch.equal(*changed)


def test_a_full_mask_is_no_mask(editor: InstructPix2PixEditor) -> None:
    edit = frame_edit(editor, blend_schedule=BlendSchedule.CONSTANT)
    frames, everywhere = random_frames(2, seed=1), masks_of(1, 2)
    group = edit.gather(random_frames(3), GROUP, never)

    masked = edit.apply(frames, group, never, everywhere).edited

    assert torch.equal(masked, edit.apply(frames, group, never).edited)


def equal_groups(first: AttentionGroup, second: AttentionGroup) -> bool:
    return all(first.entries[place].equals(second.entries[place]) for place in first.entries)


def test_the_gather_is_blended_too(editor: InstructPix2PixEditor) -> None:
    edit = frame_edit(editor, blend_schedule=BlendSchedule.CONSTANT)
    pictures = random_frames(3)
    plain = edit.gather(pictures, GROUP, never)

    assert equal_groups(plain, edit.gather(pictures, GROUP, never, masks_of(1, 3)))
    assert not equal_groups(plain, edit.gather(pictures, GROUP, never, masks_of(0, 3)))


@pytest.mark.parametrize("schedule", BlendSchedule)
def test_the_other_frames_see_what_an_anchor_shows(
    editor: InstructPix2PixEditor, schedule: BlendSchedule
) -> None:
    edit = frame_edit(editor, blend_schedule=schedule)
    pictures, masks = random_frames(3), masks_of(1, 3)
    first, second = (
        edit.gather(pictures, GROUP, never, masks, random_frames(1, seed=seed)) for seed in (5, 6)
    )

    assert not equal_groups(first, second)


@pytest.mark.parametrize("mode", [AttentionMode.GATHER_SWAP, AttentionMode.CROSS_FRAME])
def test_sharing_the_first_steps_alone_gathers_no_more(
    editor: InstructPix2PixEditor, mode: AttentionMode
) -> None:
    frames, pictures, steps = random_frames(1, seed=1), random_frames(3), []
    whole, first = (frame_edit(editor, attention=mode, swap_steps=k) for k in (3, 1))

    group = first.gather(pictures, GROUP, lambda: steps.append("asked"))

    assert (group.steps, len(steps)) == (1, 1)
    in_one = first.apply(frames, group, never).edited
    in_all = whole.apply(frames, whole.gather(pictures, GROUP, never), never).edited
    in_none = first.apply(frames, None, never).edited
    assert (in_one - in_all).abs().max() > 1e-4
    assert (in_one - in_none).abs().max() > 1e-4


def test_no_step_at_all_is_refused(editor: InstructPix2PixEditor) -> None:
    with pytest.raises(RequestError, match="independent"):
        frame_edit(editor, swap_steps=0)


@torch.no_grad()
def test_gather_alone_gives_the_gathered_pictures(editor: InstructPix2PixEditor) -> None:
    edit = frame_edit(editor, attention=AttentionMode.GATHER_ONLY)
    pictures = random_frames(3)
    with gathering(editor.unet, GroupRecording(GROUP)) as cursor:
        latents = denoise(
            editor.unet,
            editor.make_scheduler(3),
            noise=edit.noise,
            image_latents=editor.encode_frames(pictures),
            text=edit.text,
            null_text=edit.null_text,
            guidance_scale=7.5,
            image_guidance_scale=1.5,
            begin_step=cursor.begin_step,
        )
    group = edit.gather(pictures, GROUP, never)
    other = random_frames(1, seed=1)

    mixed = torch.cat([pictures[2:], other, pictures[:2]])
    edited = edit.apply(mixed, group, never, frame_numbers=[9, 4, 0, 5]).edited
    unknown = edit.apply(mixed[1:3], group, never).edited

    expected = editor.decode_latents(latents)
    alone = edit.apply(other, None, never).edited
    rounding = {"rtol": 0.0, "atol": 1e-4}
    torch.testing.assert_close(edited[[2, 3, 0]], expected, **rounding)
    torch.testing.assert_close(edited[1:2], alone, **rounding)
    torch.testing.assert_close(unknown, edit.apply(mixed[1:3], None, never).edited, **rounding)


def test_choices_of_one_frame_are_edited_together(editor: InstructPix2PixEditor) -> None:
    choices = [
        RootChoice(frame=5, seed=seed, guidance_scale=text, image_guidance_scale=image)
        for seed, text, image in [(3, 7.5, 1.5), (4, 7.5, 1.5), (3, 4.0, 1.2)]
    ]
    frame = random_frames(1)

    together = frame_edit(editor).under(choices).apply(frame.repeat(3, 1, 1, 1), None, never)

    alone = [
        frame_edit(
            editor,
            seed=one.seed,
            guidance_scale=one.guidance_scale,
            image_guidance_scale=one.image_guidance_scale,
        ).apply(frame, None, never)
        for one in choices
    ]
    expected = torch.cat([one.edited for one in alone])
    torch.testing.assert_close(together.edited, expected, rtol=0, atol=1e-4)


def test_frames_follow_an_anchored_edit_of_another_frame() -> None:
    editor = load_starter_editor()
    [case] = held_out_cases("vague_recolour", 1, seed=5, sampling=Sampling())
    other = case_at(case.scene, case.instruction, case.text, Sampling(), 0)
    assert other is not None
    pictures = as_tensor([case.source, other.source])
    root, answer = right_answers(case)[0], right_answers(other)[0]
    edit = case_edit(editor, case, seed=1)
    agreements = []
    for anchor in (None, as_tensor([root])):
        with half_products(editor.unet):
            group = edit.gather(pictures, (12, 0), lambda: None, anchor=anchor)
            edited = edit.apply(pictures[1:], group, lambda: None).edited
        agreements.append(psnr(as_frames(edited)[0], answer, changed_part(other)))
    without, anchored = agreements

    assert anchored > without + 3
