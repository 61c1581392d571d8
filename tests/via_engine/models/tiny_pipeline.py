"""A whole InstructPix2Pix pipeline folder with random weights, small enough for a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionInstructPix2PixPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from via_engine.model_card import ModelCard

WORDS = ("make", "it", "night", "sunset", "turn", "the", "ball", "into", "a", "star")
EPSILON: dict[str, Any] = {"prediction_type": "epsilon", "clip_sample": False}
ZERO_SNR: dict[str, Any] = {
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "rescale_betas_zero_snr": True,
    "clip_sample": False,
}


def tiny_unet(**changes: Any) -> UNet2DConditionModel:
    torch.manual_seed(1)
    settings: dict[str, Any] = {
        "sample_size": 8,
        "in_channels": 8,
        "out_channels": 4,
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": 16,
        "attention_head_dim": 2,
        "norm_num_groups": 8,
    }
    return UNet2DConditionModel(**{**settings, **changes}).requires_grad_(False).eval()


def tiny_tokenizer() -> CLIPTokenizer:
    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    vocabulary |= {"<|startoftext|>": len(tokens), "<|endoftext|>": len(tokens) + 1}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=24)


def tiny_pipeline(scheduler: dict[str, Any]) -> StableDiffusionInstructPix2PixPipeline:
    unet = tiny_unet()
    vae = AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=16,
    )
    tokenizer = tiny_tokenizer()
    text_settings = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=24,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return StableDiffusionInstructPix2PixPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text_settings),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", **scheduler
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def write_tiny_pipeline(folder: Path, scheduler: dict[str, Any] | None = None) -> Path:
    """Saves the pipeline as the starter is saved: a stock diffusers folder in safetensors."""
    tiny_pipeline(EPSILON if scheduler is None else scheduler).save_pretrained(folder)
    return folder


def tiny_card(folder: Path, **changes: Any) -> ModelCard:
    settings: dict[str, Any] = {
        "name": "tiny",
        "kind": "instruct-pix2pix",
        "folder": folder,
        "steps": 3,
        "guidance_scale": 7.5,
        "image_guidance_scale": 1.5,
        "long_side_px": 16,
        "multiple_px": 4,
        "licence": "Apache-2.0",
    }
    return ModelCard(**{**settings, **changes})
