"""What the adaptation learns from: one edited picture as many views, and the loss on them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional

from via_engine.errors import ModelError
from via_engine.method.affine import Affine, view
from via_engine.models.editors import InstructPix2PixEditor

DROP_SHARE = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class TuningBatch:
    """Examples for one step; all but `timesteps` are float32.

    Attributes:
        noisy: (B, C, h, w), the edit's latents with noise.
        source: (B, C, h, w), the source's latents, unscaled; zero where the condition is dropped.
        text: (B, L, D), the instruction; the null condition where it is dropped.
        timesteps: (B,) int64.
        answer: (B, C, h, w), what the UNet ought to predict.
    """

    noisy: Tensor
    source: Tensor
    text: Tensor
    timesteps: Tensor
    answer: Tensor

    def loss(self, unet: UNet2DConditionModel) -> Tensor:
        """Mean squared error of the prediction, a scalar (VIA, eq. 1)."""
        prediction: Tensor = unet(
            torch.cat([self.noisy, self.source], dim=1),
            self.timesteps,
            encoder_hidden_states=self.text,
            return_dict=False,
        )[0]
        return functional.mse_loss(prediction.float(), self.answer)


@dataclass(frozen=True, kw_only=True, eq=False)
class TuningSet:
    """A source and its edit through the VAE, in several views.

    Attributes:
        source: (N, C, h, w), float32, unscaled, the condition of the UNet.
        edited: (N, C, h, w), float32, scaled, what it shall make of it.
        text: (1, L, D), the encoded instruction.
        null_text: (1, L, D), the encoded empty instruction.
        scheduler: noise schedule and kind of prediction of the checkpoint.
    """

    source: Tensor
    edited: Tensor
    text: Tensor
    null_text: Tensor
    scheduler: DDIMScheduler

    @classmethod
    def of(
        cls,
        editor: InstructPix2PixEditor,
        source: Tensor,
        edited: Tensor,
        instruction: str,
        affines: tuple[Affine, ...],
    ) -> TuningSet:
        """Encodes both pictures, (1, 3, H, W), RGB, 0 to 1, through the same affines."""
        scale = editor.vae.config.scaling_factor
        condition = editor.condition(instruction, source)
        return cls(
            source=torch.cat([editor.encode_frames(view(source, one)) for one in affines]),
            edited=torch.cat([editor.encode_frames(view(edited, one)) for one in affines]) * scale,
            text=condition.text.float(),
            null_text=condition.null_text.float(),
            scheduler=editor.make_ddim(1),
        )

    def draw(self, size: int, generator: torch.Generator) -> TuningBatch:
        """`size` random views at random timesteps, conditions dropped at random.

        Timesteps are drawn one from each of `size` equal parts of the schedule: as even as single
        draws in the long run, and steadier from step to step. `generator` is on the CPU.
        """
        views = torch.randint(len(self.source), (size,), generator=generator)
        parts = (torch.arange(size) + torch.rand(size, generator=generator)) / size
        chances = torch.rand(size, generator=generator)
        noise = torch.randn((size, *self.edited.shape[1:]), generator=generator)
        return self._batch(views, parts, chances, noise)

    def judging_batch(self, size: int, generator: torch.Generator) -> TuningBatch:
        """The first view at `size` timesteps evenly over the schedule, all conditions kept."""
        views = torch.zeros(size, dtype=torch.int64)
        parts = (torch.arange(size) + 0.5) / size
        noise = torch.randn((size, *self.edited.shape[1:]), generator=generator)
        return self._batch(views, parts, torch.ones(size), noise)

    def _batch(self, views: Tensor, parts: Tensor, chances: Tensor, noise: Tensor) -> TuningBatch:
        device = self.source.device
        views, chances, noise = views.to(device), chances.to(device), noise.to(device)
        train_timesteps = self.scheduler.config.num_train_timesteps
        timesteps = (parts * train_timesteps).long().clamp(max=train_timesteps - 1).to(device)
        edited = self.edited[views]
        text, source = with_dropped_conditions(
            self.text, self.null_text, self.source[views], chances
        )
        return TuningBatch(
            noisy=self.scheduler.add_noise(edited, noise, timesteps),
            source=source,
            text=text,
            timesteps=timesteps,
            answer=right_prediction(self.scheduler, edited, noise, timesteps),
        )


def with_dropped_conditions(
    text: Tensor, null_text: Tensor, source: Tensor, chances: Tensor
) -> tuple[Tensor, Tensor]:
    """Texts (B, L, D) and source latents (B, C, h, w), some without their condition.

    Of `chances` (B,), evenly drawn from 0 to 1, those below 5 % lose the text, below 10 % text
    and picture, below 15 % the picture: without it guidance would have nothing to differ from.

    Source: Brooks et al., "InstructPix2Pix", 2023, section 3.2.1; order as in its public trainer.
    """
    without_text = chances < 2 * DROP_SHARE
    without_source = (chances >= DROP_SHARE) & (chances < 3 * DROP_SHARE)
    texts = torch.where(without_text[:, None, None], null_text, text)
    return texts, torch.where(without_source[:, None, None, None], 0.0, source)


def right_prediction(
    scheduler: DDIMScheduler, latents: Tensor, noise: Tensor, timesteps: Tensor
) -> Tensor:
    """What a perfect UNet predicts for `latents` with `noise` added, in the checkpoint's terms.

    Raises:
        ModelError: the checkpoint predicts something unknown.
    """
    kind = scheduler.config.prediction_type
    if kind == "epsilon":
        return noise
    if kind == "v_prediction":
        velocity: Tensor = scheduler.get_velocity(latents, noise, timesteps)
        return velocity
    if kind == "sample":
        return latents
    raise ModelError(f"the model's scheduler predicts {kind!r}, which cannot be adapted")
