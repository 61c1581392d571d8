"""What a weight file is, told by its first bytes and never by its name. No torch."""

from __future__ import annotations

import json
import struct
from enum import Enum
from pathlib import Path
from typing import Any

from via_engine.errors import ModelIntegrityError

# A torch file is a zip archive; before torch 1.6 it was a bare pickle of protocol 2.
_TORCH_MARKS = (b"PK\x03\x04", b"\x80\x02")
_LENGTH_BYTES = 8
_MOST_HEADER_BYTES = 100_000_000


class FileKind(Enum):
    """How a weight file is written."""

    SAFETENSORS = "safetensors"
    TORCH = "torch"
    OTHER = "other"


def kind_of(path: Path) -> FileKind:
    """The kind of a file by its bytes.

    Raises:
        ModelIntegrityError: the file is missing or cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_LENGTH_BYTES + 1)
    except OSError as error:
        raise ModelIntegrityError(f"{path} cannot be read: {error}; fetch it again") from error
    if start.startswith(_TORCH_MARKS):
        return FileKind.TORCH
    return FileKind.SAFETENSORS if start[_LENGTH_BYTES:] == b"{" else FileKind.OTHER


def tensor_header(path: Path) -> dict[str, dict[str, Any]]:
    """Name, `dtype`, `shape` and `data_offsets` of every tensor of a safetensors file.

    Raises:
        ModelIntegrityError: it is none, or shorter than its header says.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(_LENGTH_BYTES))
            header = json.loads(file.read(min(length, _MOST_HEADER_BYTES)))
        header.pop("__metadata__", None)
        data_bytes = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise ModelIntegrityError(
            f"{path} is no whole safetensors file ({error}); fetch it again"
        ) from error
    expected = _LENGTH_BYTES + length + data_bytes
    found = path.stat().st_size
    if found != expected:
        raise ModelIntegrityError(
            f"{path} has {found} bytes, its header tells of {expected}; fetch it again"
        )
    return dict(header)
