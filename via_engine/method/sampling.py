"""The denoising loop of InstructPix2Pix with three guidance branches: tensors in, tensors out.

Brooks et al., "InstructPix2Pix", 2023 (guidance: eq. 3 of the paper); Song et al., "Denoising
Diffusion Implicit Models", 2021 (sampler, eta 0).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor


def initial_noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise, float32 on the CPU: a seed means the same on every device."""
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))


def guided_noise(
    text: Tensor,
    image: Tensor,
    unconditional: Tensor,
    *,
    guidance_scale: float,
    image_guidance_scale: float,
) -> Tensor:
    """The three predictions joined: u + guidance (t - i) + image_guidance (i - u)."""
    return (
        unconditional
        + guidance_scale * (text - image)
        + image_guidance_scale * (image - unconditional)
    )


def denoise(
    unet: UNet2DConditionModel,
    scheduler: DDIMScheduler,
    *,
    noise: Tensor,
    image_latents: Tensor,
    text: Tensor,
    null_text: Tensor,
    guidance_scale: float,
    image_guidance_scale: float,
    begin_step: Callable[[int], None],
) -> Tensor:
    """Latents of the edited frames, (B, C, h, w), float32, scaled for the VAE's decoder.

    Args:
        unet: predicts from noisy and image latents concatenated on channels.
        scheduler: with its timesteps set.
        noise: (1, C, h, w), float32; all frames start from it.
        image_latents: (B, C, h, w), float32, the source frames through the VAE, unscaled.
        text: (1, L, D), the encoded instruction.
        null_text: (1, L, D), the encoded empty instruction.
        guidance_scale: weight of the instruction.
        image_guidance_scale: weight of the source frame.
        begin_step: called with the step index before each call of the UNet; may raise.

    The UNet sees the batch [text × B, image × B, unconditional × B]. Steps are taken in float32,
    whatever the model's dtype: guidance multiplies rounding by its scale.
    """
    frames = image_latents.shape[0]
    latents: Tensor = noise.expand_as(image_latents) * scheduler.init_noise_sigma
    source = torch.cat([image_latents, image_latents, torch.zeros_like(image_latents)])
    dtype = unet.dtype
    prompt = torch.cat([text, null_text, null_text]).repeat_interleave(frames, dim=0).to(dtype)
    for step_index, timestep in enumerate(scheduler.timesteps):
        begin_step(step_index)
        noisy = scheduler.scale_model_input(torch.cat([latents] * 3), timestep)
        prediction: Tensor = unet(
            torch.cat([noisy, source], dim=1).to(dtype),
            timestep,
            encoder_hidden_states=prompt,
            return_dict=False,
        )[0]
        branches = prediction.float().chunk(3)
        guided = guided_noise(
            *branches, guidance_scale=guidance_scale, image_guidance_scale=image_guidance_scale
        )
        latents = scheduler.step(guided, timestep, latents, eta=0.0, return_dict=False)[0]
    return latents
