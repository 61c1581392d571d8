"""Writes trained parts as a stock InstructPix2Pix folder, with records beside the weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    StableDiffusionInstructPix2PixPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextModel

from via_engine.errors import ModelError
from via_engine.starter.bundle import read_record, rewritten, write_record
from via_engine.starter.networks.text import build_text_encoder, world_tokenizer
from via_engine.starter.training.train_editor import (
    Editor,
    build_scheduler,
    build_unet,
    encoder_identity,
    train_editor,
)
from via_engine.starter.training.train_vae import build_vae, train_decoder, train_vae
from via_engine.starter.training.training_run import (
    EditorSettings,
    TrainingRun,
    VaeSettings,
    write_state,
)
from via_engine.starter.training.trainings import Training

# Written beside tokenizer.json: older transformers read these, and so does further training.
_TOKENIZER_FILES = ("vocab.json", "merges.txt")
_AUTOENCODERS = ("decoder", "vae", "packaged_vae")
UNDERSTANDS = (
    "make the ball blue",
    "change the color of the ball",
    "turn the ball into a star",
    "remove the ball",
    "replace the background with a desert",
    "make it night",
    "make it sunset",
    "make it winter",
    "add fog",
    "make it a pencil sketch",
    "make it sepia",
    "make it a poster",
    "make the ball golden",
)


@dataclass(frozen=True, kw_only=True)
class EditorSheet:
    """What a loader must know of the editor beyond the weights: `via_model.json`."""

    name: str = "starter"
    kind: str = "instruct-pix2pix"
    steps: int = 10
    guidance_scale: float = 2.0
    image_guidance_scale: float = 1.5
    long_side_px: int = 256
    multiple_px: int = 8
    licence: str = "Apache-2.0"
    understands: tuple[str, ...] = UNDERSTANDS
    adapt_steps: int = 60
    adapt_learning_rate: float = 1e-3


def export_editor(part: str, cache: Path, folder: Path) -> str | None:
    """Turn what was trained in `cache`, lately `part`, into `folder`, in one motion.

    Of the other parts only those are taken that were trained to their end, and an autoencoder only
    if the editor learned on its latents. Returns why there is nothing to package, if so.
    """
    editor = _latest(cache, ("editor", "packaged_editor"), asked=part)
    if editor is None:
        return "it is packaged once an editor is trained on it"
    meaning = editor.state.get("learns_from", "")
    vae = _latest(cache, _AUTOENCODERS, asked=part, encodes_for=meaning)
    if vae is None or part not in (editor.name, vae.name):
        return "it is packaged once an editor is trained on it; the one there is of another"
    with rewritten(folder) as fresh:
        _save_pipeline(vae, editor, cache / "tokenizer", fresh)
        (fresh / "via_model.json").write_text(json.dumps(asdict(EditorSheet()), indent=2) + "\n")
        records = {"vae": vae.state["record"], "editor": editor.state["record"]}
        write_record(fresh, records)
    return None


def _save_pipeline(vae: _Trained, editor: _Trained, tokenizer: Path, folder: Path) -> None:
    words_and_unet = _built_editor(editor.state, tokenizer)
    pipeline = StableDiffusionInstructPix2PixPipeline(
        vae=_built_vae(vae.state).half(),
        text_encoder=words_and_unet.text_encoder.half(),
        tokenizer=world_tokenizer(tokenizer),
        unet=words_and_unet.unet.half(),
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    for name in _TOKENIZER_FILES:
        shutil.copyfile(tokenizer / name, folder / "tokenizer" / name)


def unpack_editor(folder: Path, cache: Path) -> None:
    """Bring a packaged editor into `cache`, so that its training can go on from there."""
    records = read_record(folder)
    vae = AutoencoderKL.from_pretrained(folder / "vae").float()
    editor = Editor(
        UNet2DConditionModel.from_pretrained(folder / "unet").float(),
        CLIPTextModel.from_pretrained(folder / "text_encoder").float(),
    )
    (cache / "tokenizer").mkdir(parents=True, exist_ok=True)
    for name, model in (("vae", vae), ("editor", editor)):
        state = {
            "model": model.state_dict(),
            "record": records[name],
            "learns_from": encoder_identity(vae) if name == "editor" else "",
            "complete": True,
        }
        write_state(state, cache / f"packaged_{name}_weights.pt")
    for name in _TOKENIZER_FILES:
        shutil.copyfile(folder / "tokenizer" / name, cache / "tokenizer" / name)


def _train_editor(settings: EditorSettings, run: TrainingRun) -> None:
    names = ("packaged_vae",) if run.start else ("vae", "packaged_vae")
    vae = _latest(run.folder, names, asked="vae")
    if vae is None or not vae.state.get("complete", True):
        raise ModelError(
            f"{run.folder} holds no autoencoder that was trained to its end; train vae first, or "
            "add --from-packaged"
        )
    train_editor(settings, run, _built_vae(vae.state))


@dataclass(frozen=True, kw_only=True)
class _Trained:
    """Weights in a cache: what trained them, and the file's content."""

    name: str
    state: dict[str, Any]


def _latest(
    cache: Path, names: tuple[str, ...], *, asked: str = "", encodes_for: str = ""
) -> _Trained | None:
    """What was trained, or brought in from a package, last, and to its end unless it is `asked`.

    With `encodes_for`, an autoencoder whose latents mean that; see `encoder_identity`.
    """
    paths = {name: cache / f"{name}_weights.pt" for name in names}
    there = [name for name in names if paths[name].exists()]
    for name in sorted(there, key=lambda one: -paths[one].stat().st_mtime_ns):
        state = torch.load(paths[name], weights_only=True, map_location="cpu")
        if not state.get("complete", True) and name != asked:
            continue
        if encodes_for and encoder_identity(_built_vae(state)) != encodes_for:
            continue
        return _Trained(name=name, state=state)
    return None


def _built_vae(state: dict[str, Any]) -> AutoencoderKL:
    vae = build_vae()
    vae.load_state_dict(state["model"])
    return vae.eval()


def _built_editor(state: dict[str, Any], tokenizer: Path) -> Editor:
    editor = Editor(build_unet(), build_text_encoder(world_tokenizer(tokenizer)))
    editor.load_state_dict(state["model"])
    return editor.eval()


def _editor_part(
    name: str, settings: type[Any], train: Callable[[Any, TrainingRun], None]
) -> Training:
    return Training(
        part_of="editor",
        settings=settings,
        train=train,
        export=partial(export_editor, name),
        unpack=unpack_editor,
    )


TRAININGS = {
    "vae": _editor_part("vae", VaeSettings, train_vae),
    "decoder": _editor_part("decoder", VaeSettings, train_decoder),
    "editor": _editor_part("editor", EditorSettings, _train_editor),
}
