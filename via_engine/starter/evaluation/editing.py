"""Runs an editor folder in stock diffusers on frames and cases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from numpy.typing import NDArray

from via_engine.starter.evaluation.cases import Case, Frame, Sampling
from via_engine.starter.training.train_vae import pixels_to_tensor

BATCH = 8


def load_editor(folder: Path) -> StableDiffusionInstructPix2PixPipeline:
    """The folder in stock diffusers, in float32 and without a progress bar."""
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(
        folder, safety_checker=None, requires_safety_checker=False, dtype=torch.float32
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def edit_cases(
    pipeline: StableDiffusionInstructPix2PixPipeline,
    cases: Sequence[Case],
    sampling: Sampling,
    seed: int,
) -> list[Frame]:
    """What the editor makes of every case's source frame."""
    made: list[Frame] = []
    for start in range(0, len(cases), BATCH):
        batch = cases[start : start + BATCH]
        frames = np.stack([case.source for case in batch])
        made += edit_frames(pipeline, frames, [case.text for case in batch], sampling, seed + start)
    return made


def several_answers(
    pipeline: StableDiffusionInstructPix2PixPipeline,
    case: Case,
    sampling: Sampling,
    seed: int,
    *,
    answers: int = 8,
) -> list[Frame]:
    """What the editor makes of one case from several noises."""
    frames = np.repeat(case.source[None], answers, axis=0)
    return edit_frames(pipeline, frames, [case.text] * answers, sampling, seed)


@torch.no_grad()
def edit_frames(
    pipeline: StableDiffusionInstructPix2PixPipeline,
    frames: NDArray[np.uint8],
    texts: list[str],
    sampling: Sampling,
    seed: int,
    *,
    same_noise: bool = False,
) -> list[Frame]:
    """Edit (frames, height, width, 3) uint8 RGB frames, one instruction each."""
    generators = [
        torch.Generator().manual_seed(seed if same_noise else seed + index)
        for index in range(len(frames))
    ]
    found = pipeline(
        prompt=texts,
        image=(pixels_to_tensor(frames) + 1) / 2,
        num_inference_steps=sampling.steps,
        guidance_scale=sampling.guidance_scale,
        image_guidance_scale=sampling.image_guidance_scale,
        generator=generators,
        output_type="np",
    ).images
    return [np.asarray(np.round(frame * 255), np.uint8) for frame in found]
