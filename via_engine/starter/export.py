"""Writes trained parts as a stock InstructPix2Pix folder, with records beside the weights."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionInstructPix2PixPipeline

from via_engine.starter.bundle import RECORD_NAME, sha256_of
from via_engine.starter.text import build_text_encoder, learn_tokenizer
from via_engine.starter.train_editor import Editor, build_scheduler, build_unet
from via_engine.starter.train_vae import build_vae

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
    guidance_scale: float = 3.0
    image_guidance_scale: float = 1.2
    long_side_px: int = 160
    multiple_px: int = 32
    licence: str = "Apache-2.0"
    understands: tuple[str, ...] = UNDERSTANDS


def export_editor(cache: Path, folder: Path, sheet: EditorSheet) -> None:
    """Turn the newest trained weights in `cache` into `folder`, in one motion.

    An interrupted export leaves the former folder as it was.
    """
    vae, vae_record = _trained_vae(cache)
    editor, editor_record = _trained_editor(cache)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as scratch:
        fresh = Path(scratch) / "editor"
        pipeline = StableDiffusionInstructPix2PixPipeline(
            vae=vae.half(),
            text_encoder=editor.text_encoder.half(),
            tokenizer=learn_tokenizer(cache / "tokenizer"),
            unet=editor.unet.half(),
            scheduler=build_scheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.save_pretrained(fresh)
        for name in ("vocab.json", "merges.txt"):  # older transformers read these
            shutil.copyfile(cache / "tokenizer" / name, fresh / "tokenizer" / name)
        (fresh / "via_model.json").write_text(json.dumps(asdict(sheet), indent=2) + "\n")
        _write_record(fresh, {"vae": vae_record, "editor": editor_record})
        if folder.exists():
            folder.rename(Path(scratch) / "former")
        fresh.rename(folder)


def trained_vae(cache: Path, folder: Path) -> AutoencoderKL:
    """The autoencoder trained in `cache`, or else the packaged one in `folder`."""
    if (cache / "vae_weights.pt").exists():
        return _trained_vae(cache)[0]
    return AutoencoderKL.from_pretrained(folder / "vae")


def _trained_vae(cache: Path) -> tuple[AutoencoderKL, dict[str, object]]:
    state = torch.load(cache / "vae_weights.pt", weights_only=True, map_location="cpu")
    vae = build_vae()
    vae.load_state_dict(state["model"])
    return vae.eval(), state["record"]


def _trained_editor(cache: Path) -> tuple[Editor, dict[str, object]]:
    state = torch.load(cache / "editor_weights.pt", weights_only=True, map_location="cpu")
    editor = Editor(build_unet(), build_text_encoder(learn_tokenizer(cache / "tokenizer")))
    editor.load_state_dict(state["model"])
    return editor.eval(), state["record"]


def _write_record(folder: Path, records: dict[str, dict[str, object]]) -> None:
    hashes = {
        str(path.relative_to(folder).as_posix()): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    (folder / RECORD_NAME).write_text(json.dumps({**records, "sha256": hashes}, indent=2) + "\n")
