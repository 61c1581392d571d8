"""Measures a critic on held-out scenes: does it pick the right edit among eight?

The critic reads the instruction's words and nothing else of the scene; its pick is the
candidate of the largest direction similarity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from via_engine.starter.evaluation.critic_cases import critic_cases
from via_engine.starter.world.captions import captions_of
from via_engine.starter.world.vocabulary import Edit


class DirectionScorer(Protocol):
    """What is measured: direction similarities, as `via_engine.models.critic.Critic` has them."""

    def direction_similarities(
        self,
        source: NDArray[np.uint8],
        candidates: Sequence[NDArray[np.uint8]],
        before: str,
        after: str,
    ) -> Sequence[float]:
        """One number per candidate; frames are (height, width, 3) uint8 RGB."""


@dataclass(frozen=True, kw_only=True)
class EditAccuracy:
    """Share of cases of one form of edit in which the right candidate was picked, 0 to 1."""

    edit: Edit
    cases: int
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class CriticScores:
    """What a critic reached; guessing picks right in an eighth of the cases.

    `margin` is the mean direction similarity of the right candidate less that of the best
    wrong one. A tie counts as a wrong pick.
    """

    cases: int
    accuracy: float
    margin: float
    by_edit: tuple[EditAccuracy, ...]


def evaluate_critic(
    critic: DirectionScorer, count: int, seed: int, *, width: int = 256, height: int = 144
) -> CriticScores:
    """Put `count` held-out cases of a seed to the critic."""
    edits: list[Edit] = []
    margins: list[float] = []
    for case in critic_cases(count, seed, width=width, height=height):
        captions = captions_of(case.text)
        found = critic.direction_similarities(
            case.source, case.candidates, captions.before, captions.after
        )
        wrong = max(value for index, value in enumerate(found) if index != case.right)
        edits.append(case.instruction.edit)
        margins.append(found[case.right] - wrong)
    picked = [margin > 0 for margin in margins]
    return CriticScores(
        cases=len(margins),
        accuracy=float(np.mean(picked)),
        margin=float(np.mean(margins)),
        by_edit=tuple(_accuracy(edit, edits, picked) for edit in sorted(set(edits))),
    )


def _accuracy(edit: Edit, edits: Sequence[Edit], picked: Sequence[bool]) -> EditAccuracy:
    right = [one for one, other in zip(picked, edits, strict=True) if other == edit]
    return EditAccuracy(edit=edit, cases=len(right), accuracy=float(np.mean(right)))
