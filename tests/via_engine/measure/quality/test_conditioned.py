"""What is told of a conditioner that looks at every frame."""

from __future__ import annotations

import pytest
import torch

from via_engine.measure.quality.conditioned import condition_spread
from via_engine.models.mgie import Conditioning


def conditioning(states: list[list[float]]) -> Conditioning:
    """One token a frame."""
    tokens = torch.tensor(states)[:, None]
    return Conditioning(states=tokens, null_states=torch.zeros_like(tokens[:1]), expression="")


def test_conditions_that_are_alike_lie_nowhere_apart() -> None:
    assert condition_spread(conditioning([[3.0, 4.0]] * 3)) == 0


def test_distance_from_the_mean_is_told_in_sizes_of_the_mean() -> None:
    # The mean is (3, 4), of size 5; both lie 1 beside it.
    assert condition_spread(conditioning([[4.0, 4.0], [2.0, 4.0]])) == pytest.approx(1 / 5)
