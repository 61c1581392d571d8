"""Writes trained parts as a stock InstructPix2Pix folder, with records beside the weights."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    StableDiffusionInstructPix2PixPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextModel

from via_engine.starter.bundle import RECORD_NAME, Record, rewritten, write_record
from via_engine.starter.text import build_text_encoder, world_tokenizer
from via_engine.starter.train_editor import Editor, build_scheduler, build_unet
from via_engine.starter.train_vae import build_vae

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


def export_editor(cache: Path, folder: Path, sheet: EditorSheet) -> None:
    """Turn the newest trained weights in `cache` into `folder`, in one motion."""
    vae, vae_record = newest_vae(cache)
    editor, editor_record = trained_editor(cache, "editor")
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
        (fresh / "via_model.json").write_text(json.dumps(asdict(sheet), indent=2) + "\n")
        write_record(fresh, {"vae": vae_record, "editor": editor_record})


def unpack_editor(folder: Path, cache: Path) -> None:
    """Bring a packaged editor into an empty `cache`, so that its training can go on."""
    records = json.loads((folder / RECORD_NAME).read_text())
    cache.mkdir(parents=True, exist_ok=True)
    vae = AutoencoderKL.from_pretrained(folder / "vae").float()
    editor = Editor(
        UNet2DConditionModel.from_pretrained(folder / "unet").float(),
        CLIPTextModel.from_pretrained(folder / "text_encoder").float(),
    )
    for name, model in (("vae", vae), ("packaged_editor", editor), ("editor", editor)):
        record = records[name.removeprefix("packaged_")]
        torch.save({"model": model.state_dict(), "record": record}, cache / f"{name}_weights.pt")
    (cache / "tokenizer").mkdir(exist_ok=True)
    for name in _TOKENIZER_FILES:
        shutil.copyfile(folder / "tokenizer" / name, cache / "tokenizer" / name)


def newest_vae(cache: Path) -> tuple[AutoencoderKL, Record]:
    """The autoencoder in `cache` with its decoder in the latest state, and its record."""
    improved = (cache / "decoder_weights.pt").exists()
    return trained_vae(cache, "decoder" if improved else "vae")


def trained_vae(cache: Path, name: str) -> tuple[AutoencoderKL, Record]:
    """The autoencoder that a training of this name left in `cache`, and its record."""
    state = torch.load(cache / f"{name}_weights.pt", weights_only=True, map_location="cpu")
    vae = build_vae()
    vae.load_state_dict(state["model"])
    return vae.eval(), state["record"]


def trained_editor(cache: Path, name: str) -> tuple[Editor, Record]:
    """UNet and text encoder that a training of this name left in `cache`, and their record."""
    state = torch.load(cache / f"{name}_weights.pt", weights_only=True, map_location="cpu")
    editor = Editor(build_unet(), build_text_encoder(world_tokenizer(cache / "tokenizer")))
    editor.load_state_dict(state["model"])
    return editor.eval(), state["record"]
