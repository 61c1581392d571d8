"""Measures a conditioner on held-out scenes: does the editor follow what it says?

The conditioner's states take the place of the text encoder's in the stock diffusers pipeline.
Which code computes them is the caller's affair: it hands in a function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from numpy.typing import NDArray
from torch import Tensor

from via_engine.starter.evaluation.evaluate import (
    Case,
    EditScores,
    Frame,
    Sampling,
    edit_cases,
    held_out_cases,
    score_edits,
)
from via_engine.starter.training.train_vae import pixels_to_tensor
from via_engine.starter.world.expressive import expressive_sentence
from via_engine.starter.world.vocabulary import Edit

_BATCH = 8


class FrameConditioning(NamedTuple):
    """What a conditioner says of frames, one instruction each.

    `states` is (frames, tokens, width), `null_states` (1, tokens, width), as the editor's text
    encoder would give them; `expressions` are the sentences it wrote.
    """

    states: Tensor
    null_states: Tensor
    expressions: tuple[str, ...]


# Frames (N, H, W, 3) uint8 RGB and N instructions to their conditioning.
Condition = Callable[[NDArray[np.uint8], Sequence[str]], FrameConditioning]


@dataclass(frozen=True, kw_only=True)
class ConditionerScores:
    """The editor under the conditioner and under its own text encoder, on the same cases.

    `true_expressions` is the share of cases whose sentence is the world's, word by word: the
    place seen, the thing named and the edit.
    """

    conditioned: EditScores
    plain: EditScores
    true_expressions: float


def score_conditioner(
    pipeline: StableDiffusionInstructPix2PixPipeline,
    condition: Condition,
    sampling: Sampling,
    *,
    edit: Edit,
    count: int,
    seed: int,
) -> ConditionerScores:
    """Both ways over `count` held-out cases of one form of edit, with the same noise."""
    cases = held_out_cases(edit, count, seed, sampling)
    made: list[Frame] = []
    true = 0
    for start in range(0, count, _BATCH):
        batch = cases[start : start + _BATCH]
        frames = np.stack([case.source for case in batch])
        found = condition(frames, [case.text for case in batch])
        made += edit_conditioned(pipeline, frames, found, sampling, seed + start)
        true += sum(map(_is_true, batch, found.expressions))
    return ConditionerScores(
        conditioned=score_edits(cases, made),
        plain=score_edits(cases, edit_cases(pipeline, cases, sampling, seed)),
        true_expressions=true / count,
    )


@torch.no_grad()
def edit_conditioned(
    pipeline: StableDiffusionInstructPix2PixPipeline,
    frames: NDArray[np.uint8],
    conditioning: FrameConditioning,
    sampling: Sampling,
    seed: int,
) -> list[Frame]:
    """Edit (frames, height, width, 3) uint8 RGB frames; noise as `evaluate.edit_frames` has it."""
    found = pipeline(
        prompt_embeds=conditioning.states,
        negative_prompt_embeds=conditioning.null_states.expand_as(conditioning.states),
        image=(pixels_to_tensor(frames) + 1) / 2,
        num_inference_steps=sampling.steps,
        guidance_scale=sampling.guidance_scale,
        image_guidance_scale=sampling.image_guidance_scale,
        generator=[torch.Generator().manual_seed(seed + index) for index in range(len(frames))],
        output_type="np",
    ).images
    return [np.asarray(np.round(frame * 255), np.uint8) for frame in found]


def _is_true(case: Case, expression: str) -> bool:
    return expression == expressive_sentence(case.scene, case.instruction)
