"""One-file InstructPix2Pix checkpoints, as their authors train them, laid out as diffusers folders.

Names are those of CompVis' latent-diffusion, which timothybrooks/instruct-pix2pix and
OSU-NLP-Group/MagicBrush build on. All sizes are read from the tensors.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
)
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTextConfig

from via_engine.errors import ModelError
from via_engine.weights.weight_file import own_tensors

Tensors = dict[str, Tensor]

UNET = "model.diffusion_model."
_AVERAGED = "model_ema."
_VAE = "first_stage_model."
_TEXT = "cond_stage_model.transformer."
# In no checkpoint: what Stable Diffusion 1.x was trained with.
_SCALING_FACTOR = 0.18215
_UNET_HEADS = 8
_TEXT_HEAD_WIDTH = 64
_SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
_MODEL_INDEX = {
    "_class_name": "StableDiffusionInstructPix2PixPipeline",
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "safety_checker": [None, None],
    "feature_extractor": [None, None],
    "requires_safety_checker": False,
}


def write_editor(tensors: Tensors, tokenizer: Path, target: Path) -> None:
    """Lays a one-file editor out as a diffusers folder.

    Where the file holds averaged weights of the UNet, those are taken, as its authors' own
    sampling does.

    Args:
        tensors: of the file.
        tokenizer: folder with CLIP's vocab.json and merges.txt, which no checkpoint holds.
        target: an empty folder.

    Raises:
        ModelError: it is no InstructPix2Pix of the Stable Diffusion 1.5 class, or parts lack.
    """
    unet = _unet_tensors(tensors)
    if "label_emb.0.0.weight" in unet:
        raise ModelError(
            "this is a one-file SDXL checkpoint; of the SDXL class, diffusers folders are read: "
            "use the folder it is published as"
        )
    _write_part(target / "unet", *_unet_part(unet))
    _write_part(target / "vae", *_vae_part(_part_of(tensors, _VAE, "autoencoder")))
    _write_text(target / "text_encoder", _part_of(tensors, _TEXT, "text encoder"))
    shutil.copytree(tokenizer, target / "tokenizer")
    _write_json(target / "scheduler" / "scheduler_config.json", _SCHEDULER)
    _write_json(target / "model_index.json", _MODEL_INDEX)


def _unet_tensors(tensors: Tensors) -> Tensors:
    """The UNet's tensors by latent-diffusion's names, averaged ones where there are some."""
    plain = _part_of(tensors, UNET, "UNet")
    if not any(name.startswith(_AVERAGED) for name in tensors):
        return plain
    averaged = {name: f"{_AVERAGED}diffusion_model{name.replace('.', '')}" for name in plain}
    lacking = [flat for flat in averaged.values() if flat not in tensors]
    if lacking:
        raise ModelError(
            f"the checkpoint lacks {len(lacking)} averaged tensors of the UNet, such as "
            f"{lacking[0]}; fetch it again"
        )
    return {name: tensors[flat] for name, flat in averaged.items()}


def _unet_part(tensors: Tensors) -> tuple[Any, Tensors]:
    config = _unet_config(tensors)
    if config["in_channels"] != 2 * config["out_channels"]:
        raise ModelError(
            f"the checkpoint's UNet takes {config['in_channels']} channels; an InstructPix2Pix "
            f"UNet takes {2 * config['out_channels']}: this is a text-to-image or inpainting model"
        )
    prefixed = {f"{UNET}{name}": tensor for name, tensor in tensors.items()}
    with torch.device("meta"):
        network = UNet2DConditionModel(**config)
    return network, convert_ldm_unet_checkpoint(prefixed, dict(network.config))


def _unet_config(tensors: Tensors) -> dict[str, Any]:
    blocks = 1 + max(_numbers(tensors, "input_blocks."))
    downs = [n for n in range(blocks) if f"input_blocks.{n}.0.op.weight" in tensors]
    levels = len(downs) + 1
    layers = (blocks - levels) // levels
    firsts = [1 + level * (layers + 1) for level in range(levels)]
    attends = [f"input_blocks.{first}.1.norm.weight" in tensors for first in firsts]
    keys = next(name for name in tensors if name.endswith("attn2.to_k.weight"))
    projection = next(name for name in tensors if name.endswith("proj_in.weight"))
    width = [len(tensors[f"input_blocks.{first}.0.out_layers.3.weight"]) for first in firsts]
    downward = tuple("CrossAttnDownBlock2D" if one else "DownBlock2D" for one in attends)
    upward = tuple("CrossAttnUpBlock2D" if one else "UpBlock2D" for one in reversed(attends))
    return {
        "in_channels": tensors["input_blocks.0.0.weight"].shape[1],
        "out_channels": len(tensors["out.2.weight"]),
        "block_out_channels": tuple(width),
        "layers_per_block": layers,
        "down_block_types": downward,
        "up_block_types": upward,
        "cross_attention_dim": tensors[keys].shape[1],
        "attention_head_dim": _UNET_HEADS,
        "use_linear_projection": tensors[projection].ndim == 2,
        "sample_size": 64,
    }


def _vae_part(tensors: Tensors) -> tuple[Any, Tensors]:
    levels = 1 + max(_numbers(tensors, "encoder.down."))
    width = [len(tensors[f"encoder.down.{n}.block.0.conv2.weight"]) for n in range(levels)]
    with torch.device("meta"):
        network = AutoencoderKL(
            block_out_channels=tuple(width),
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            layers_per_block=1 + max(_numbers(tensors, "encoder.down.0.block.")),
            latent_channels=len(tensors["post_quant_conv.weight"]),
            scaling_factor=_SCALING_FACTOR,
            sample_size=512,
        )
    prefixed = {f"{_VAE}{name}": tensor for name, tensor in tensors.items()}
    return network, convert_ldm_vae_checkpoint(prefixed, dict(network.config))


def _write_text(folder: Path, tensors: Tensors) -> None:
    body = {n: t for n, t in tensors.items() if not n.endswith("position_ids")}
    tokens, width = body["text_model.embeddings.token_embedding.weight"].shape
    config = CLIPTextConfig(
        vocab_size=tokens,
        hidden_size=width,
        intermediate_size=len(body["text_model.encoder.layers.0.mlp.fc1.weight"]),
        num_hidden_layers=1 + max(_numbers(body, "text_model.encoder.layers.")),
        num_attention_heads=max(1, width // _TEXT_HEAD_WIDTH),
        max_position_embeddings=len(body["text_model.embeddings.position_embedding.weight"]),
    )
    config.save_pretrained(folder)
    save_file(own_tensors(body), folder / "model.safetensors", metadata={"format": "pt"})


def _write_part(folder: Path, network: Any, tensors: Tensors) -> None:
    """Configuration and weights, once all of them have a place and every place is filled."""
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    names = sorted(wanted.keys() | given.keys())
    wrong = [name for name in names if wanted.get(name) != given.get(name)]
    if wrong:
        raise ModelError(
            f"{len(wrong)} tensors of the checkpoint's {folder.name} do not fit the architecture "
            f"its other tensors tell of: {wrong[0]} is {given.get(wrong[0], 'missing')}, expected "
            f"{wanted.get(wrong[0], 'none')}"
        )
    network.save_config(folder)
    save_file(own_tensors(tensors), folder / "diffusion_pytorch_model.safetensors")


def _part_of(tensors: Tensors, prefix: str, what: str) -> Tensors:
    found = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
    if not found:
        raise ModelError(f"the checkpoint holds no {what} ({prefix}*); use the whole one")
    return found


def _numbers(tensors: Tensors, prefix: str) -> set[int]:
    """The numbers that follow a prefix in the names."""
    rests = (name.removeprefix(prefix) for name in tensors if name.startswith(prefix))
    return {int(rest.partition(".")[0]) for rest in rests}


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
