from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from via_engine.method.adapter import Adapter, AdapterKind
from via_engine.method.adapter_cache import AdapterCache, AdapterSettings

SETTINGS = AdapterSettings(
    media_identity="a1",
    root="r1",
    instruction="make it night",
    steps=60,
    rank=16,
    learning_rate=1e-3,
    full=False,
    model="starter",
    weights_identity="w1",
    width=256,
    height=144,
    dtype="torch.float32",
    device="cpu",
)


def adapter(size_bytes: int) -> Adapter:
    return Adapter(
        kind=AdapterKind.LORA,
        rank=16,
        steps=60,
        model="starter",
        unet_identity="u1",
        tensors={"layer.lora_A.weight": torch.zeros(size_bytes, dtype=torch.uint8)},
    )


def settings(steps: int) -> AdapterSettings:
    return replace(SETTINGS, steps=steps)


@pytest.mark.parametrize("field", [field.name for field in fields(AdapterSettings)])
def test_an_adapter_is_found_only_with_equal_settings(field: str) -> None:
    cache = AdapterCache(100)
    cache.keep(SETTINGS, adapter(10))
    value: Any = getattr(SETTINGS, field)
    other: Any = not value if isinstance(value, bool) else value * 2

    assert cache.find(replace(SETTINGS)) is not None
    assert cache.find(replace(SETTINGS, **{field: other})) is None


def test_least_recently_used_goes_first() -> None:
    cache = AdapterCache(100)
    cache.keep(settings(1), adapter(40))
    cache.keep(settings(2), adapter(40))
    cache.find(settings(1))
    cache.keep(settings(3), adapter(50))

    assert [cache.find(settings(steps)) is not None for steps in (1, 2, 3)] == [True, False, True]
    assert cache.size_bytes == 90


def test_an_adapter_above_the_limit_is_not_kept_and_drives_nobody_out() -> None:
    cache = AdapterCache(100)
    cache.keep(settings(1), adapter(60))

    assert not cache.keep(settings(2), adapter(101))
    assert cache.keep(settings(1), adapter(100))
    assert cache.size_bytes == 100


def test_dropping_a_model_frees_its_adapters_alone() -> None:
    cache = AdapterCache(100)
    cache.keep(settings(1), adapter(10))
    cache.keep(replace(SETTINGS, model="other"), adapter(20))

    cache.drop_model("starter")

    assert cache.size_bytes == 20
