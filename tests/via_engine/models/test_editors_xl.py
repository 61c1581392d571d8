"""Editors of the SDXL class go through the same door and the same loop as the smaller ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionXLInstructPix2PixPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from tests.via_engine.models.tiny_pipeline import EPSILON, tiny_tokenizer
from via_engine.edit_settings import AttentionMode
from via_engine.method.frame_edit import FrameEdit
from via_engine.method.sampling import denoise, initial_noise
from via_engine.models.catalog import read_card
from via_engine.models.editors import InstructPix2PixEditor, load_editor

CPU = torch.device("cpu")
POOLED, TIMES = 24, 8


def text_config(width: int) -> CLIPTextConfig:
    tokenizer = tiny_tokenizer()
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=24,
        projection_dim=POOLED,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def tiny_xl_pipeline() -> StableDiffusionXLInstructPix2PixPipeline:
    torch.manual_seed(2)
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=8,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16 + 24,
        attention_head_dim=(2, 4),
        transformer_layers_per_block=(1, 2),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=TIMES,
        projection_class_embeddings_input_dim=POOLED + 6 * TIMES,
        norm_num_groups=8,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=16,
        scaling_factor=0.13025,
    )
    return StableDiffusionXLInstructPix2PixPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text_config(16)),
        text_encoder_2=CLIPTextModelWithProjection(text_config(24)),
        tokenizer=tiny_tokenizer(),
        tokenizer_2=tiny_tokenizer(),
        unet=unet,
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", **EPSILON
        ),
        add_watermarker=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("xl")
    tiny_xl_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def editor(folder: Path) -> InstructPix2PixEditor:
    (folder / "via_model.json").write_text('{"multiple_px": 4, "long_side_px": 16}')
    return load_editor(read_card("xl", folder), device=CPU, dtype=torch.float32)


def test_the_card_knows_the_class(folder: Path, editor: InstructPix2PixEditor) -> None:
    assert editor.card.kind == "instruct-pix2pix-xl"
    assert editor.card.guidance_scale == 5.0


def test_loop_equals_the_stock_pipeline(folder: Path, editor: InstructPix2PixEditor) -> None:
    stock = StableDiffusionXLInstructPix2PixPipeline.from_pretrained(folder, add_watermarker=False)
    stock.set_progress_bar_config(disable=True)
    frame, noise = torch.rand(1, 3, 12, 16), initial_noise(3, (1, 4, 6, 8))
    expected = stock(
        "make it night",
        image=frame,
        latents=noise,
        height=12,
        width=16,
        num_inference_steps=5,
        guidance_scale=6.0,
        image_guidance_scale=1.4,
        output_type="latent",
    ).images
    ours = denoise(
        editor.unet,
        editor.make_scheduler(5),
        noise=noise,
        image_latents=editor.encode_frames(frame),
        text=editor.encode_instruction("make it night"),
        null_text=editor.encode_instruction(""),
        guidance_scale=6.0,
        image_guidance_scale=1.4,
        begin_step=lambda _: None,
    )
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-4)
    assert expected.std() > 0.1


def test_gather_and_swap_of_one_frame_is_its_own_edit(editor: InstructPix2PixEditor) -> None:
    """With a group of the frame itself, swapping changes nothing: the method's own identity."""

    def edit(attention: AttentionMode) -> FrameEdit:
        return FrameEdit.prepare(
            editor,
            instruction="make it night",
            seed=1,
            steps=3,
            guidance_scale=6.0,
            image_guidance_scale=1.4,
            width=16,
            height=12,
            attention=attention,
        )

    frame = torch.rand(1, 3, 12, 16)
    shared = edit(AttentionMode.GATHER_SWAP)
    group = shared.gather(frame, (0,), lambda: None)
    swapped = shared.apply(frame, group, lambda: None).edited
    alone = edit(AttentionMode.INDEPENDENT).apply(frame, None, lambda: None).edited
    torch.testing.assert_close(swapped, alone, rtol=0, atol=1e-4)
