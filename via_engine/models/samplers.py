"""How the editor steps from noise to picture: DDIM, or the ancestral Euler that papers show."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import torch
from diffusers import DDIMScheduler, EulerAncestralDiscreteScheduler
from torch import Tensor

from via_engine.errors import RequestError

DDIM = "ddim"
EULER_ANCESTRAL = "euler_ancestral"


class SharedNoiseEuler(EulerAncestralDiscreteScheduler):  # type: ignore[misc]
    """Ancestral Euler whose fresh noise depends on the noise a frame began from, and nothing else.

    Frames that began alike get the same noise in every step, in whatever batch they are; so a
    frame's edit does not depend on its neighbours, and the frames of a clip keep together.
    """

    # The stock class reads its settings from its own __init__, so there is none here.
    _generators: list[torch.Generator] | None = None

    def step(
        self,
        model_output: Tensor,
        timestep: Tensor,
        sample: Tensor,
        eta: float = 0.0,  # noqa: ARG002 - DDIM takes it
        *,
        return_dict: bool = True,
    ) -> Any:
        """As the stock scheduler's, without a generator; the first step must get what was noise."""
        if self._generators is None:
            seeds = (ancestral_seed(row) for row in sample)
            self._generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        return super().step(
            model_output, timestep, sample, generator=self._generators, return_dict=return_dict
        )


def ancestral_seed(latents: Tensor) -> int:
    """The seed of a frame's fresh noise, from the scaled noise (C, h, w) it begins with."""
    return crc32(latents.detach().float().cpu().contiguous().numpy().tobytes())


def make_sampler(config: dict[str, Any], sampler: str, steps: int, *, model: str) -> Any:
    """A scheduler of the checkpoint's noise schedule, its timesteps set.

    Args:
        config: of the checkpoint's own scheduler, whatever its class.
        sampler: `DDIM` or `EULER_ANCESTRAL`.
        steps: of the denoising.
        model: its name, for the message.

    Raises:
        RequestError: `steps` is below 1 or above the steps of the training.
    """
    if sampler == EULER_ANCESTRAL:
        scheduler: Any = SharedNoiseEuler.from_config(config)
    else:
        # Latents reach far beyond [-1, 1]: DDIM's own default of clipping is for pixels.
        clip_sample = config.get("clip_sample", False)
        scheduler = DDIMScheduler.from_config(config, clip_sample=clip_sample)
    most = scheduler.config.num_train_timesteps
    if not 1 <= steps <= most:
        raise RequestError(f"{steps} denoising steps; {model} takes 1 to {most}")
    scheduler.set_timesteps(steps)
    # Trailing spacing of diffusers 0.42 yields one timestep too many, -1, for steps like 61.
    scheduler.timesteps = scheduler.timesteps[:steps]
    return scheduler
