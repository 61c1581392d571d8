"""Resident attention groups: gathered once, used by every later range with the same settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from via_engine.edit_settings import AttentionMode, BlendSchedule, SourceLatents, SwapLayers
from via_engine.method.attention_group import AttentionGroup
from via_engine.method.byte_cache import ByteCache


@dataclass(frozen=True, kw_only=True)
class GroupSettings:
    """Everything a gathered group depends on; groups of equal settings are the same group.

    `area_identity` stands for the masks of the group frames, empty when the whole picture is
    edited; `adapter_identity` for the adapter, empty without one.
    """

    media_identity: str
    group_frames: tuple[int, ...]
    instruction: str
    seed: int
    steps: int
    guidance_scale: float
    image_guidance_scale: float
    attention: AttentionMode
    swap_layers: SwapLayers
    swap_steps: int | None
    blend_schedule: BlendSchedule
    source_latents: SourceLatents
    area_identity: str
    adapter_identity: str
    model: str
    weights_identity: str
    width: int
    height: int
    dtype: str
    device: str


GroupCache: TypeAlias = ByteCache[GroupSettings, AttentionGroup]
