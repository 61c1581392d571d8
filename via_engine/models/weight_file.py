"""Weight files, known by their bytes and never by their suffix; no pickle is ever executed."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from via_engine.errors import ModelError, ModelIntegrityError

# A torch file is a zip archive; before torch 1.6 it was a bare pickle of protocol 2.
_TORCH_MARKS = (b"PK\x03\x04", b"\x80\x02")
_HEADER_OFFSET = 8


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors or torch file, on the CPU, in the file's dtypes.

    Raises:
        ModelIntegrityError: the file is missing, damaged, or of neither kind.
        ModelError: it holds something else than named tensors.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_HEADER_OFFSET + 1)
            if start.startswith(_TORCH_MARKS):
                file.seek(0)
                # The open file, not its path: torch would go by the suffix of that.
                return _named_tensors(path, torch.load(file, map_location="cpu", weights_only=True))
        if start[_HEADER_OFFSET:] == b"{":
            return dict(load_file(path))
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path} holds more than tensors and is not opened") from error
    except (OSError, SafetensorError, RuntimeError, EOFError) as error:
        raise ModelIntegrityError(f"{path} cannot be read: {error}; fetch it again") from error
    raise ModelIntegrityError(f"{path} is neither a safetensors nor a torch file; fetch it again")


def shard_paths(folder: Path) -> list[Path]:
    """The weight files of a transformers folder: one, or the shards its index names.

    Raises:
        ModelIntegrityError: there is no weight file, or the index cannot be read.
    """
    for stem in ("model.safetensors", "pytorch_model.bin"):
        if (folder / stem).is_file():
            return [folder / stem]
        index = folder / f"{stem}.index.json"
        if index.is_file():
            try:
                names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ModelIntegrityError(
                    f"{index} is no index of shards; fetch it again"
                ) from error
            return [folder / str(name) for name in sorted(set(names))]
    raise ModelIntegrityError(
        f"{folder} holds neither model.safetensors nor pytorch_model.bin nor an index of shards"
    )


def _named_tensors(path: Path, found: object) -> dict[str, Tensor]:
    if not isinstance(found, dict):
        raise ModelError(f"{path} holds a {type(found).__name__}, not named tensors")
    for name, value in found.items():
        if not isinstance(value, Tensor):
            raise ModelError(f"{path}: {name!r} is a {type(value).__name__}, not a tensor")
    return found
