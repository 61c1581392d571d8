"""Measures an editor folder on held-out scenes, where the true answer is known.

Everything runs through the stock diffusers pipeline; every function takes the seed that
chooses scenes and noise, and returns plain numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count as counting
from itertools import islice

import numpy as np
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline

from via_engine.starter.evaluation.cases import (
    CASE_FRAME,
    LOCAL_EDITS,
    WORKING_HEIGHT,
    WORKING_WIDTH,
    Case,
    Frame,
    Mask,
    Sampling,
    held_out_cases,
)
from via_engine.starter.evaluation.editing import BATCH, edit_cases, edit_frames, load_editor
from via_engine.starter.evaluation.scores import median, nearest_colour, psnr
from via_engine.starter.evaluation.sheet import picture_sheet
from via_engine.starter.evaluation.witness import AttentionWitness, attention_witness
from via_engine.starter.training.train_vae import pixels_to_tensor
from via_engine.starter.world.render import render_frame
from via_engine.starter.world.scene import random_scene

__all__ = [
    "LOCAL_EDITS",
    "AttentionWitness",
    "Case",
    "EditScores",
    "Frame",
    "Mask",
    "Sampling",
    "attention_witness",
    "edit_cases",
    "edit_frames",
    "held_out_cases",
    "load_editor",
    "nearest_colour",
    "picture_sheet",
    "psnr",
    "reconstruct",
    "score_edits",
    "vae_psnr",
]


@dataclass(frozen=True, kw_only=True)
class EditScores:
    """Figures of one form of edit over its cases; PSNR in dB, medians."""

    cases: int
    psnr_to_truth: float
    psnr_outside: float
    colour_accuracy: float


def score_edits(cases: Sequence[Case], made: Sequence[Frame]) -> EditScores:
    """Medians over the cases; `colour_accuracy` counts the palette colour inside the mask."""
    pairs = list(zip(cases, made, strict=True))
    right = [nearest_colour(frame, case.mask) == case.instruction.value for case, frame in pairs]
    return EditScores(
        cases=len(cases),
        psnr_to_truth=median(psnr(frame, case.truth) for case, frame in pairs),
        psnr_outside=median(psnr(frame, case.source, ~case.changed) for case, frame in pairs),
        colour_accuracy=sum(right) / max(1, len(right)),
    )


def vae_psnr(
    pipeline: StableDiffusionInstructPix2PixPipeline, count: int, seed: int
) -> tuple[float, float]:
    """Median reconstruction PSNR in dB, at the working size, of `count` pictures each.

    First of held-out world scenes, then of held-out photo-like pictures.
    """
    world, photos = (
        [
            psnr(back, frame)
            for start in range(0, count, BATCH)
            for frame, back in _reconstructed(pipeline, frames[start : start + BATCH])
        ]
        for frames in (_frames(count, seed, photo=photo) for photo in (False, True))
    )
    return median(world), median(photos)


@torch.no_grad()
def reconstruct(
    pipeline: StableDiffusionInstructPix2PixPipeline, frames: Sequence[Frame]
) -> list[Frame]:
    """The frames, all of one size, once through the autoencoder."""
    latents = pipeline.vae.encode(pixels_to_tensor(np.stack(frames))).latent_dist.mode()
    decoded = pipeline.vae.decode(latents).sample.float().clamp(-1, 1)
    levels = torch.round((decoded.permute(0, 2, 3, 1) + 1) * 127.5)
    return list(levels.to(torch.uint8).numpy())


def _frames(count: int, seed: int, *, photo: bool) -> list[Frame]:
    """Pictures of the first held-out scenes of a seed that are, or are not, photo-like."""
    scenes = (random_scene(number, held_out=True) for number in counting(seed * 100_000))
    fitting = (scene for scene in scenes if (scene.background == "photo") == photo)
    return [
        render_frame(scene, CASE_FRAME, width=WORKING_WIDTH, height=WORKING_HEIGHT)
        for scene in islice(fitting, count)
    ]


def _reconstructed(
    pipeline: StableDiffusionInstructPix2PixPipeline, frames: Sequence[Frame]
) -> zip[tuple[Frame, Frame]]:
    return zip(frames, reconstruct(pipeline, frames), strict=True)
