"""From published files to a folder of safetensors that Via loads: what it is, and how it is made.

Everything here may open foreign files; `conversion.convert` runs it in a process of its own.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from via_engine.errors import ModelError
from via_engine.models.library.integrity import model_files
from via_engine.models.library.manifest import Role
from via_engine.models.library.single_file import is_editor, write_editor
from via_engine.weights.file_kind import FileKind, kind_of
from via_engine.weights.weight_file import own_tensors, read_tensors, shard_paths

Tensors = dict[str, Tensor]
WEIGHTS_NAME = "model.safetensors"
_SEGMENTER_MARK = "image_encoder.pos_embed"
_GROUNDER_MARK = "transformer.level_embed"
_GROUNDER_WIDTH = "backbone.0.patch_embed.proj.weight"
_GROUNDER_CONFIGS = {96: "GroundingDINO_SwinT_OGC.py", 128: "GroundingDINO_SwinB_cfg.py"}
_BERT = "bert-base-uncased"
# Parts of pipelines that an edit does not use.
_UNUSED_PARTS = ("safety_checker", "feature_extractor")
_TORCH_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What shall be made of what.

    Attributes:
        source: a file or folder as it was published.
        target: an empty folder to fill.
        helper: folder with what the source lacks: CLIP's tokenizer for a one-file editor, BERT's
            configuration and tokenizer for a grounder; None to look beside the source.
        base: InstructPix2Pix folder that MGIE borrows the rest of its parts from.
    """

    source: Path
    target: Path
    helper: Path | None = None
    base: Path | None = None


def write_layout(wish: Wish) -> Role:
    """Fills `wish.target`, and says what the model does.

    Raises:
        ModelError: it is none of the known kinds, or a part of it is missing.
        ModelIntegrityError: a file is damaged.
    """
    source = wish.source
    if source.is_file():
        return _write_file(wish, source)
    for is_it, write in _FOLDERS:
        if is_it(source):
            return write(wish)
    weights = [path for _, path in model_files(source) if _is_weights(path)]
    if len(weights) == 1:
        return _write_file(wish, weights[0])
    raise ModelError(
        f"{source} is no model Via knows: expected a diffusers folder (model_index.json), a SAM 2 "
        "or CLIP folder (config.json), an MGIE folder (mllm.pt, llava/) or one checkpoint; found "
        f"{', '.join(sorted(path.name for path in source.iterdir())[:8]) or 'nothing'}"
    )


def _write_file(wish: Wish, path: Path) -> Role:
    tensors = read_tensors(path)
    if is_editor(tensors):
        write_editor(tensors, _helper(wish, "tokenizer", "vocab.json", "CLIP's"), wish.target)
        return Role.EDITOR
    tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    if _SEGMENTER_MARK in tensors:
        save_tensors(tensors, wish.target / WEIGHTS_NAME)
        return Role.SEGMENTER
    if _GROUNDER_MARK in tensors:
        _write_grounder(wish, tensors)
        return Role.GROUNDER
    named = ", ".join(sorted(tensors)[:3])
    raise ModelError(
        f"{path} is no checkpoint Via knows: expected the tensors of a one-file InstructPix2Pix, "
        f"a Segment Anything or a Grounding DINO; found {len(tensors)}, such as {named}"
    )


def _write_grounder(wish: Wish, tensors: Tensors) -> None:
    width = len(tensors[_GROUNDER_WIDTH]) if _GROUNDER_WIDTH in tensors else 0
    if width not in _GROUNDER_CONFIGS:
        raise ModelError(
            f"{wish.source} is a Grounding DINO with a backbone of width {width}; expected "
            "SwinT (96) or SwinB (128)"
        )
    text = _helper(wish, _BERT, "vocab.txt", "BERT's", needs=("config.json",))
    save_tensors(tensors, wish.target / WEIGHTS_NAME)
    config = files("groundingdino.config").joinpath(_GROUNDER_CONFIGS[width])
    (wish.target / "config.py").write_text(config.read_text(encoding="utf-8"), encoding="utf-8")
    (wish.target / _BERT).mkdir()
    for path in text.iterdir():
        if path.suffix in (".json", ".txt"):
            shutil.copy(path, wish.target / _BERT)


def _write_pipeline(wish: Wish) -> Role:
    for path in sorted(wish.source.iterdir()):
        if path.is_dir() and path.name not in (*_UNUSED_PARTS, ".cache"):
            _copy_part(path, wish.target / path.name)
        elif path.suffix == ".json":
            shutil.copy(path, wish.target)
    return Role.EDITOR


def _write_transformers(role: Role) -> Callable[[Wish], Role]:
    def write(wish: Wish) -> Role:
        _copy_part(wish.source, wish.target)
        return role

    return write


def _write_mgie(wish: Wish) -> Role:
    source, target = wish.source, wish.target
    if wish.base is None or not (wish.base / "model_index.json").is_file():
        raise ModelError(
            "MGIE's files hold a UNet only; name the InstructPix2Pix it borrows the rest from: "
            "--base NAME, after via models pull instruct-pix2pix"
        )
    for part in ("llava", "vision_tower"):
        if not (source / part).is_dir():
            raise ModelError(f"{source} holds no folder {part}; expected llava, vision_tower")
        _copy_part(source / part, target / part)
    save_tensors(read_tensors(_one_of(source, "mllm")), target / "mllm.safetensors")
    for path in sorted(wish.base.iterdir()):
        if path.is_dir() and path.name not in (*_UNUSED_PARTS, "unet", ".cache"):
            shutil.copytree(path, target / path.name)
    (target / "unet").mkdir()
    shutil.copy(wish.base / "unet" / "config.json", target / "unet")
    weights = target / "unet" / "diffusion_pytorch_model.safetensors"
    save_tensors(read_tensors(_one_of(source, "unet")), weights)
    shutil.copy(wish.base / "model_index.json", target)
    return Role.EDITOR


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
        is_text = path.is_file() and not _is_weights(path) and not path.name.endswith(".index.json")
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
    has_weights = any(_is_weights(path) for path in folder.iterdir())
    return shard_paths(folder) if has_weights else []


def _is_weights(path: Path) -> bool:
    if not path.is_file() or path.suffix in (".json", ".txt", ".py", ".model", ".md"):
        return False
    return path.suffix in _TORCH_SUFFIXES or kind_of(path) is not FileKind.OTHER


def _helper(wish: Wish, name: str, file: str, whose: str, *, needs: tuple[str, ...] = ()) -> Path:
    """The folder of what the source lacks: as named, or beside the source."""
    beside = wish.source if wish.source.is_dir() else wish.source.parent
    for folder in (wish.helper, beside / name):
        if folder is not None and all((folder / each).is_file() for each in (file, *needs)):
            return folder
    raise ModelError(
        f"{wish.source} needs {whose} tokenizer files ({file} and what lies beside it), which no "
        f"checkpoint holds; put them into {beside / name}, or name their folder with --helper"
    )


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


_FOLDERS: tuple[tuple[Callable[[Path], bool], Callable[[Wish], Role]], ...] = (
    (lambda folder: (folder / "model_index.json").is_file(), _write_pipeline),
    (lambda folder: (folder / "llava").is_dir(), _write_mgie),
    (
        lambda folder: _model_type(folder) in ("sam2_video", "sam2"),
        _write_transformers(Role.TRACKER),
    ),
    (lambda folder: _model_type(folder) == "clip", _write_transformers(Role.CRITIC)),
)
