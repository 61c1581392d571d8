"""Weight files, known by their bytes and never by their suffix; no pickle is ever executed."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from via_engine.errors import ModelError, ModelIntegrityError
from via_engine.weights.file_kind import FileKind, kind_of

# Where checkpoints of trainings keep the tensors, beside counters and optimizers.
_NESTS = ("state_dict", "model")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors or torch file, on the CPU, in the file's dtypes.

    Of a checkpoint that a training wrote, the model's tensors.

    Raises:
        ModelIntegrityError: the file is missing, damaged, or of neither kind.
        ModelError: it holds something else than named tensors.
    """
    kind = kind_of(path)
    try:
        if kind is FileKind.SAFETENSORS:
            return dict(load_file(path))
        if kind is FileKind.TORCH:
            return _named_tensors(path, _read_pickle(path))
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path} holds more than tensors and is not opened") from error
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError) as error:
        raise ModelIntegrityError(f"{path} cannot be read: {error}; fetch it again") from error
    raise ModelIntegrityError(f"{path} is neither a safetensors nor a torch file; fetch it again")


def own_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, copied where they are not alone in their memory: safetensors wants them so."""
    seen: set[int] = set()
    own = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage()
        is_alone = tensor.is_contiguous() and storage.nbytes() == tensor.nbytes
        own[name] = tensor if is_alone and storage.data_ptr() not in seen else tensor.clone()
        own[name] = own[name].contiguous()
        seen.add(storage.data_ptr())
    return own


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


def _read_pickle(path: Path) -> object:
    with path.open("rb") as file, torch.serialization.safe_globals(_inert_names()):
        # The open file, not its path: torch would go by the suffix of that.
        return torch.load(file, map_location="cpu", weights_only=True)


class _Inert:
    """Stands for a class of a training framework; it does and keeps nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        """Whatever is said of it is forgotten."""


def _inert_names() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """Names that Lightning wrote as keys into checkpoints of 2022 and 2023, InstructPix2Pix's too.

    None of them is imported: they are read as `_Inert`.
    """
    callbacks = ("model_checkpoint.ModelCheckpoint", "early_stopping.EarlyStopping")
    return [(_Inert, f"pytorch_lightning.callbacks.{name}") for name in callbacks]


def _named_tensors(path: Path, found: object) -> dict[str, Tensor]:
    if not isinstance(found, dict):
        raise ModelError(f"{path} holds a {type(found).__name__}, not named tensors")
    nested = [found[nest] for nest in _NESTS if isinstance(found.get(nest), dict)]
    tensors: dict[str, Tensor] = nested[0] if nested else found
    for name, value in tensors.items():
        if not isinstance(value, Tensor):
            raise ModelError(f"{path}: {name!r} is a {type(value).__name__}, not a tensor")
    return tensors
