"""From published files to a folder of safetensors that Via loads: what it is, and how it is made.

Everything here may open foreign files; `conversion.convert` runs it in a process of its own.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from torch import Tensor

from via_engine.errors import ModelError
from via_engine.models.library.folders import (
    WEIGHTS_NAME,
    is_weights,
    save_tensors,
    write_folder,
)
from via_engine.models.library.integrity import model_files
from via_engine.models.library.manifest import Role
from via_engine.weights.weight_file import read_tensors

Tensors = dict[str, Tensor]
_EDITOR_MARK = "model.diffusion_model.input_blocks.0.0.weight"
_SEGMENTER_MARK = "image_encoder.pos_embed"
_GROUNDER_MARK = "transformer.level_embed"
_GROUNDER_WIDTH = "backbone.0.patch_embed.proj.weight"
_GROUNDER_CONFIGS = {96: "GroundingDINO_SwinT_OGC.py", 128: "GroundingDINO_SwinB_cfg.py"}
_BERT = "bert-base-uncased"


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
    role = write_folder(source, wish.target, wish.base)
    if role is not None:
        return role
    weights = [path for _, path in model_files(source) if is_weights(path)]
    if len(weights) == 1:
        return _write_file(wish, weights[0])
    raise ModelError(
        f"{source} is no model Via knows: expected a diffusers folder (model_index.json), a SAM 2 "
        "or CLIP folder (config.json), an MGIE folder (mllm.pt, llava/) or one checkpoint; found "
        f"{', '.join(sorted(path.name for path in source.iterdir())[:8]) or 'nothing'}"
    )


def _write_file(wish: Wish, path: Path) -> Role:
    tensors = read_tensors(path)
    if _EDITOR_MARK in tensors:
        # Loaded only here: it takes seconds, and no other file needs it.
        from via_engine.models.library.single_file import write_editor  # noqa: PLC0415

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
