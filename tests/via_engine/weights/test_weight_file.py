"""No pickle is ever executed, whatever it is called; what a file is, is told by its bytes."""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from via_engine.errors import ModelError, ModelIntegrityError
from via_engine.weights.file_kind import FileKind, kind_of, tensor_header
from via_engine.weights.weight_file import own_tensors, read_tensors

NAMES = ["model.safetensors", "model.SafeTensors", "model.pth"]


class Canary:
    """Pickled, it writes a file when a trusting reader opens it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.path), "w"))


def torch_zip(canary: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save({"weight": Canary(canary)}, buffer)
    return buffer.getvalue()


def zip_with_pickle_of_protocol_4(canary: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"w": Canary(canary)}, protocol=4))
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


def bare_pickle(canary: Path) -> bytes:
    return pickle.dumps({"w": Canary(canary)}, protocol=2)


def newer_bare_pickle(canary: Path) -> bytes:
    return pickle.dumps({"w": Canary(canary)}, protocol=5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "make", [torch_zip, zip_with_pickle_of_protocol_4, bare_pickle, newer_bare_pickle]
)
def test_malicious_pickle_never_runs(
    tmp_path: Path, name: str, make: Callable[[Path], bytes]
) -> None:
    canary = tmp_path / "canary"
    (tmp_path / name).write_bytes(make(canary))
    with pytest.raises((ModelError, ModelIntegrityError)):
        read_tensors(tmp_path / name)
    assert not canary.exists()


def test_the_canary_would_sing(tmp_path: Path) -> None:
    """The files above are dangerous: a trusting reader does execute them."""
    canary = tmp_path / "canary"
    torch.load(io.BytesIO(torch_zip(canary)), weights_only=False)
    assert canary.exists()


@pytest.mark.parametrize("name", NAMES)
def test_bytes_decide_not_the_name(tmp_path: Path, name: str) -> None:
    tensors = {"weight": torch.arange(6.0).view(2, 3)}
    path = tmp_path / name
    save_file(tensors, path)
    assert kind_of(path) is FileKind.SAFETENSORS
    assert torch.equal(read_tensors(path)["weight"], tensors["weight"])
    torch.save(tensors, path)
    assert kind_of(path) is FileKind.TORCH
    assert torch.equal(read_tensors(path)["weight"], tensors["weight"])


@pytest.mark.parametrize("nest", ["state_dict", "model"])
def test_a_trainings_checkpoint_gives_its_models_tensors(tmp_path: Path, nest: str) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({"epoch": 3, nest: {"weight": torch.ones(2)}, "optimizer": [1]}, path)
    assert list(read_tensors(path)) == ["weight"]


def test_lightnings_callbacks_are_read_without_lightning(tmp_path: Path) -> None:
    """InstructPix2Pix's own training kept callbacks under their classes."""

    name = "pytorch_lightning.callbacks.model_checkpoint"
    callback = type("ModelCheckpoint", (), {"__module__": name})
    module = ModuleType(name)
    vars(module)["ModelCheckpoint"] = callback
    path = tmp_path / "last.ckpt"
    with pytest.MonkeyPatch.context() as patch:
        for parent in ("pytorch_lightning", "pytorch_lightning.callbacks"):
            patch.setitem(sys.modules, parent, ModuleType(parent))
        patch.setitem(sys.modules, name, module)
        callbacks = {callback: {"best_model_score": 1.0}}
        torch.save({"state_dict": {"weight": torch.ones(1)}, "callbacks": callbacks}, path)
    assert list(read_tensors(path)) == ["weight"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_cut_file_is_an_integrity_fault(tmp_path: Path, share: float) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.ones(100)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ModelIntegrityError, match=r"model\.safetensors"):
        read_tensors(path)
    with pytest.raises(ModelIntegrityError, match=r"model\.safetensors"):
        tensor_header(path)


def test_a_header_tells_shapes_without_reading_values(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.ones(2, 3, dtype=torch.float16)}, path)
    assert tensor_header(path)["weight"]["shape"] == [2, 3]
    assert tensor_header(path)["weight"]["dtype"] == "F16"


def test_tensors_that_share_memory_are_parted(tmp_path: Path) -> None:
    base = torch.arange(12.0).view(3, 4)
    tied = {"base": base, "same": base, "part": base[1:], "turned": base.t(), "alone": base.clone()}
    own = own_tensors(tied)
    assert own["alone"] is tied["alone"]
    save_file(own, tmp_path / "model.safetensors")
    for name, value in read_tensors(tmp_path / "model.safetensors").items():
        assert torch.equal(value, tied[name])
