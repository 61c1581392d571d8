"""Learns matrices by orthogonal steps (Muon) and everything else by AdamW, as one optimizer.

Muon (Jordan et al. 2024, scaled as by Liu et al. 2025, arXiv:2502.16982) makes every step of a
weight matrix turn all directions alike. A convolution counts as the matrix that maps its patch to
its output. It takes the learning rates AdamW takes. Processes that train together each turn their
share of the matrices, which are a fifth of a step, and tell the others.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn

_AT_THE_ENDS = ("conv_in.", "conv_out.", "time_embedding.")


class EditorOptimizer:
    """Muon for the inner matrices of a UNet, AdamW for its ends, its vectors and other parts.

    Every process gives the same gradients. `state_dict` and `step` wait for all of them.
    """

    def __init__(
        self,
        unet: nn.Module,
        others: list[nn.Parameter],
        learning_rate: float,
        *,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
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
        self._rank, self._processes = rank, processes
        self._owners = _shared_out(self._matrices, processes)
        self._muon = torch.optim.Muon(
            self._share(rank), lr=learning_rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
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
        self._tell([matrix.data for matrix in self._matrices])

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for weight in self._inner:
            weight.grad = None
        self._adamw.zero_grad(set_to_none=set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps, whatever the number of processes that goes on from it."""
        momenta = [
            self._muon.state.get(matrix, {}).get("momentum_buffer", torch.zeros_like(matrix.data))
            for matrix in self._matrices
        ]
        self._tell(momenta)
        return {"momenta": momenta, "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        kept = zip(self._matrices, self._owners, state["momenta"], strict=True)
        for matrix, owner, momentum in kept:
            if owner == self._rank:
                self._muon.state[matrix]["momentum_buffer"] = momentum.to(matrix.device)
        self._adamw.load_state_dict(state["adamw"])

    def _share(self, rank: int) -> list[nn.Parameter]:
        pairs = zip(self._matrices, self._owners, strict=True)
        return [matrix for matrix, owner in pairs if owner == rank]

    def _tell(self, tensors: list[Tensor]) -> None:
        """Give every process the owner's version of each tensor, one for each matrix, in place."""
        if self._processes == 1:
            return
        for owner in range(self._processes):
            pairs = zip(tensors, self._owners, strict=True)
            owned = [tensor for tensor, of in pairs if of == owner]
            flat = torch.cat([tensor.flatten() for tensor in owned])
            distributed.broadcast(flat, src=owner)
            if owner != self._rank:
                pieces = torch.split(flat, [tensor.numel() for tensor in owned])
                for tensor, piece in zip(owned, pieces, strict=True):
                    tensor.copy_(piece.view_as(tensor))


def _shared_out(matrices: list[nn.Parameter], processes: int) -> list[int]:
    """The process that turns each matrix, so that all have about as much to do."""
    # Products of rows with rows take most of the time.
    work = [matrix.numel() * min(matrix.shape) for matrix in matrices]
    loads = [0] * processes
    owners = [0] * len(matrices)
    for index in sorted(range(len(matrices)), key=lambda one: -work[one]):
        owners[index] = loads.index(min(loads))
        loads[owners[index]] += work[index]
    return owners


def _as_matrix(weight: Tensor) -> Tensor:
    """(outputs, everything else): the same memory, if that of a convolution is channels last."""
    return weight if weight.ndim == 2 else weight.permute(0, 2, 3, 1).flatten(1)
