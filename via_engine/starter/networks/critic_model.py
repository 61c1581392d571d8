"""The critic's network and the files by which stock transformers reads it."""

from __future__ import annotations

import json
from pathlib import Path

from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTokenizer,
    CLIPVisionConfig,
)

from via_engine.starter.networks.text import MAX_TOKENS

IMAGE_SIDE = 96
_PATCH = 8
_WIDTH = 128
_JOINT_WIDTH = 192
# What stretches a whole frame to the square: cutting its middle out, as CLIP's own settings do,
# would lose the sides of a 16:9 frame.
_PREPROCESSOR = {
    "image_processor_type": "CLIPImageProcessor",
    "do_resize": True,
    "size": {"height": IMAGE_SIDE, "width": IMAGE_SIDE},
    "resample": 3,
    "do_center_crop": False,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "do_convert_rgb": True,
}


def build_critic(tokenizer: CLIPTokenizer) -> CLIPModel:
    """An untrained critic for the tokenizer."""
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=_WIDTH,
        intermediate_size=3 * _WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=MAX_TOKENS,
        hidden_act="quick_gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    vision = CLIPVisionConfig(
        image_size=IMAGE_SIDE,
        patch_size=_PATCH,
        hidden_size=_WIDTH,
        intermediate_size=3 * _WIDTH,
        num_hidden_layers=4,
        num_attention_heads=2,
        hidden_act="quick_gelu",
    )
    config = CLIPConfig(
        text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=_JOINT_WIDTH
    )
    # On CPUs the backward pass of fused attention takes twice as long in bfloat16.
    return CLIPModel._from_config(config, attn_implementation="eager")


def write_preprocessor(folder: Path) -> None:
    """Put `preprocessor_config.json` into `folder`, for a stock CLIPImageProcessor."""
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(_PREPROCESSOR, indent=2) + "\n", encoding="utf-8")
