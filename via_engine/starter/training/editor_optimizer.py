"""Learns matrices by orthogonal steps (Muon) and everything else by AdamW, as one optimizer.

Muon (Jordan et al. 2024, scaled as by Liu et al. 2025, arXiv:2502.16982) makes every step of a
weight matrix turn all directions alike. A convolution counts as the matrix that maps its patch to
its output. It takes the learning rates AdamW takes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_AT_THE_ENDS = ("conv_in.", "conv_out.", "time_embedding.")


class EditorOptimizer:
    """Muon for the inner matrices of a UNet, AdamW for its ends, its vectors and other parts."""

    def __init__(self, unet: nn.Module, others: list[nn.Parameter], learning_rate: float) -> None:
        named = dict(unet.named_parameters())
        inner = {
            name
            for name, one in named.items()
            if one.ndim > 1 and not name.startswith(_AT_THE_ENDS)
        }
        self._inner = [named[name] for name in sorted(inner)]
        self._matrices = [nn.Parameter(_as_matrix(one.data)) for one in self._inner]
        for matrix, weight in zip(self._matrices, self._inner, strict=True):
            assert matrix.data_ptr() == weight.data_ptr(), "the UNet is not channels last"
        self._muon = torch.optim.Muon(
            self._matrices, lr=learning_rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
        )
        rest = [one for name, one in named.items() if name not in inner]
        self._adamw = torch.optim.AdamW(
            [*rest, *others], lr=learning_rate, betas=(0.9, 0.99), fused=True
        )

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of both, whose `lr` a schedule sets."""
        return [*self._muon.param_groups, *self._adamw.param_groups]

    def step(self) -> None:
        """One step down the gradients that stand in the parameters."""
        for matrix, weight in zip(self._matrices, self._inner, strict=True):
            matrix.grad = None if weight.grad is None else _as_matrix(weight.grad)
        self._muon.step()  # type: ignore[no-untyped-call]
        self._adamw.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for weight in self._inner:
            weight.grad = None
        self._adamw.zero_grad(set_to_none=set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._muon.load_state_dict(state["muon"])
        self._adamw.load_state_dict(state["adamw"])


def _as_matrix(weight: Tensor) -> Tensor:
    """(outputs, everything else): the same memory, if that of a convolution is channels last."""
    return weight if weight.ndim == 2 else weight.permute(0, 2, 3, 1).flatten(1)
