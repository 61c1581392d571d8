from __future__ import annotations

from dataclasses import fields, replace
from enum import Enum
from typing import Any

import pytest

from via_engine.edit_settings import AttentionMode, BlendSchedule, SourceLatents, SwapLayers
from via_engine.method.attention_group import AttentionGroup
from via_engine.method.group_cache import GroupCache, GroupSettings

SETTINGS = GroupSettings(
    media_identity="a1",
    group_frames=(0, 5),
    instruction="make it night",
    seed=0,
    steps=10,
    guidance_scale=7.5,
    image_guidance_scale=1.5,
    attention=AttentionMode.GATHER_SWAP,
    swap_layers=SwapLayers.ALL,
    swap_steps=10,
    blend_schedule=BlendSchedule.LINEAR,
    source_latents=SourceLatents.RENOISED,
    area_identity="m1",
    adapter_identity="l1",
    model="starter",
    weights_identity="w1",
    width=256,
    height=144,
    dtype="torch.float32",
    device="cpu",
)


def group(size_bytes: int) -> AttentionGroup:
    return AttentionGroup(group_frames=(0, 5), steps=10, size_bytes=size_bytes, entries={})


def settings(seed: int) -> GroupSettings:
    return replace(SETTINGS, seed=seed)


@pytest.mark.parametrize("field", [field.name for field in fields(GroupSettings)])
def test_a_group_is_found_only_with_equal_settings(field: str) -> None:
    cache = GroupCache(100)
    cache.keep(SETTINGS, group(10))
    value: Any = getattr(SETTINGS, field)
    if isinstance(value, Enum):
        other: Any = next(one for one in type(value) if one is not value)
    else:
        other = (*value, 9) if isinstance(value, tuple) else value * 2 or 1

    assert cache.find(replace(SETTINGS)) is not None
    assert cache.find(replace(SETTINGS, **{field: other})) is None


def test_least_recently_used_goes_first() -> None:
    cache = GroupCache(100)
    cache.keep(settings(1), group(40))
    cache.keep(settings(2), group(40))
    cache.find(settings(1))
    cache.keep(settings(3), group(50))

    assert [cache.find(settings(seed)) is not None for seed in (1, 2, 3)] == [True, False, True]
    assert cache.size_bytes == 90


def test_a_group_above_the_limit_is_not_kept_and_drives_nobody_out() -> None:
    cache = GroupCache(100)
    cache.keep(settings(1), group(60))

    assert not cache.keep(settings(2), group(101))
    assert cache.keep(settings(1), group(100))
    assert cache.size_bytes == 100


def test_dropping_a_model_frees_its_groups_alone() -> None:
    cache = GroupCache(100)
    cache.keep(settings(1), group(10))
    cache.keep(replace(SETTINGS, model="other"), group(20))

    cache.drop_model("starter")

    assert cache.size_bytes == 20
