"""How fast this machine's device is, told within a second by a block such as editors have."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional

from via_engine.models.estimate import DeviceFacts
from via_engine.models.placement import peak_memory_bytes
from via_engine.models.residence import memory_bytes

# A whole editor does more between its convolutions than the block: the starter on two CPU cores
# kept up half to all of its speed, six tenths in the middle.
_SHARE = 0.6
_LONG_ENOUGH_S = 0.02
_MOST_DOUBLINGS = 8
_RUNS = 9
_CALLS = 200
_BRANCHES = 3
_CHANNELS = 128
_NORM_GROUPS = 16
_SIDE = 16
_HEADS = 4
_GROUP = 4


def device_facts(device: torch.device, dtype: torch.dtype) -> DeviceFacts:
    """Memory and measured speed of the device, editors being held in `dtype`."""
    with torch.inference_mode():
        flops_per_s = _flops_per_s(device, dtype)
        is_float32 = dtype == torch.float32
        return DeviceFacts(
            memory_bytes=memory_bytes(device),
            used_bytes=peak_memory_bytes(device),
            weight_bytes=dtype.itemsize,
            has_main_memory=device.type != "cpu",
            flops_per_s=flops_per_s,
            float32_flops_per_s=flops_per_s if is_float32 else _flops_per_s(device, torch.float32),
            call_s=_call_s(device, dtype),
        )


def _flops_per_s(device: torch.device, dtype: torch.dtype) -> float:
    """Speed to expect of an editor: a share of the block's.

    The batch is doubled from one frame on until it keeps the device busy.
    The median, not the best: what else the machine does slows an edit as well.
    """
    images = _BRANCHES
    for _ in range(_MOST_DOUBLINGS):
        run, flops = _block(images, device, dtype)
        run()
        if _seconds(run, device) >= _LONG_ENOUGH_S:
            break
        images *= 2
    return _SHARE * flops / median(_seconds(run, device) for _ in range(_RUNS))


def _block(
    images: int, device: torch.device, dtype: torch.dtype
) -> tuple[Callable[[], Tensor], float]:
    """Norms, two convolutions and attention to a group of frames; and its operations."""
    random = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random).to(device, dtype)

    features = drawn(images, _CHANNELS, _SIDE, _SIDE)
    kernel = drawn(_CHANNELS, _CHANNELS, 3, 3)
    tokens = _SIDE * _SIDE
    keys = drawn(images, _HEADS, _GROUP * tokens, _CHANNELS // _HEADS)

    def run() -> Tensor:
        found = features
        for _ in range(2):
            found = functional.silu(functional.group_norm(found, _NORM_GROUPS))
            found = functional.conv2d(found, kernel, padding=1)
        asked = found.flatten(2).transpose(1, 2).contiguous()
        heads = asked.view(images, tokens, _HEADS, -1).transpose(1, 2)
        return functional.scaled_dot_product_attention(heads, keys, keys)

    convolutions = 2 * 2 * 9 * _CHANNELS**2 * tokens
    attention = 4 * tokens * _GROUP * tokens * _CHANNELS
    return run, float(images * (convolutions + attention))


def _call_s(device: torch.device, dtype: torch.dtype) -> float:
    """What an operation takes however small it is."""
    number = torch.ones((1, 16), device=device, dtype=dtype)

    def run() -> Tensor:
        found = number
        for _ in range(_CALLS):
            found = functional.silu(found)
        return found

    run()
    return min(_seconds(run, device) for _ in range(_RUNS)) / _CALLS


def _seconds(run: Callable[[], Tensor], device: torch.device) -> float:
    _wait(device)
    started = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
