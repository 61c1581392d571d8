"""Where a model runs, in which precision, and what stays there."""

from __future__ import annotations

import psutil
import torch

from via_engine.config import EngineConfig
from via_engine.edit_types import ModelCard
from via_engine.errors import ModelError
from via_engine.models.memory_plan import CONDITIONER, MemoryPlan, plan_memory

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


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


def memory_bytes(device: torch.device) -> int:
    """Memory of the device: all of a CUDA device's, what is free of a computer's own."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return int(psutil.virtual_memory().available)


def planned(
    config: EngineConfig, card: ModelCard, device: torch.device, dtype: torch.dtype
) -> MemoryPlan:
    """What stays on this device in edits with that editor."""
    return plan_memory(config, card, total_bytes=memory_bytes(device), weight_bytes=dtype.itemsize)


def keeps_conditioner(card: ModelCard, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether MGIE's language model stays in memory between answers: as its card says, or, with
    "auto", where it fits beside all the rest.
    """
    if card.conditioner != "auto":
        return card.conditioner == "resident"
    return planned(EngineConfig(), card, device, dtype).stays(CONDITIONER)
