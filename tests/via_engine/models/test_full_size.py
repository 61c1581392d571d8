"""Checkpoints of full size with random values, taken in and loaded whole; asked for by -m slow."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.via_engine.masks.grounding_port import TEXT, write_text_folder
from tests.via_engine.masks.test_public_models import public_config
from tests.via_engine.models.published import (
    LdmSize,
    Shapes,
    ldm_text_shapes,
    ldm_unet_shapes,
    ldm_vae_shapes,
)
from via_engine.masks.ground import load_grounder
from via_engine.masks.segment import load_segmenter
from via_engine.models.catalog import read_card
from via_engine.models.edit_head import EditMapper
from via_engine.models.editors import load_editor
from via_engine.models.library.adding import Addition, add
from via_engine.models.library.library import Entry, Library
from via_engine.models.library.manifest import Role
from via_engine.models.mgie import load_null_states
from via_engine.starter.networks.grounder_model import build_grounder

pytestmark = pytest.mark.slow
CPU = torch.device("cpu")
TOKENS = 32011


def half(shapes: Shapes, *, seed: int = 1) -> dict[str, Tensor]:
    """Random values in two bytes, as many public files have them."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.empty(shape, dtype=torch.float16).uniform_(-0.02, 0.02, generator=generator)
        for name, shape in shapes.items()
    }


def shapes_of(build: Callable[[], nn.Module]) -> Shapes:
    return {name: tuple(value.shape) for name, value in build().state_dict().items()}


def taken_in(folder: Path, name: str, path: Path, **more: Any) -> Entry:
    gc.collect()
    entry = add(Library(folder / "models"), Addition(name=name, path=path, **more))
    path.unlink()
    return entry


def test_one_file_editor_of_stable_diffusions_size(tmp_path: Path) -> None:
    size = LdmSize()
    shapes = {f"model.diffusion_model.{n}": s for n, s in ldm_unet_shapes(size).items()}
    shapes |= {f"first_stage_model.{n}": s for n, s in ldm_vae_shapes(size).items()}
    shapes |= {f"cond_stage_model.transformer.{n}": s for n, s in ldm_text_shapes(size).items()}
    path = tmp_path / "MagicBrush-epoch-52-step-4999.ckpt"
    torch.save({"epoch": 52, "global_step": 4999, "state_dict": half(shapes)}, path)
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    (tokenizer / "vocab.json").write_text('{"<|startoftext|>": 0, "<|endoftext|>": 1, "a</w>": 2}')
    (tokenizer / "merges.txt").write_text("#version: 0.2\n")

    entry = taken_in(tmp_path, "brush", path)

    assert entry.role is Role.EDITOR
    editor = load_editor(read_card("brush", entry.content), device=CPU, dtype=torch.float16)
    unet = editor.unet.state_dict()
    assert len(unet) == 686
    assert unet["conv_in.weight"].shape == (320, 8, 3, 3)
    assert sum(value.numel() for value in unet.values()) == 859_532_484
    assert sum(p.numel() for p in editor.vae.parameters()) == 83_653_863
    assert sum(p.numel() for p in editor.text_encoder.parameters()) == 123_060_480


def test_mgies_head_of_its_size(tmp_path: Path) -> None:
    head = shapes_of(
        lambda: EditMapper(
            states_width=4096,
            width=512,
            encoder_layers=4,
            decoder_layers=4,
            feed_forward=2048,
            query_tokens=77,
            output_width=768,
        )
    )
    shapes: Shapes = {f"edit_head.{name}": shape for name, shape in head.items()}
    shapes["model.embed_tokens.weight"] = shapes["lm_head.weight"] = (TOKENS, 4096)
    torch.save(half(shapes), tmp_path / "mllm.pt")
    null = load_null_states(tmp_path, device=CPU, dtype=torch.float32)
    assert null.shape == (1, 77, 768)
    assert null.isfinite().all()


def test_segmenter_of_vit_b_size(tmp_path: Path) -> None:
    from segment_anything import sam_model_registry

    path = tmp_path / "sam_vit_b_01ec64.pth"
    with torch.device("meta"):
        shapes = shapes_of(sam_model_registry["vit_b"])
    torch.save(half(shapes), path)
    entry = taken_in(tmp_path, "sam", path)
    assert entry.role is Role.SEGMENTER
    sam = load_segmenter(entry.content, device=CPU).sam
    assert round(sum(p.numel() for p in sam.parameters()) / 1e6, 1) == 93.7


def test_grounder_of_swint_size(tmp_path: Path) -> None:
    text = write_text_folder(tmp_path / TEXT)
    base = {"vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12}
    base |= {"num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 512}
    (text / "config.json").write_text(json.dumps({"model_type": "bert"} | base))
    model = build_grounder(public_config("GroundingDINO_SwinT_OGC.py"), text)
    weights = {f"module.{name}": value for name, value in model.state_dict().items()}
    weights["module.label_enc.weight"] = torch.zeros(2, 256)
    path = tmp_path / "groundingdino_swint_ogc.pth"
    torch.save({"model": weights}, path)
    del model, weights
    entry = taken_in(tmp_path, "dino", path)
    assert entry.role is Role.GROUNDER
    grounder = load_grounder(entry.content, device=CPU)
    assert len(grounder.model.state_dict()) == 938
