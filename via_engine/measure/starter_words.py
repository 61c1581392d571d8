"""The critic's and the conditioner's share of `via bench starter`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from numpy.typing import NDArray

from via_engine.measure.rows import Bar, Row
from via_engine.models.critic import Critic
from via_engine.models.mgie import MgieConditioner
from via_engine.starter.evaluation.cases import Sampling
from via_engine.starter.evaluation.evaluate_conditioner import (
    Condition,
    FrameConditioning,
    score_conditioner,
)
from via_engine.starter.evaluation.evaluate_critic import evaluate_critic

# Every case is edited twice and a sentence is written for it; these rows carry no bar.
CONDITIONER_SCENES = 40


def critic_rows(critic: Critic, scenes: int, seed: int) -> Iterator[Row]:
    """How often the critic picks the true edit among eight."""
    found = evaluate_critic(critic, scenes, seed)
    yield Row(
        name="critic: the right edit among 8",
        value=100 * found.accuracy,
        unit="%",
        bar=Bar(comparison=">=", limit=90),
        cases=found.cases,
    )


def conditioner_rows(
    conditioner: MgieConditioner,
    pipeline: StableDiffusionInstructPix2PixPipeline,
    sampling: Sampling,
    scenes: int,
    seed: int,
) -> Iterator[Row]:
    """Whether the editor follows the conditioner as it follows its own text encoder."""
    count = min(scenes, CONDITIONER_SCENES)
    found = score_conditioner(
        pipeline, _condition(conditioner), sampling, edit="recolour", count=count, seed=seed
    )
    for name, share in (
        ("conditioner: the colour asked for", found.conditioned.colour_accuracy),
        ("  the same by the editor's own text encoder", found.plain.colour_accuracy),
        ("  sentences written as the world would", found.true_expressions),
    ):
        yield Row(name=name, value=100 * share, unit="%", cases=count)


def _condition(conditioner: MgieConditioner) -> Condition:
    def condition(frames: NDArray[np.uint8], texts: Sequence[str]) -> FrameConditioning:
        found = [
            conditioner.condition(frame[None], text)
            for frame, text in zip(frames, texts, strict=True)
        ]
        return FrameConditioning(
            states=torch.cat([one.states for one in found]),
            null_states=found[0].null_states,
            expressions=tuple(one.expression for one in found),
        )

    return condition
