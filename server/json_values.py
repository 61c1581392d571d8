"""Frozen dataclasses to JSON and back, by their type annotations; for the job ledger.

Known kinds: str, int, float, bool, None, Enum (by value), Path, Fraction ("24000/1001"),
dataclasses, tuples of one kind or of a fixed shape, and `X | None`.
"""

from __future__ import annotations

import types
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
T = TypeVar("T")


def to_json(value: object) -> JsonValue:
    """The value as what `json.dumps` takes.

    Raises:
        TypeError: the value is of none of the known kinds.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Enum):
        return to_json(value.value)
    if isinstance(value, Path | Fraction):
        return str(value)
    if isinstance(value, tuple):
        return [to_json(part) for part in value]
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no form in the job ledger")


def from_json(kind: type[T], data: JsonValue) -> T:
    """The value of type `kind` that `to_json` turned into `data`.

    Raises:
        TypeError, KeyError, ValueError: `data` is not of that type.
    """
    decoded: T = _decode(kind, data)
    return decoded


def _decode(kind: Any, data: Any) -> Any:
    origin = get_origin(kind)
    if origin in (types.UnionType, Union):
        (inner,) = (option for option in get_args(kind) if option is not type(None))
        return None if data is None else _decode(inner, data)
    if origin is tuple:
        return _decode_tuple(get_args(kind), data)
    if is_dataclass(kind) and isinstance(kind, type):
        return _decode_dataclass(kind, data)
    if kind is float:
        return float(data)
    if issubclass(kind, Enum | Path | Fraction):
        return kind(data)
    if not isinstance(data, kind):
        raise TypeError(f"expected {kind.__name__}, found {type(data).__name__}")
    return data


def _decode_tuple(shape: tuple[Any, ...], data: list[Any]) -> tuple[Any, ...]:
    if len(shape) == 2 and shape[1] is Ellipsis:
        return tuple(_decode(shape[0], part) for part in data)
    return tuple(_decode(kind, part) for kind, part in zip(shape, data, strict=True))


def _decode_dataclass(kind: Any, data: Mapping[str, Any]) -> Any:
    # A field that is missing was added after the row was written: its default stands.
    hints = _hints(kind)
    return kind(**{name: _decode(hints[name], part) for name, part in data.items()})


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return get_type_hints(kind)
