from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, EulerAncestralDiscreteScheduler
from torch import Tensor

from tests.via_engine.models.tiny_pipeline import (
    EPSILON,
    ZERO_SNR,
    tiny_card,
    tiny_pipeline,
    write_tiny_pipeline,
)
from via_engine.method.sampling import denoise, guided_noise, initial_noise
from via_engine.models.editors import load_editor
from via_engine.models.samplers import EULER_ANCESTRAL, ancestral_seed


def test_noise_is_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = initial_noise(7, (1, 4, 8, 8))
    torch.manual_seed(2)

    assert torch.equal(first, initial_noise(7, (1, 4, 8, 8)))
    assert not torch.equal(first, initial_noise(8, (1, 4, 8, 8)))
    assert (first.dtype, first.device.type) == (torch.float32, "cpu")


def test_guidance_has_the_weights_of_the_paper() -> None:
    text, image, unconditional = torch.randn((3, 1, 4, 2, 2), dtype=torch.float64)

    guided = guided_noise(text, image, unconditional, guidance_scale=7.5, image_guidance_scale=1.5)

    torch.testing.assert_close(guided, 7.5 * text - 6.0 * image - 0.5 * unconditional)


class BranchRecorder:
    """Stands in for a UNet: keeps what it is given and answers 3, 5 and 7 by thirds of a batch."""

    dtype = torch.float32

    def __init__(self) -> None:
        self.calls: list[SimpleNamespace] = []

    def __call__(self, sample: Tensor, timestep: Tensor, **call: Any) -> tuple[Tensor]:
        texts = call["encoder_hidden_states"]
        self.calls.append(SimpleNamespace(sample=sample, timestep=timestep, texts=texts))
        answer = torch.tensor([3.0, 5.0, 7.0]).repeat_interleave(sample.shape[0] // 3)
        return (answer.view(-1, 1, 1, 1).expand(-1, 4, *sample.shape[2:]),)


def test_branches_are_text_then_image_then_unconditional() -> None:
    unet, steps = BranchRecorder(), []
    scheduler = DDIMScheduler(clip_sample=False)
    scheduler.set_timesteps(2)
    noise, image_latents = torch.randn(1, 4, 2, 3), torch.randn(2, 4, 2, 3)
    text, null_text = torch.full((1, 5, 6), 1.0), torch.full((1, 5, 6), -1.0)

    latents = denoise(
        unet,
        scheduler,
        noise=noise,
        image_latents=image_latents,
        text=text,
        null_text=null_text,
        guidance_scale=2.0,
        image_guidance_scale=1.25,
        begin_step=steps.append,
    )

    first = unet.calls[0]
    assert steps == [0, 1]
    assert torch.equal(first.sample[:, :4], noise.expand(6, -1, -1, -1))
    expected_source = torch.cat([image_latents, image_latents, torch.zeros_like(image_latents)])
    assert torch.equal(first.sample[:, 4:], expected_source)
    assert first.texts[:, 0, 0].tolist() == [1, 1, -1, -1, -1, -1]
    # 7 + 2 (3 - 5) + 1.25 (5 - 7) = 0.5, stepped by the scheduler alone.
    expected = noise.expand(2, -1, -1, -1)
    for timestep in scheduler.timesteps:
        half = torch.full_like(expected, 0.5)
        expected = scheduler.step(half, timestep, expected).prev_sample
    torch.testing.assert_close(latents, expected)


@pytest.mark.parametrize("schedule", [EPSILON, ZERO_SNR], ids=["epsilon", "v, trailing, zero SNR"])
def test_loop_equals_the_stock_pipeline(tmp_path: Path, schedule: dict[str, Any]) -> None:
    torch.manual_seed(0)
    card = tiny_card(write_tiny_pipeline(tmp_path, schedule))
    editor = load_editor(card, device=torch.device("cpu"), dtype=torch.float32)
    stock = type(tiny_pipeline(schedule)).from_pretrained(tmp_path)
    stock.set_progress_bar_config(disable=True)
    frames = torch.rand(2, 3, 12, 16)
    noise = initial_noise(3, (1, 4, 6, 8))

    expected = stock(
        ["make it night"] * 2,
        image=frames,
        latents=noise.repeat(2, 1, 1, 1),
        num_inference_steps=7,
        guidance_scale=6.0,
        image_guidance_scale=1.4,
        output_type="latent",
    ).images
    ours = denoise(
        editor.unet,
        editor.make_scheduler(7),
        noise=noise,
        image_latents=editor.encode_frames(frames),
        text=editor.encode_instruction("make it night"),
        null_text=editor.encode_instruction(""),
        guidance_scale=6.0,
        image_guidance_scale=1.4,
        begin_step=lambda _: None,
    )

    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-4)
    assert expected.std() > 0.1
    pictures = stock(
        ["make it night"] * 2,
        image=frames,
        latents=noise.repeat(2, 1, 1, 1),
        num_inference_steps=7,
        guidance_scale=6.0,
        image_guidance_scale=1.4,
        output_type="pt",
    ).images
    torch.testing.assert_close(editor.decode_latents(ours), pictures, rtol=0, atol=1e-4)


def test_ancestral_loop_equals_the_stock_pipeline(tmp_path: Path) -> None:
    card = tiny_card(write_tiny_pipeline(tmp_path), sampler=EULER_ANCESTRAL)
    editor = load_editor(card, device=torch.device("cpu"), dtype=torch.float32)
    stock = type(tiny_pipeline(EPSILON)).from_pretrained(tmp_path)
    stock.scheduler = EulerAncestralDiscreteScheduler.from_config(stock.scheduler.config)
    stock.set_progress_bar_config(disable=True)
    frame, noise = torch.rand(1, 3, 12, 16), initial_noise(3, (1, 4, 6, 8))
    scheduler = editor.make_scheduler(7)
    seed = ancestral_seed(noise[0] * scheduler.init_noise_sigma)

    expected = stock(
        "make it night",
        image=frame,
        latents=noise,
        num_inference_steps=7,
        guidance_scale=6.0,
        image_guidance_scale=1.4,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type="latent",
    ).images
    ours = denoised(editor, scheduler, frame, noise)

    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-4)
    assert expected.std() > 0.1
    # A frame's fresh noise is its own whatever stands beside it in the batch.
    both = denoised(editor, editor.make_scheduler(7), torch.cat([frame, frame / 2]), noise)
    torch.testing.assert_close(both[:1], ours, rtol=0, atol=1e-4)


def denoised(editor: Any, scheduler: Any, frames: Tensor, noise: Tensor) -> Tensor:
    return denoise(
        editor.unet,
        scheduler,
        noise=noise,
        image_latents=editor.encode_frames(frames),
        text=editor.encode_instruction("make it night"),
        null_text=editor.encode_instruction(""),
        guidance_scale=6.0,
        image_guidance_scale=1.4,
        begin_step=lambda _: None,
    )


def test_each_frame_may_have_its_own_instruction() -> None:
    unet = BranchRecorder()
    scheduler = DDIMScheduler(clip_sample=False)
    scheduler.set_timesteps(1)
    denoise(
        unet,
        scheduler,
        noise=torch.randn(1, 4, 2, 3),
        image_latents=torch.randn(2, 4, 2, 3),
        text=torch.tensor([1.0, 2.0]).view(2, 1, 1).expand(2, 5, 6),
        null_text=torch.full((1, 5, 6), -1.0),
        guidance_scale=2.0,
        image_guidance_scale=1.25,
        begin_step=lambda _: None,
    )
    assert unet.calls[0].texts[:, 0, 0].tolist() == [1, 2, -1, -1, -1, -1]
