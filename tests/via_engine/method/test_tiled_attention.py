"""Attention in bfloat16 on a processor against the same in float64, and however it is split."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from via_engine.method.tiled_attention import attention

FRAME_TOKENS, CHANNELS = 300, 32


def random_tensors(keys: int, frames: int) -> tuple[Tensor, Tensor, Tensor]:
    """Query (2, 3, N, D), its heads interleaved as a projection leaves them; keys and values."""
    generator = torch.Generator().manual_seed(keys)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).bfloat16()

    query = drawn(2, frames * FRAME_TOKENS, 3, CHANNELS).transpose(1, 2)
    return query, drawn(2, 3, keys, CHANNELS), drawn(2, 3, keys, CHANNELS)


@pytest.mark.parametrize("keys", [7, 256, 1200])
def test_it_is_softmax_attention(keys: int) -> None:
    query, own, values = random_tensors(keys, frames=2)
    exact = F.scaled_dot_product_attention(query.double(), own.double(), values.double())
    found = attention(query, own, values)
    assert found.dtype == torch.bfloat16
    assert found.shape == query.shape
    assert (found - exact).pow(2).mean().sqrt() < 0.01 * exact.std()


def test_a_frame_does_not_depend_on_the_frames_beside_it() -> None:
    query, keys, values = random_tensors(1200, frames=4)
    together = attention(query, keys, values)
    for frame in range(4):
        tokens = slice(frame * FRAME_TOKENS, (frame + 1) * FRAME_TOKENS)
        assert torch.equal(attention(query[:, :, tokens], keys, values), together[:, :, tokens])


def test_other_dtypes_take_the_fused_kernel() -> None:
    query, keys, values = (one.float() for one in random_tensors(300, frames=1))
    fused = F.scaled_dot_product_attention(query, keys, values)
    assert torch.equal(attention(query, keys, values), fused)
