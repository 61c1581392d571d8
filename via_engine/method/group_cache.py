"""Resident attention groups: gathered once, used by every later range with the same settings."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from via_engine.edit_types import AttentionMode, BlendSchedule, SourceLatents, SwapLayers
from via_engine.method.attention_group import AttentionGroup


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


class GroupCache:
    """Groups by their settings, within `limit_bytes`; the least recently used go first."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._groups: OrderedDict[GroupSettings, AttentionGroup] = OrderedDict()

    @property
    def size_bytes(self) -> int:
        """Memory all resident groups hold together."""
        return sum(group.size_bytes for group in self._groups.values())

    def find(self, settings: GroupSettings) -> AttentionGroup | None:
        """The resident group of these settings, which becomes the most recently used."""
        group = self._groups.get(settings)
        if group is not None:
            self._groups.move_to_end(settings)
        return group

    def keep(self, settings: GroupSettings, group: AttentionGroup) -> bool:
        """Makes the group resident; False when it is larger than the whole cache may be."""
        if group.size_bytes > self._limit_bytes:
            return False
        self._groups.pop(settings, None)
        while self.size_bytes + group.size_bytes > self._limit_bytes:
            self._groups.popitem(last=False)
        self._groups[settings] = group
        return True

    def drop_model(self, model: str) -> None:
        """Frees the groups gathered with that model."""
        for settings in [key for key in self._groups if key.model == model]:
            del self._groups[settings]
