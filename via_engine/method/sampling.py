"""The denoising loop of InstructPix2Pix with three guidance branches: tensors in, tensors out.

Brooks et al., "InstructPix2Pix", 2023 (guidance: eq. 3 of the paper); Song et al., "Denoising
Diffusion Implicit Models", 2021 (sampler, eta 0).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor

from via_engine.method.blending import LatentBlend


def initial_noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise, float32 on the CPU: a seed means the same on every device."""
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))


def guided_noise(
    text: Tensor,
    image: Tensor,
    unconditional: Tensor,
    *,
    guidance_scale: float | Tensor,
    image_guidance_scale: float | Tensor,
) -> Tensor:
    """The three predictions joined: u + guidance (t - i) + image_guidance (i - u).

    A scale is one number for all frames, or a tensor (B, 1, 1, 1).
    """
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
    guidance_scale: float | Tensor,
    image_guidance_scale: float | Tensor,
    begin_step: Callable[[int], None],
    blend: LatentBlend | None = None,
    first_steps: int | None = None,
) -> Tensor:
    """Latents of the edited frames, (B, C, h, w), float32, scaled for the VAE's decoder.

    Args:
        unet: predicts from noisy and image latents concatenated on channels.
        scheduler: with its timesteps set.
        noise: float32, what the frames start from: (1, C, h, w), the same for all, or
            (B, C, h, w).
        image_latents: (B, C, h, w), float32, the source frames through the VAE, unscaled.
        text: (1, L, D), the encoded instruction, or (B, L, D), one for each frame.
        null_text: (1, L, D), the encoded empty instruction.
        guidance_scale: weight of the instruction; for all frames, or (B, 1, 1, 1).
        image_guidance_scale: weight of the source frame, likewise.
        begin_step: called with the step index before each call of the UNet; may raise.
        blend: mixes the source in after every step; None edits the whole picture.
        first_steps: stops after so many steps, the latents still noisy; None takes all.

    The UNet sees the batch [text × B, image × B, unconditional × B]. Steps are taken in float32,
    whatever the model's dtype: guidance multiplies rounding by its scale.
    """
    frames = image_latents.shape[0]
    # Arithmetic on an expanded tensor keeps its layout, and convolutions round by layout.
    latents: Tensor = noise.expand_as(image_latents).contiguous() * scheduler.init_noise_sigma
    source = torch.cat([image_latents, image_latents, torch.zeros_like(image_latents)])
    dtype = unet.dtype
    texts = (text, null_text, null_text)
    prompt = torch.cat([one.expand(frames, -1, -1) for one in texts]).to(dtype)
    for step_index, timestep in enumerate(scheduler.timesteps[:first_steps]):
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
        if blend is not None:
            latents = blend.after_step(latents, step_index, scheduler)
    return latents
