"""Published folders of models, written anew with their weights as safetensors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from via_engine.errors import ModelError
from via_engine.models.library.manifest import Role
from via_engine.weights.file_kind import FileKind, kind_of
from via_engine.weights.weight_file import own_tensors, read_tensors, shard_paths

WEIGHTS_NAME = "model.safetensors"
# Parts of pipelines that an edit does not use.
_UNUSED_PARTS = ("safety_checker", "feature_extractor")
_TORCH_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt")
_TYPES = {"sam2_video": Role.TRACKER, "sam2": Role.TRACKER, "clip": Role.CRITIC}


def write_folder(source: Path, target: Path, base: Path | None) -> Role | None:
    """Fills the empty folder `target`, and says what the model does; None when it is no folder
    that is published as such.

    Args:
        base: InstructPix2Pix folder that MGIE borrows the rest of its parts from.

    Raises:
        ModelError: a part is missing.
        ModelIntegrityError: a file is damaged.
    """
    if (source / "model_index.json").is_file():
        _write_pipeline(source, target)
        return Role.EDITOR
    if (source / "llava").is_dir():
        _write_mgie(source, target, base)
        return Role.EDITOR
    role = _TYPES.get(_model_type(source))
    if role is not None:
        _copy_part(source, target)
    return role


def _write_pipeline(source: Path, target: Path) -> None:
    for path in sorted(source.iterdir()):
        if path.is_dir() and path.name not in (*_UNUSED_PARTS, ".cache"):
            _copy_part(path, target / path.name)
        elif path.suffix == ".json":
            shutil.copy(path, target)


def _write_mgie(source: Path, target: Path, base: Path | None) -> None:
    """MGIE's own parts, and beside them those of the editor it was trained from."""
    if base is None or not (base / "model_index.json").is_file():
        raise ModelError(
            "MGIE's files hold a UNet only; name the InstructPix2Pix it borrows the rest from: "
            "--base NAME, after via models pull instruct-pix2pix"
        )
    for part in ("llava", "vision_tower"):
        if not (source / part).is_dir():
            raise ModelError(f"{source} holds no folder {part}; expected llava, vision_tower")
        _copy_part(source / part, target / part)
    save_tensors(read_tensors(_one_of(source, "mllm")), target / "mllm.safetensors")
    for path in sorted(base.iterdir()):
        if path.is_dir() and path.name not in (*_UNUSED_PARTS, "unet", ".cache"):
            shutil.copytree(path, target / path.name)
    (target / "unet").mkdir()
    shutil.copy(base / "unet" / "config.json", target / "unet")
    weights = target / "unet" / "diffusion_pytorch_model.safetensors"
    save_tensors(read_tensors(_one_of(source, "unet")), weights)
    shutil.copy(base / "model_index.json", target)


def _one_of(folder: Path, stem: str) -> Path:
    for suffix in (".safetensors", ".pt"):
        if (folder / f"{stem}{suffix}").is_file():
            return folder / f"{stem}{suffix}"
    raise ModelError(f"{folder} holds no {stem}.pt; put MGIE's {stem}.pt there")


def _copy_part(source: Path, target: Path) -> None:
    """A folder of one model, its weights as safetensors under the names libraries look for."""
    target.mkdir(parents=True, exist_ok=True)
    weights = _weights_of(source)
    for path in sorted(source.iterdir()):
        is_text = path.is_file() and not is_weights(path) and not path.name.endswith(".index.json")
        if is_text:
            shutil.copy(path, target)
    if len(weights) == 1:
        name = "diffusion_pytorch_model" if "diffusion" in weights[0].name else "model"
        save_tensors(read_tensors(weights[0]), target / f"{name}.safetensors")
    elif weights:
        _copy_shards(weights, target)


def _copy_shards(weights: list[Path], target: Path) -> None:
    """One file for each shard, so that no more than one is held."""
    where: dict[str, str] = {}
    for number, path in enumerate(weights, start=1):
        name = f"model-{number:05}-of-{len(weights):05}.safetensors"
        tensors = read_tensors(path)
        save_tensors(tensors, target / name)
        where |= dict.fromkeys(tensors, name)
    index = {"metadata": {}, "weight_map": where}
    (target / f"{WEIGHTS_NAME}.index.json").write_text(json.dumps(index), encoding="utf-8")


def _weights_of(folder: Path) -> list[Path]:
    """The weight files of a model's folder: safetensors where there are some, whole or shards."""
    diffusion = [folder / f"diffusion_pytorch_model{end}" for end in (".safetensors", ".bin")]
    for path in diffusion:
        if path.is_file():
            return [path]
    has_weights = any(is_weights(path) for path in folder.iterdir())
    return shard_paths(folder) if has_weights else []


def is_weights(path: Path) -> bool:
    """Whether a file holds weights, by its bytes; what is called like some counts too."""
    if not path.is_file() or path.suffix in (".json", ".txt", ".py", ".model", ".md"):
        return False
    return path.suffix in _TORCH_SUFFIXES or kind_of(path) is not FileKind.OTHER


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Writes a safetensors file; tensors that share memory are written as what each shows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(own_tensors(tensors), path, metadata={"format": "pt"})
    path.chmod(0o644)


def _model_type(folder: Path) -> str:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return str(config.get("model_type", ""))
    except (OSError, ValueError, AttributeError):
        return ""
