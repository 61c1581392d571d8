"""MGIE as an editor: each frame its own condition, the language model gone once it has answered."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from tests.via_engine.models.mgie_folder import (
    OUTPUT_WIDTH,
    QUERY_TOKENS,
    PublishedHead,
    reference_parts,
    write_mgie_folder,
)
from tests.via_engine.models.tiny_pipeline import tiny_unet, write_tiny_pipeline
from via_engine.edit_settings import SwapLayers
from via_engine.errors import LicenceError, ModelError
from via_engine.method.frame_edit import FrameEdit
from via_engine.models.catalog import read_card
from via_engine.models.editors import load_editor
from via_engine.models.mgie import load_conditioner
from via_engine.models.mgie_editor import MgieEditor

CPU = torch.device("cpu")
WORDS = "make it a beach"
FRAMES = torch.rand(3, 3, 12, 16, generator=torch.Generator().manual_seed(4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_tiny_pipeline(tmp_path_factory.mktemp("mgie"))
    unet: UNet2DConditionModel = tiny_unet(cross_attention_dim=OUTPUT_WIDTH)
    unet.save_pretrained(folder / "unet")
    config = json.loads((folder / "text_encoder" / "config.json").read_text())
    _text_encoder_of_width(folder / "text_encoder", config)
    write_mgie_folder(folder, reference_parts())
    return folder


def _text_encoder_of_width(folder: Path, config: dict[str, Any]) -> None:
    """Conditions are as wide as the text encoder's, as in the public pair."""
    from transformers import CLIPTextConfig, CLIPTextModel

    changed = CLIPTextConfig(**{**config, "hidden_size": OUTPUT_WIDTH})
    CLIPTextModel(changed).save_pretrained(folder)


def load(folder: Path, **card: object) -> MgieEditor:
    values = {"kind": "mgie", "accept_noncommercial": True, "multiple_px": 4, "long_side_px": 16}
    (folder / "via_model.json").write_text(json.dumps(values | card))
    editor = load_editor(read_card("mgie", folder), device=CPU, dtype=torch.float32)
    assert isinstance(editor, MgieEditor)
    return editor


def edit(editor: MgieEditor, layers: SwapLayers = SwapLayers.ALL) -> FrameEdit:
    return FrameEdit.prepare(
        editor,
        instruction=WORDS,
        seed=1,
        steps=2,
        guidance_scale=6.0,
        image_guidance_scale=1.4,
        width=16,
        height=12,
        swap_layers=layers,
    )


def test_research_only_is_said_before_anything_is_loaded(folder: Path) -> None:
    with pytest.raises(LicenceError, match=r"research only.*accept_noncommercial"):
        load(folder, accept_noncommercial=False)


def test_conditions_are_the_conditioners(folder: Path) -> None:
    editor = load(folder)
    conditioner = load_conditioner(folder, device=CPU, dtype=torch.float32)
    pictures = FRAMES.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    expected = conditioner.condition(np.ascontiguousarray(pictures), WORDS)
    found = editor.condition(WORDS, FRAMES)
    assert found.text.shape == (3, QUERY_TOKENS, OUTPUT_WIDTH)
    assert torch.equal(found.text, expected.states)
    assert torch.equal(found.null_text, expected.null_states)
    assert torch.equal(editor.encode_instruction(WORDS), expected.null_states)
    assert editor.expression(WORDS) == expected.expression != ""


def test_null_condition_is_the_heads_answer_to_zeros_and_loads_no_language_model(
    folder: Path,
) -> None:
    editor = load(folder)
    head: PublishedHead = reference_parts()[3]
    rows = reference_parts()[0].model.embed_tokens.weight[-8:][None]
    null = head(torch.zeros(1, 8, rows.shape[-1]), rows)
    assert torch.allclose(editor.encode_instruction(""), null, atol=1e-5)
    assert not editor.conditioner.is_loaded


@pytest.mark.parametrize(("policy", "stays"), [("unload", False), ("resident", True)])
def test_the_language_model_goes_or_stays_after_the_gather(
    folder: Path, policy: str, stays: bool
) -> None:
    editor = load(folder, conditioner=policy)
    one = edit(editor)
    group = one.gather(FRAMES[:2], (0, 5), lambda: None)
    assert editor.conditioner.is_loaded is stays
    one.apply(FRAMES, group, lambda: None)
    assert editor.conditioner.is_loaded is stays


def test_swapped_frames_need_no_language_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = load(folder, conditioner="unload")
    one = edit(editor)
    group = one.gather(FRAMES[:2], (0, 5), lambda: None)
    monkeypatch.setattr(editor.conditioner, "_load", None)
    swapped = one.apply(FRAMES, group, lambda: None).edited
    assert swapped.shape == FRAMES.shape
    with pytest.raises(TypeError):
        edit(editor, SwapLayers.SELF).apply(FRAMES, group, lambda: None)


def test_each_group_frame_is_gathered_under_its_own_condition(folder: Path) -> None:
    """What the group keeps of cross-attention is what each frame's own condition projects to."""
    editor = load(folder)
    group = edit(editor).gather(FRAMES[:2], (0, 5), lambda: None)
    name = next(one for one in editor.unet.attn_processors if "attn2" in one)
    layer = editor.unet.get_submodule(name.removesuffix(".processor"))
    keys = layer.to_k(editor.condition(WORDS, FRAMES[:2]).text)
    kept = group.keys_values(name, 0).keys[0]
    heads = keys.unflatten(-1, (layer.heads, -1)).flatten(0, 1).transpose(0, 1)
    torch.testing.assert_close(kept, heads)


def test_heads_of_another_width_are_refused(folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    tiny_unet().save_pretrained(copy / "unet")
    _text_encoder_of_width(
        copy / "text_encoder",
        json.loads((copy / "text_encoder" / "config.json").read_text()),
    )
    with pytest.raises(ModelError, match="reads texts of 16 channels"):
        load(copy)


def test_fewer_bits_need_their_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes.nn", None)
    editor = load(folder, conditioner_bits=4)
    with pytest.raises(ModelError, match=r"pip install 'via-editor\[mgie\]'"):
        editor.condition(WORDS, FRAMES)
