"""What took work to make, kept by the settings it was made with, within a limit of memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, Protocol, TypeVar


class ModelSettings(Protocol):
    """Settings that name the model they belong to; hashable, and compared as values."""

    @property
    def model(self) -> str:
        """Name in the model catalog."""


class Sized(Protocol):
    """Something that knows the memory it holds."""

    @property
    def size_bytes(self) -> int:
        """Memory held."""


Settings = TypeVar("Settings", bound=ModelSettings)
Value = TypeVar("Value", bound=Sized)


class ByteCache(Generic[Settings, Value]):
    """Values by their settings, within `limit_bytes`; the least recently used go first."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._values: OrderedDict[Settings, Value] = OrderedDict()

    @property
    def size_bytes(self) -> int:
        """Memory all resident values hold together."""
        return sum(value.size_bytes for value in self._values.values())

    def find(self, settings: Settings) -> Value | None:
        """The resident value of these settings, which becomes the most recently used."""
        value = self._values.get(settings)
        if value is not None:
            self._values.move_to_end(settings)
        return value

    def keep(self, settings: Settings, value: Value) -> bool:
        """Makes the value resident; False when it is larger than the whole cache may be."""
        if value.size_bytes > self._limit_bytes:
            return False
        self._values.pop(settings, None)
        while self.size_bytes + value.size_bytes > self._limit_bytes:
            self._values.popitem(last=False)
        self._values[settings] = value
        return True

    def drop_model(self, model: str) -> None:
        """Frees what was made with that model."""
        for settings in [key for key in self._values if key.model == model]:
            del self._values[settings]
