"""Resident adapters: tuned once, used by every later edit with the same root and settings."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from via_engine.method.adapter import Adapter


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


class AdapterCache:
    """Adapters by their settings, within `limit_bytes`; the least recently used go first."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._adapters: OrderedDict[AdapterSettings, Adapter] = OrderedDict()

    @property
    def size_bytes(self) -> int:
        """Memory all resident adapters hold together."""
        return sum(adapter.size_bytes for adapter in self._adapters.values())

    def find(self, settings: AdapterSettings) -> Adapter | None:
        """The resident adapter of these settings, which becomes the most recently used."""
        adapter = self._adapters.get(settings)
        if adapter is not None:
            self._adapters.move_to_end(settings)
        return adapter

    def keep(self, settings: AdapterSettings, adapter: Adapter) -> bool:
        """Makes the adapter resident; False when it is larger than the whole cache may be."""
        if adapter.size_bytes > self._limit_bytes:
            return False
        self._adapters.pop(settings, None)
        while self.size_bytes + adapter.size_bytes > self._limit_bytes:
            self._adapters.popitem(last=False)
        self._adapters[settings] = adapter
        return True

    def drop_model(self, model: str) -> None:
        """Frees the adapters tuned for that model."""
        for settings in [key for key in self._adapters if key.model == model]:
            del self._adapters[settings]
