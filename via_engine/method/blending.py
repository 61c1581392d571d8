"""Local latent adaptation: outside the mask, the latents of every step are the source's.

VIA, eq. 6 (progressive boundary integration): inside the mask the edit takes over step by step.
Two noisy latents may only be mixed at the same noise level, and with the same noise: independent
noise would lose variance, 1 - 2 w (1 - w) of it being left at weight w. So the source is re-noised
with the noise the edit began from, or both begin from the end of the source's DDIM inversion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor

from via_engine.edit_settings import BlendSchedule

_DELAY_ENDS = 0.2
_FULL_FROM = 0.8


def blend_weight(schedule: BlendSchedule, step_index: int, steps: int) -> float:
    """Share of the edit inside the mask after step `step_index` of `steps`, 0 to 1.

    Step indices count from 0; after the last step every schedule gives 1.
    """
    done = (step_index + 1) / steps
    if schedule is BlendSchedule.LINEAR:
        return done
    if schedule is BlendSchedule.DELAYED:
        return min(max((done - _DELAY_ENDS) / (_FULL_FROM - _DELAY_ENDS), 0.0), 1.0)
    return 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentBlend:
    """What `after_step` mixes into the latents of B frames; all tensors float32 on one device.

    Attributes:
        source_latents: (B, C, h, w), the source frames, scaled by the VAE's factor.
        noise: (1, C, h, w) or (B, C, h, w), standard normal, the noise the edit began from.
        mask: (B, 1, h, w), 0 to 1: where the edit goes.
        schedule: how the edit takes over inside the mask.
        trajectory: the source at each of the scheduler's timesteps in their order, as `invert`
            gives it; None adds `noise` to the source instead.
        anchors: how many of the first frames stand at their source after every step, whatever the
            schedule says of the others.
    """

    source_latents: Tensor
    noise: Tensor
    mask: Tensor
    schedule: BlendSchedule
    trajectory: tuple[Tensor, ...] | None = None
    anchors: int = 0

    @property
    def start(self) -> Tensor:
        """Latents the edit begins from, at the first timestep's noise level."""
        return self.noise if self.trajectory is None else self.trajectory[0]

    def after_step(self, latents: Tensor, step_index: int, scheduler: DDIMScheduler) -> Tensor:
        """The latents (B, C, h, w) that step `step_index` gave, blended with the source.

        After the last step they are exactly the source where the mask is 0 and exactly the edit
        where it is 1.
        """
        steps = len(scheduler.timesteps)
        if self.schedule is BlendSchedule.LAST_STEP and step_index + 1 < steps:
            held = self._source_after(step_index, scheduler)[: self.anchors]
            return torch.cat([held, latents[self.anchors :]])
        mask = blend_weight(self.schedule, step_index, steps) * self.mask
        return mask * latents + (1 - mask) * self._source_after(step_index, scheduler)

    def _source_after(self, step_index: int, scheduler: DDIMScheduler) -> Tensor:
        """The source at the noise level the latents have once step `step_index` was taken."""
        reached = step_index + 1
        if reached == len(scheduler.timesteps):
            return self.source_latents
        if self.trajectory is not None:
            return self.trajectory[reached]
        noised: Tensor = scheduler.add_noise(
            self.source_latents, self.noise, scheduler.timesteps[reached : reached + 1]
        )
        return noised


def invert(
    unet: UNet2DConditionModel,
    scheduler: DDIMScheduler,
    *,
    source_latents: Tensor,
    image_latents: Tensor,
    null_text: Tensor,
    check: Callable[[], None],
) -> tuple[Tensor, ...]:
    """The source at every timestep of `scheduler`, by DDIM run backwards without guidance.

    Song et al., "Denoising Diffusion Implicit Models", 2021, section 4.3. The model predicts
    through its image branch, null text beside the source picture, whose likeliest picture is the
    source itself.

    Args:
        unet: predicts from noisy and image latents concatenated on channels, with the attention
            it was built with.
        scheduler: with its timesteps set.
        source_latents: (B, C, h, w), float32, scaled by the VAE's factor.
        image_latents: (B, C, h, w), float32, the same frames unscaled.
        null_text: (1, L, D), the encoded empty instruction.
        check: called before each call of the UNet; may raise.

    Returns:
        One (B, C, h, w), float32, for each timestep, in the order of `scheduler.timesteps`.
    """
    prompt = null_text.expand(len(source_latents), -1, -1).to(unet.dtype)
    latents, level = source_latents, torch.zeros_like(scheduler.timesteps[0])
    rising = []
    for timestep in reversed(scheduler.timesteps):
        check()
        prediction: Tensor = unet(
            torch.cat([latents, image_latents], dim=1).to(unet.dtype),
            level,
            encoder_hidden_states=prompt,
            return_dict=False,
        )[0]
        latents = _at_level(scheduler, prediction.float(), latents, level, timestep)
        level = timestep
        rising.append(latents)
    return tuple(reversed(rising))


def _at_level(
    scheduler: DDIMScheduler, prediction: Tensor, latents: Tensor, level: Tensor, timestep: Tensor
) -> Tensor:
    """`latents`, which stand at `level`, moved to `timestep` along what the model predicts."""
    clean: Tensor = scheduler.step(prediction, level, latents).pred_original_sample
    kept = scheduler.alphas_cumprod[level.cpu()].to(latents)
    noise = (latents - kept.sqrt() * clean) / (1 - kept).sqrt()
    moved: Tensor = scheduler.add_noise(clean, noise, timestep[None])
    return moved
