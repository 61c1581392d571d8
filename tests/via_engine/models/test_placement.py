from __future__ import annotations

import warnings

import pytest
import torch

from via_engine.errors import ModelError
from via_engine.models.placement import resolve_device, resolve_dtype


def test_auto_follows_the_machine() -> None:
    device = resolve_device("auto")

    assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_dtype("auto", torch.device("cpu")) is torch.float32
    assert resolve_dtype("auto", torch.device("cuda")) is torch.bfloat16


def test_names_are_taken_as_they_are() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_dtype("float16", torch.device("cpu")) is torch.float16


def test_bfloat16_is_warned_of_where_it_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    with pytest.warns(RuntimeWarning, match="use auto or float32"):
        assert resolve_dtype("bfloat16", torch.device("cpu")) is torch.bfloat16

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve_dtype("bfloat16", torch.device("cpu")) is torch.bfloat16
        assert resolve_dtype("bfloat16", torch.device("cuda")) is torch.bfloat16


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ModelError, match="device 'gpu' is unknown"):
        resolve_device("gpu")
    with pytest.raises(ModelError, match="dtype 'int8' is unknown"):
        resolve_dtype("int8", torch.device("cpu"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_where_there_is_none_is_refused() -> None:
    with pytest.raises(ModelError, match="finds no CUDA"):
        resolve_device("cuda:1")
