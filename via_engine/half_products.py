"""Where matrix products in bfloat16 are fast."""

from __future__ import annotations

import torch


def has_half_products(device: torch.device) -> bool:
    """Whether the device multiplies matrices in bfloat16; other CPUs emulate it, very slowly."""
    if device.type != "cpu":
        return True
    known = torch.cpu.get_capabilities()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def product_dtype(device: torch.device) -> torch.dtype:
    """The dtype in which the device multiplies float32 matrices fastest, where few bits suffice."""
    return torch.bfloat16 if has_half_products(device) else torch.float32


def fast_products(device: torch.device) -> torch.autocast:
    """While it is entered, products of float32 matrices are made in `product_dtype`."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=has_half_products(device))
