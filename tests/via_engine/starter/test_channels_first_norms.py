"""Group norms on a channels-first copy give what they gave before."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from via_engine.starter.training.channels_first_norms import normalise_channels_first


def test_results_gradients_and_names_stay_as_they_were() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 16, 3), nn.GroupNorm(4, 16), nn.SiLU())
    plain = plain.to(memory_format=torch.channels_last)
    moved = copy.deepcopy(plain)
    normalise_channels_first(moved)
    pictures = torch.randn(2, 3, 12, 10).contiguous(memory_format=torch.channels_last)

    results = [one(pictures) for one in (plain, moved, copy.deepcopy(moved))]

    assert all(torch.allclose(one, results[0], atol=1e-6) for one in results)
    assert results[1].is_contiguous(memory_format=torch.channels_last)
    assert moved.state_dict().keys() == plain.state_dict().keys()
    for one, other in zip(
        _gradients(plain, results[0]), _gradients(moved, results[1]), strict=True
    ):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)


def _gradients(model: nn.Module, result: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(result.square().sum(), [*model.parameters()])
