"""One-file checkpoints become diffusers folders, whole, with the weights they are sampled by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionInstructPix2PixPipeline, UNet2DConditionModel
from safetensors.torch import save_file

from tests.via_engine.models.published import (
    TINY,
    LdmSize,
    ldm_text_shapes,
    ldm_unet_shapes,
    ldm_vae_shapes,
    one_file_tensors,
    write_magicbrush_checkpoint,
)
from tests.via_engine.models.tiny_pipeline import tiny_tokenizer
from via_engine.errors import ModelError
from via_engine.models.catalog import read_card
from via_engine.models.editors import load_editor
from via_engine.models.library.adding import Addition, add
from via_engine.models.library.layouts import Wish, write_layout
from via_engine.models.library.library import Library
from via_engine.models.library.manifest import Role
from via_engine.models.library.single_file import _unet_part, _vae_part, write_editor

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CLIP's files as they are published: word pieces, merges, and the length of a text."""
    folder = tmp_path_factory.mktemp("tokenizer")
    (folder / "vocab.json").write_text(json.dumps(tiny_tokenizer().get_vocab()))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 24}))
    return folder


def test_written_layout_is_the_public_one() -> None:
    """The generator itself: counts and shapes of Stable Diffusion 1.5's InstructPix2Pix file."""
    shapes = ldm_unet_shapes(LdmSize())
    assert len(shapes) == 686
    assert shapes["input_blocks.0.0.weight"] == (320, 8, 3, 3)
    assert len(ldm_vae_shapes(LdmSize())) == 248
    assert len(ldm_text_shapes(LdmSize())) == 197


def test_public_sizes_are_read_from_the_tensors_alone() -> None:
    """At full size, without a byte allocated: every tensor has its place, and no place is left."""
    size = LdmSize()
    for shapes, part, tensors, parameters in (
        (ldm_unet_shapes(size), _unet_part, 686, 859_532_484),
        (ldm_vae_shapes(size), _vae_part, 248, 83_653_863),
    ):
        named = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
        network, converted = part(named)
        wanted = {name: value.shape for name, value in network.state_dict().items()}
        assert {name: value.shape for name, value in converted.items()} == wanted
        assert len(converted) == tensors
        assert sum(value.numel() for value in converted.values()) == parameters
        if part is _unet_part:
            assert wanted["conv_in.weight"] == (320, 8, 3, 3)
            assert network.config.cross_attention_dim == 768
            assert network.config.down_block_types[-1] == "DownBlock2D"


def test_magicbrush_checkpoint_is_taken_in_by_the_command(tmp_path: Path, tokenizer: Path) -> None:
    tensors = one_file_tensors(TINY)
    path = write_magicbrush_checkpoint(tmp_path / "MagicBrush-epoch-52-step-4999.ckpt", tensors)
    library = Library(tmp_path / "models")

    entry = add(library, Addition(name="brush", path=path, helper=tokenizer))

    assert entry.role is Role.EDITOR
    editor = load_editor(read_card("brush", entry.content), device=CPU, dtype=torch.float32)
    weights = editor.unet.state_dict()
    averaged = tensors["model_ema.diffusion_modelinput_blocks00weight"]
    assert torch.equal(weights["conv_in.weight"], averaged)
    assert len(weights) == 686
    stock = StableDiffusionInstructPix2PixPipeline.from_pretrained(entry.content)
    stock.set_progress_bar_config(disable=True)
    frame = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    edited = stock("make it night", image=frame, num_inference_steps=2, output_type="np").images
    assert edited.shape == (1, 32, 32, 3)


def test_every_value_lands_where_the_stock_converter_puts_it(
    tmp_path: Path, tokenizer: Path
) -> None:
    tensors = one_file_tensors(TINY, averaged=False)
    save_file(tensors, tmp_path / "one.safetensors")
    folder = tmp_path / "made"
    folder.mkdir()
    write_editor(tensors, tokenizer, folder)

    for part, kind in (("unet", UNet2DConditionModel), ("vae", AutoencoderKL)):
        ours = kind.from_pretrained(folder / part)
        stock = kind.from_single_file(
            str(tmp_path / "one.safetensors"),
            config=str(folder),
            subfolder=part,
            local_files_only=True,
        )
        for name, value in stock.state_dict().items():
            assert torch.equal(ours.state_dict()[name], value), name


def test_text_to_image_checkpoint_is_told_apart(tmp_path: Path, tokenizer: Path) -> None:
    tensors = one_file_tensors(TINY, channels=4, averaged=False)
    with pytest.raises(ModelError, match="takes 4 channels; an InstructPix2Pix UNet takes 8"):
        write_editor(tensors, tokenizer, tmp_path)


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        (
            "model.diffusion_model.middle_block.1.norm.bias",
            "mid_block.attentions.0.norm.bias is mis",
        ),
        ("first_stage_model.encoder.conv_out.bias", "encoder.conv_out.bias is missing"),
        ("model_ema.diffusion_modelout2bias", "lacks 1 averaged tensors"),
    ],
)
def test_a_tensor_too_few_is_named(
    tmp_path: Path, tokenizer: Path, missing: str, told: str
) -> None:
    tensors = one_file_tensors(TINY, averaged=missing.startswith("model_ema"))
    del tensors[missing]
    with pytest.raises(ModelError, match=told):
        write_editor(tensors, tokenizer, tmp_path)


def test_without_a_tokenizer_the_next_step_is_told(tmp_path: Path) -> None:
    path = write_magicbrush_checkpoint(tmp_path / "one.ckpt", one_file_tensors(TINY))
    with pytest.raises(ModelError, match=r"CLIP's tokenizer files.*--helper"):
        write_layout(Wish(source=path, target=tmp_path))
