"""Writes trained parts as a stock InstructPix2Pix folder, with records beside the weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
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
from via_engine.starter.bundle import Record, read_record, rewritten, write_record
from via_engine.starter.networks.text import build_text_encoder, world_tokenizer
from via_engine.starter.training.train_editor import (
    Editor,
    build_scheduler,
    build_unet,
    train_editor,
)
from via_engine.starter.training.train_vae import build_vae, train_decoder, train_vae
from via_engine.starter.training.training_run import EditorSettings, TrainingRun, VaeSettings
from via_engine.starter.training.trainings import Training

# Written beside tokenizer.json: older transformers read these, and so does further training.
_TOKENIZER_FILES = ("vocab.json", "merges.txt")
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


def export_editor(cache: Path, folder: Path) -> None:
    """Turn the newest trained weights in `cache` into `folder`, in one motion."""
    vae, vae_record = trained_vae(cache, "decoder", "vae", "packaged_vae")
    editor, editor_record = trained_editor(cache)
    with rewritten(folder) as fresh:
        pipeline = StableDiffusionInstructPix2PixPipeline(
            vae=vae.half(),
            text_encoder=editor.text_encoder.half(),
            tokenizer=world_tokenizer(cache / "tokenizer"),
            unet=editor.unet.half(),
            scheduler=build_scheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.save_pretrained(fresh)
        for name in _TOKENIZER_FILES:
            shutil.copyfile(cache / "tokenizer" / name, fresh / "tokenizer" / name)
        (fresh / "via_model.json").write_text(json.dumps(asdict(EditorSheet()), indent=2) + "\n")
        write_record(fresh, {"vae": vae_record, "editor": editor_record})


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
        state = {"model": model.state_dict(), "record": records[name]}
        torch.save(state, cache / f"packaged_{name}_weights.pt")
    for name in _TOKENIZER_FILES:
        shutil.copyfile(folder / "tokenizer" / name, cache / "tokenizer" / name)


def trained_vae(cache: Path, *names: str) -> tuple[AutoencoderKL, Record]:
    """The autoencoder in `cache` and its record: what the latest of these trainings made.

    Without names: the one whose latents an editor learns on.
    """
    state = _latest_state(cache, names or ("vae", "packaged_vae"))
    vae = build_vae()
    vae.load_state_dict(state["model"])
    return vae.eval(), state["record"]


def trained_editor(cache: Path) -> tuple[Editor, Record]:
    """UNet and text encoder in `cache`, trained there or packaged, and their record."""
    state = _latest_state(cache, ("editor", "packaged_editor"))
    editor = Editor(build_unet(), build_text_encoder(world_tokenizer(cache / "tokenizer")))
    editor.load_state_dict(state["model"])
    return editor.eval(), state["record"]


def _latest_state(cache: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """What was trained, or brought in from a package, last."""
    paths = [cache / f"{name}_weights.pt" for name in names]
    there = [path for path in paths if path.exists()]
    if not there:
        raise ModelError(
            f"{cache} holds no trained {names[0]}; train it first, or add --from-packaged"
        )
    latest = max(there, key=lambda path: path.stat().st_mtime_ns)
    state: dict[str, Any] = torch.load(latest, weights_only=True, map_location="cpu")
    return state


def _train_editor(settings: EditorSettings, run: TrainingRun) -> None:
    vae, _ = trained_vae(run.folder)
    train_editor(settings, run, vae)


def _export_when_complete(cache: Path, folder: Path) -> None:
    """The folder needs both parts; until the editor is there, there is nothing to package."""
    if any(cache.glob("*editor_weights.pt")):
        export_editor(cache, folder)


def _editor_part(settings: type[Any], train: Callable[[Any, TrainingRun], None]) -> Training:
    return Training(
        part_of="editor",
        settings=settings,
        train=train,
        export=_export_when_complete,
        unpack=unpack_editor,
    )


TRAININGS = {
    "vae": _editor_part(VaeSettings, train_vae),
    "decoder": _editor_part(VaeSettings, train_decoder),
    "editor": _editor_part(EditorSettings, _train_editor),
}
