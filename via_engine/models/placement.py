"""Where a model runs and in which precision."""

from __future__ import annotations

import sys
import warnings

import torch

from via_engine.errors import ModelError
from via_engine.half_products import has_half_products

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

    Warns of bfloat16 on a processor that lacks its instructions.

    Raises:
        ModelError: no such dtype.
    """
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    if name not in _DTYPES:
        raise ModelError(f"dtype {name!r} is unknown; use auto, {', '.join(_DTYPES)}")
    if name == "bfloat16" and not has_half_products(device):
        warnings.warn(
            "this processor has no instructions for bfloat16 and may take some sixty times as long "
            "as in float32; use auto or float32",
            RuntimeWarning,
            stacklevel=2,
        )
    return _DTYPES[name]


def begin_measuring_memory(device: torch.device) -> None:
    """From here on `peak_memory_bytes` counts anew, where the device can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory_bytes(device: torch.device) -> int:
    """Most memory held on a CUDA device since `begin_measuring_memory`.

    On a CPU it is the most this process ever had resident; 0 where the system does not tell.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
