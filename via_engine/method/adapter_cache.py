"""Resident adapters: tuned once, used by every later edit with the same root and settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from via_engine.method.adapter import Adapter
from via_engine.method.byte_cache import ByteCache


@dataclass(frozen=True, kw_only=True)
class AdapterSettings:
    """Everything a tuned adapter depends on; adapters of equal settings are the same adapter.

    `root` says which edited frame was tuned on: `RootPair.identity`, or the settings by which it
    is chosen and made, so that an adapter is found without making the pair again.
    """

    media_identity: str
    root: str
    instruction: str
    steps: int | None
    rank: int
    learning_rate: float | None
    full: bool
    model: str
    weights_identity: str
    width: int
    height: int
    dtype: str
    device: str


AdapterCache: TypeAlias = ByteCache[AdapterSettings, Adapter]
