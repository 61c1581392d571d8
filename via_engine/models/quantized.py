"""Large language models in fewer bytes: 8 or 4 bits a weight, by `bitsandbytes` where installed."""

from __future__ import annotations

import importlib

import torch
from torch import nn

from via_engine.errors import ModelError

_LANGUAGE_HEAD = "lm_head"


def quantize(language: nn.Module, *, bits: int, device: torch.device, dtype: torch.dtype) -> None:
    """Replaces the linear layers of a model on the CPU, and moves all of it to `device`.

    The layer that writes the answer's words keeps its precision.

    Args:
        bits: 8 (LLM.int8, Dettmers et al., 2022) or 4 (NF4, Dettmers et al., 2023).
        dtype: what the layers compute in.

    Raises:
        ModelError: `bitsandbytes` is not installed.
    """
    try:
        library = importlib.import_module("bitsandbytes.nn")
    except ImportError as error:
        raise ModelError(
            f"{bits} bits a weight need another package: pip install 'via-editor[mgie]', or set "
            "conditioner_bits to 16 in the model's via_model.json"
        ) from error
    layers = [
        (name, layer)
        for name, layer in language.named_modules()
        if isinstance(layer, nn.Linear) and not name.endswith(_LANGUAGE_HEAD)
    ]
    for name, layer in layers:
        parent, _, own = name.rpartition(".")
        small = _small_layer(library, layer, bits, dtype)
        setattr(language.get_submodule(parent), own, small)
    # The layers are packed on their way to the device.
    language.to(device)


def _small_layer(library: object, layer: nn.Linear, bits: int, dtype: torch.dtype) -> nn.Module:
    sizes, has_bias = (layer.in_features, layer.out_features), layer.bias is not None
    if bits == 8:
        small: nn.Module = library.Linear8bitLt(  # type: ignore[attr-defined]
            *sizes, bias=has_bias, has_fp16_weights=False
        )
        kind = library.Int8Params  # type: ignore[attr-defined]
        small.weight = kind(layer.weight.data, requires_grad=False, has_fp16_weights=False)
    else:
        small = library.Linear4bit(  # type: ignore[attr-defined]
            *sizes, bias=has_bias, compute_dtype=dtype, quant_type="nf4"
        )
        kind = library.Params4bit  # type: ignore[attr-defined]
        small.weight = kind(layer.weight.data, requires_grad=False, quant_type="nf4")
    if has_bias:
        small.bias = layer.bias
    return small
