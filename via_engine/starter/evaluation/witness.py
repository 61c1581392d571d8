"""Does appearance run through self-attention? Without that, swapping it could show nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from diffusers.models.attention_processor import Attention
from torch import Tensor

from via_engine.starter.evaluation.cases import (
    CASE_FRAME,
    Case,
    Frame,
    Sampling,
    all_held_out_cases,
    case_at,
)
from via_engine.starter.evaluation.editing import edit_frames
from via_engine.starter.training.train_editor import GatheredAttention

_FRAMES_APART = 8


@dataclass(frozen=True, kw_only=True)
class AttentionWitness:
    """How much self-attention matters, in levels of 255.

    `removed_levels` is the mean change of the edited object when self-attention is silenced.
    `spread_alone` and `spread_gathered` are the mean colour difference of a vaguely recoloured
    object between two frames, each with its own noise, sampled apart and with the keys and
    values of both frames gathered; the `same_noise` figures start both from one noise.
    """

    removed_levels: float
    spread_alone: float
    spread_gathered: float
    same_noise_spread_alone: float
    same_noise_spread_gathered: float


def attention_witness(
    pipeline: StableDiffusionInstructPix2PixPipeline, count: int, seed: int, sampling: Sampling
) -> AttentionWitness:
    """Probe on `count` pairs of frames whether appearance runs through self-attention."""
    pairs = islice(_pairs(seed, sampling), count)
    figures = [_pair_figures(pipeline, pair, sampling, seed) for pair in pairs]
    means = [float(value) for value in np.mean(figures, axis=0)]
    return AttentionWitness(
        removed_levels=means[0],
        spread_alone=means[1],
        spread_gathered=means[2],
        same_noise_spread_alone=means[3],
        same_noise_spread_gathered=means[4],
    )


def _pairs(seed: int, sampling: Sampling) -> Iterator[tuple[Case, Case]]:
    """Two frames of each held-out scene whose object shows in both."""
    for case in all_held_out_cases("vague_recolour", seed, sampling):
        later = case_at(
            case.scene, case.instruction, case.text, sampling, CASE_FRAME + _FRAMES_APART
        )
        if later is not None:
            yield case, later


def _pair_figures(
    pipeline: StableDiffusionInstructPix2PixPipeline,
    pair: tuple[Case, Case],
    sampling: Sampling,
    seed: int,
) -> tuple[float, ...]:
    """The figures of an `AttentionWitness` in its order, of one pair of frames."""
    alone = _edit_pair(pipeline, pair, sampling, seed, same_noise=False)
    alone_same = _edit_pair(pipeline, pair, sampling, seed, same_noise=True)
    with _attention(pipeline, GatheredAttention(gather=True)):
        gathered = _edit_pair(pipeline, pair, sampling, seed, same_noise=False)
        gathered_same = _edit_pair(pipeline, pair, sampling, seed, same_noise=True)
    with _attention(pipeline, _SilentSelfAttention()):
        silenced = _edit_pair(pipeline, pair, sampling, seed, same_noise=False)
    removed = np.abs(silenced[0].astype(float) - alone[0])[pair[0].mask].mean()
    spreads = (_spread(pair, made) for made in (alone, gathered, alone_same, gathered_same))
    return (float(removed), *spreads)


class _SilentSelfAttention(GatheredAttention):
    """Self-attention that adds nothing; attention to the words stays."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Nothing where the states attend to themselves."""
        if encoder_hidden_states is None:
            return torch.zeros_like(hidden_states)
        return super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, temb)


@contextmanager
def _attention(
    pipeline: StableDiffusionInstructPix2PixPipeline, processor: GatheredAttention
) -> Iterator[None]:
    """The pipeline's UNet with another attention, restored afterwards."""
    former = pipeline.unet.attn_processors
    pipeline.unet.set_attn_processor(processor)
    try:
        yield
    finally:
        pipeline.unet.set_attn_processor(former)


def _edit_pair(
    pipeline: StableDiffusionInstructPix2PixPipeline,
    pair: tuple[Case, Case],
    sampling: Sampling,
    seed: int,
    *,
    same_noise: bool,
) -> list[Frame]:
    frames = np.stack([case.source for case in pair])
    texts = [case.text for case in pair]
    return edit_frames(pipeline, frames, texts, sampling, seed, same_noise=same_noise)


def _spread(pair: tuple[Case, Case], made: list[Frame]) -> float:
    means = [frame[case.mask].mean(axis=0) for case, frame in zip(pair, made, strict=True)]
    return float(np.abs(means[0] - means[1]).mean())
