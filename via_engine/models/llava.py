"""LLaVA of 2023: a LLaMA that reads picture patches through one linear layer.

Its config names the model type "llava", which transformers gives to a later architecture with
another projector; so the config is read here and the parts are built from stock classes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import CLIPImageProcessor, CLIPVisionModel, LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from via_engine.errors import ModelError
from via_engine.models.quantized import quantize
from via_engine.weights.weight_file import read_tensors, shard_paths

TOKEN_ROWS = ("model.embed_tokens.weight", "lm_head.weight")
_PROJECTOR = "model.mm_projector."
# LLaMA checkpoints of early 2023 carry what follows from the config.
_CPU = torch.device("cpu")
_IMPLIED = ".rotary_emb.inv_freq"


@dataclass(frozen=True, kw_only=True, eq=False)
class Llava:
    """The language model with its eyes, frozen, all on one device and in one dtype.

    `select_layer` is the index of the vision tower's hidden states that the projector takes.
    """

    language: LlamaForCausalLM
    mm_projector: nn.Linear
    vision_tower: CLIPVisionModel
    image_processor: CLIPImageProcessor
    select_layer: int

    @property
    def patches(self) -> int:
        """How many tokens a picture is."""
        config = self.vision_tower.config
        return int((config.image_size // config.patch_size) ** 2)

    def picture_embeddings(self, frames: Any) -> Tensor:
        """(N, patches, width) for frames (N, H, W, 3) uint8 RGB."""
        weight = self.mm_projector.weight
        found = self.image_processor(list(frames), return_tensors="pt").pixel_values
        pixels = torch.as_tensor(found).to(weight.device, weight.dtype)
        layers = self.vision_tower(pixels, output_hidden_states=True).hidden_states
        projected: Tensor = self.mm_projector(layers[self.select_layer][:, 1:])
        return projected


def load_llava(
    folder: Path,
    vision_folder: Path,
    token_rows: Mapping[str, Tensor],
    *,
    device: torch.device,
    dtype: torch.dtype,
    bits: int = 16,
) -> Llava:
    """The model of a LLaVA folder, its token rows taken from elsewhere.

    Args:
        folder: config.json and weights, whole or in shards.
        vision_folder: a CLIP vision tower with its preprocessor_config.json.
        token_rows: `TOKEN_ROWS`, (tokens, width) each; the folder's own, fewer, are not used.
        device: where it runs.
        dtype: precision of all its parts.
        bits: per weight of the language model's layers: 16 for those of `dtype`, 8 or 4.

    Raises:
        ModelError: a part is missing or does not fit; the message names it.
        ModelIntegrityError: a weight file cannot be read.
    """
    config = _read_config(folder / "config.json")
    settings = LlamaConfig.from_dict(
        {**config, "model_type": "llama", "vocab_size": len(token_rows[TOKEN_ROWS[0]])}
    )
    with torch.device("meta"):
        language = LlamaForCausalLM(settings)
    # Rotary frequencies are in no checkpoint: they follow from the config.
    language.model.rotary_emb = LlamaRotaryEmbedding(settings).to(device)
    # What is to be kept in fewer bytes takes the way over the CPU.
    weights = _read_shards(folder, token_rows, device if bits == 16 else _CPU, dtype)
    projector = _projector(folder, weights)
    _fill(folder, language, weights)
    if bits < 16:
        quantize(language, bits=bits, device=device, dtype=dtype)
    vision_tower, image_processor = _load_vision(vision_folder, dtype)
    if vision_tower.config.hidden_size != projector.in_features:
        raise ModelError(
            f"{folder} takes pictures of {projector.in_features} channels, the vision tower in "
            f"{vision_folder} gives {vision_tower.config.hidden_size}; use "
            f"{config.get('mm_vision_tower', 'the tower it was trained with')}"
        )
    return Llava(
        language=language.requires_grad_(False).eval(),
        mm_projector=projector,
        vision_tower=vision_tower.to(device).requires_grad_(False).eval(),
        image_processor=image_processor,
        select_layer=int(config.get("mm_vision_select_layer", -2)),
    )


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read as a LLaVA config: {error}") from error
    if not isinstance(config, dict) or config.get("model_type") not in ("llava", "llama"):
        raise ModelError(f"{path} describes no LLaVA or LLaMA model")
    return config


def _read_shards(
    folder: Path, token_rows: Mapping[str, Tensor], device: torch.device, dtype: torch.dtype
) -> dict[str, Tensor]:
    """All tensors, moved shard by shard so that one shard at most is held twice."""
    weights: dict[str, Tensor] = {}
    for path in shard_paths(folder):
        for name, tensor in read_tensors(path).items():
            if not name.endswith(_IMPLIED):
                weights[name] = token_rows.get(name, tensor).to(device, dtype)
    return weights


def _projector(folder: Path, weights: dict[str, Tensor]) -> nn.Linear:
    """The projector, whose tensors are taken out of `weights`."""
    try:
        weight = weights.pop(f"{_PROJECTOR}weight")
        bias = weights.pop(f"{_PROJECTOR}bias")
    except KeyError as error:
        raise ModelError(
            f"{folder} lacks {error}; MGIE needs LLaVA-Lightning-7B-v1-1, whose projector is one "
            "linear layer"
        ) from error
    width, vision_width = weight.shape
    projector = nn.Linear(vision_width, width, device="meta")
    projector.load_state_dict({"weight": weight, "bias": bias}, assign=True)
    return projector.requires_grad_(False)


def _fill(folder: Path, language: LlamaForCausalLM, weights: dict[str, Tensor]) -> None:
    """Put the tensors into the language model: all of them and no others."""
    expected = set(language.state_dict())
    for fault, names in (("lacks", expected - set(weights)), ("adds", set(weights) - expected)):
        if names:
            raise ModelError(
                f"{folder} {fault} {len(names)} tensors of the language model its config "
                f"describes, such as {min(names)}"
            )
    try:
        language.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise ModelError(f"{folder} does not fit its config: {error}") from error


def _load_vision(folder: Path, dtype: torch.dtype) -> tuple[CLIPVisionModel, CLIPImageProcessor]:
    try:
        tower, found = CLIPVisionModel.from_pretrained(
            folder, dtype=dtype, local_files_only=True, output_loading_info=True
        )
        image_processor = CLIPImageProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{folder} holds no CLIP vision tower: {error}") from error
    lacking = sorted(str(key) for key in (*found["missing_keys"], *found["mismatched_keys"]))
    if lacking:
        raise ModelError(
            f"{folder} lacks or misshapes {len(lacking)} tensors of the vision tower, such as "
            f"{lacking[0]}"
        )
    return tower, image_processor
