"""Where a model runs, in which precision, and what stays there."""

from __future__ import annotations

import torch

from via_engine.edit_types import ModelCard
from via_engine.errors import ModelError

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
# 7 billion weights of two bytes with CLIP's tower; UNet, VAE, a group of four and activations.
_ROOM_FOR_ALL_BYTES = 15 << 30
_ROOM_FOR_EDIT_BYTES = 14 << 30


def resolve_device(name: str) -> torch.device:
    """The torch device of that name; "auto" is CUDA when there is one, else the CPU.

    Raises:
        ModelError: no such device, or this machine has none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"device {name!r} is unknown; use auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ModelError(f"device {name!r} was asked for, but torch finds no CUDA; use auto or cpu")
    return device


def resolve_dtype(name: str, device: torch.device) -> torch.dtype:
    """The dtype of that name; "auto" is bfloat16 on CUDA and float32 elsewhere.

    Raises:
        ModelError: no such dtype.
    """
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    if name not in _DTYPES:
        raise ModelError(f"dtype {name!r} is unknown; use auto, {', '.join(_DTYPES)}")
    return _DTYPES[name]


def keeps_conditioner(card: ModelCard, device: torch.device) -> bool:
    """Whether MGIE's language model stays in memory between answers, as its card says.

    "auto" keeps it on a CPU, and on a CUDA device that holds it beside all the rest.
    """
    if card.conditioner != "auto":
        return card.conditioner == "resident"
    if device.type != "cuda":
        return True
    total: int = torch.cuda.get_device_properties(device).total_memory
    return total >= _ROOM_FOR_ALL_BYTES * card.conditioner_bits / 16 + _ROOM_FOR_EDIT_BYTES
