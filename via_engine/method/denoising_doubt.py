"""How much an editor doubts an edit of its own: its error when it denoises that edit.

The conditional error of a diffusion model bounds how likely it finds a picture (Li et al., "Your
Diffusion Model is Secretly a Zero-Shot Classifier", 2023). In the middle of the noise schedule it
puts several edits of one frame in order: one that got stuck between two answers, or went too far,
the editor would not make again. At higher noise it tells which of several answers is the common
one, at lower noise how smooth the picture is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from via_engine.method.root_score import RootPictures
from via_engine.method.sampling import initial_noise
from via_engine.method.tuning_set import right_prediction
from via_engine.models.editor_door import ImageEditor
from via_engine.schedule import batches

# Parts of the noise schedule: 0 is no noise, 1 nothing else.
_PARTS = (0.7, 0.65, 0.6, 0.55, 0.5)
_SEEDS_PER_NOISE = 1_000
_BATCH = 4


Errors: TypeAlias = tuple[Tensor, ...]
"""Squared errors of some edits, in batches: (P, B, 1, h, w) float32, P being the times asked."""


def denoising_doubts(
    editor: ImageEditor,
    instruction: str,
    pictures: RootPictures,
    check: Callable[[], None],
    *,
    noises: int = 1,
) -> list[float]:
    """Of each edit, the mean natural logarithm of the squared error over parts of the schedule.

    The edits meet the same noise, so that they differ by themselves alone.

    Args:
        instruction: what the edits were asked for.
        pictures: source, edits, and where the error counts; everywhere if that is nowhere.
        check: called before every prediction; raises to stop.
        noises: how many are asked under. One alone favours the answers that lie near it.

    Raises:
        ModelError: the checkpoint predicts something unknown.
    """
    errors = denoising_errors(
        editor, instruction, pictures.source, pictures.edited, check, noises=noises
    )
    return doubts_inside(errors, pictures.inside)


@torch.inference_mode()
def denoising_errors(
    editor: ImageEditor,
    instruction: str,
    source: Tensor,
    edited: Tensor,
    check: Callable[[], None],
    *,
    noises: int,
) -> Errors:
    """What `denoising_doubts` weighs, of edits (N, 3, H, W) of a source (1, 3, H, W).

    Raises:
        ModelError: the checkpoint predicts something unknown.
    """
    text = editor.condition(instruction, source).text
    image_latents = editor.encode_frames(source)
    found = []
    for batch in batches(list(edited), _BATCH):
        latents = editor.encode_frames(torch.stack(batch)) * editor.vae.config.scaling_factor
        errors = [
            _errors(editor, text, image_latents, latents, part, noise_number, check)
            for part in _PARTS
            for noise_number in range(noises)
        ]
        found.append(torch.stack(errors))
    return tuple(found)


def doubts_inside(errors: Errors, inside: Tensor) -> list[float]:
    """The mean logarithm of each edit's errors where they count: (1, 1, H, W), 0 to 1."""
    weight = functional.interpolate(inside, size=errors[0].shape[3:], mode="area")
    weight = weight.to(errors[0]) if weight.any() else torch.ones_like(errors[0][:1, :1])
    found: list[float] = []
    for batch in errors:
        inside_errors = (batch * weight).sum((2, 3, 4)) / weight.sum()
        found += inside_errors.log().mean(0).tolist()
    return found


def _errors(  # noqa: PLR0917 - one call, read like a sentence
    editor: ImageEditor,
    text: Tensor,
    image_latents: Tensor,
    latents: Tensor,
    part: float,
    noise_number: int,
    check: Callable[[], None],
) -> Tensor:
    """(N, 1, h, w): the squared error when one noise is predicted at one part of the schedule."""
    check()
    scheduler = editor.make_ddim(1)
    timestep = int(part * (scheduler.config.num_train_timesteps - 1))
    timesteps = torch.full((len(latents),), timestep, device=latents.device)
    seed = noise_number * _SEEDS_PER_NOISE + timestep
    noise = initial_noise(seed, (1, *latents.shape[1:])).to(latents).expand_as(latents)
    noisy = scheduler.add_noise(latents, noise, timesteps)
    prediction = editor.unet(
        torch.cat([noisy, image_latents.expand_as(latents)], dim=1).to(editor.dtype),
        timesteps,
        encoder_hidden_states=text.expand(len(latents), -1, -1),
        return_dict=False,
    )[0]
    answer = right_prediction(scheduler, latents, noise, timesteps)
    return torch.as_tensor((prediction.float() - answer).square().mean(1, keepdim=True))
