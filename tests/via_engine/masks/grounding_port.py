"""A small Grounding DINO in two libraries: groundingdino-py's names, and transformers' own port.

The names of the port are those of transformers' conversion of the public checkpoints, written
down anew.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    BertConfig,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    SwinConfig,
)

from via_engine.starter.networks.grounder_model import STARTER_CONFIG

TEXT = "bert-base-uncased"
_SWIN: dict[str, Any] = {
    "embed_dim": 16,
    "depths": [1, 1, 2, 1],
    "num_heads": [1, 2, 2, 4],
    "window_size": 4,
    "drop_path_rate": 0.0,
}
# The public architecture at public width where code depends on it, else as small as can be.
CONFIG: dict[str, Any] = {
    **STARTER_CONFIG,
    "swin": _SWIN,
    "hidden_dim": 256,
    "nheads": 8,
    "num_feature_levels": 4,
    "enc_n_points": 4,
    "use_text_enhancer": True,
    "dim_feedforward": 64,
    "num_queries": 12,
    "text_encoder_type": TEXT,
    "short_side_px": 64,
    "long_side_px": 128,
}
_BERT = {
    "model_type": "bert",
    "vocab_size": 1100,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 256,
}
# Places that transformers' port knows by heart, as BERT's own word list has them.
_PLACES = {
    0: "[PAD]",
    100: "[UNK]",
    101: "[CLS]",
    102: "[SEP]",
    103: "[MASK]",
    1012: ".",
    1029: "?",
}
_WORDS = ("red", "ball", "a", "dog", "star")


def write_text_folder(folder: Path) -> Path:
    """A BERT's configuration and word list, small, with the public places of its signs."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(_BERT))
    rows = [_PLACES.get(place, f"[unused{place}]") for place in range(_BERT["vocab_size"])]  # type: ignore[call-overload]
    rows[1050 : 1050 + len(_WORDS)] = _WORDS
    (folder / "vocab.txt").write_text("\n".join(rows) + "\n")
    return folder


def port(weights: dict[str, Tensor], text_folder: Path) -> GroundingDinoForObjectDetection:
    """Transformers' model with the weights of groundingdino-py's names."""
    model = GroundingDinoForObjectDetection(
        GroundingDinoConfig(
            backbone_config=SwinConfig(
                image_size=224, out_features=["stage2", "stage3", "stage4"], **_SWIN
            ),
            text_config=BertConfig.from_pretrained(text_folder),
            d_model=CONFIG["hidden_dim"],
            encoder_layers=CONFIG["enc_layers"],
            decoder_layers=CONFIG["dec_layers"],
            encoder_ffn_dim=CONFIG["dim_feedforward"],
            decoder_ffn_dim=CONFIG["dim_feedforward"],
            num_queries=CONFIG["num_queries"],
            encoder_attention_heads=CONFIG["nheads"],
            decoder_attention_heads=CONFIG["nheads"],
            num_feature_levels=CONFIG["num_feature_levels"],
        )
    )
    found = model.load_state_dict(dict(_ported(weights)), strict=False)
    unfilled = [name for name in found.missing_keys if ".swin.layernorm." not in name]
    assert not unfilled, unfilled[:5]
    assert not found.unexpected_keys, found.unexpected_keys[:5]
    return model.eval()


def _ported(weights: dict[str, Tensor]) -> Any:
    for name, value in weights.items():
        if name.endswith("relative_position_index") or name.startswith("bert.pooler"):
            continue
        renamed = name
        for pattern, to in _NAMES:
            renamed = re.sub(pattern, to, renamed)
        if re.search(r"(in_proj_|qkv\.)", renamed):
            yield from _split(renamed, value)
        else:
            yield renamed, value
        if renamed.startswith("model.decoder.bbox_embed"):
            yield renamed.removeprefix("model.decoder."), value


def _split(name: str, value: Tensor) -> Any:
    names = ("q_proj", "k_proj", "v_proj") if "qkv." in name else ("query", "key", "value")
    for part, rows in zip(names, value.chunk(3), strict=True):
        yield re.sub(r"in_proj_|qkv\.", f"{part}.", name), rows


_SWIN_NAME = "model.backbone.conv_encoder.model"
_PATCHES = f"{_SWIN_NAME}.swin.embeddings.patch_embeddings.projection"
_ENCODER_LAYER = r"(?<!swin\.)encoder\.layers\.(\d+)\.(linear|norm|self_attn)"
_NAMES = (
    (r"^backbone\.0\.layers", f"{_SWIN_NAME}.swin.encoder.layers"),
    (
        r"^backbone\.0\.patch_embed\.proj",
        f"{_SWIN_NAME}.swin.embeddings.patch_embeddings.projection",
    ),
    (r"^backbone\.0\.patch_embed\.norm", f"{_SWIN_NAME}.swin.embeddings.norm"),
    (r"^backbone\.0\.norm1", f"{_SWIN_NAME}.hidden_states_norms.stage2"),
    (r"^backbone\.0\.norm2", f"{_SWIN_NAME}.hidden_states_norms.stage3"),
    (r"^backbone\.0\.norm3", f"{_SWIN_NAME}.hidden_states_norms.stage4"),
    (r"(blocks\.\d+)\.norm1", r"\1.layernorm_before"),
    (r"(blocks\.\d+)\.norm2", r"\1.layernorm_after"),
    (r"(blocks\.\d+)\.attn\.proj", r"\1.attention.o_proj"),
    (
        r"(blocks\.\d+)\.attn\.relative_position_bias_table",
        r"\1.attention.relative_position_bias.relative_position_bias_table",
    ),
    (r"(blocks\.\d+)\.attn", r"\1.attention"),
    (r"^bert", "model.text_backbone"),
    (r"^feat_map", "model.text_projection"),
    (r"^input_proj", "model.input_proj_vision"),
    (r"^transformer\.tgt_embed", "model.query_position_embeddings"),
    (r"^transformer\.enc_out_bbox_embed", "model.encoder_output_bbox_embed"),
    (r"^transformer\.", "model."),
    (r"encoder\.fusion_layers\.(\d+)", r"encoder.layers.\1.fusion_layer"),
    (r"encoder\.text_layers\.(\d+)", r"encoder.layers.\1.text_enhancer_layer"),
    (
        r"(?<!swin\.)encoder\.layers\.(\d+)\.(linear|norm|self_attn)",
        r"encoder.layers.\1.deformable_layer.\2",
    ),
    (r"\.out_l_proj", ".out_text_proj"),
    (r"\.out_v_proj", ".out_vision_proj"),
    (r"\.values_l_proj", ".values_text_proj"),
    (r"\.values_v_proj", ".values_vision_proj"),
    (r"fusion_layer\.attn\.l_proj", "fusion_layer.attn.text_proj"),
    (r"fusion_layer\.attn\.v_proj", "fusion_layer.attn.vision_proj"),
    (r"gamma_l$", "text_param"),
    (r"gamma_v$", "vision_param"),
    (r"layer_norm_l", "layer_norm_text"),
    (r"fusion_layer\.layer_norm_v", "fusion_layer.layer_norm_vision"),
    (r"text_enhancer_layer\.norm1", "text_enhancer_layer.layer_norm_before"),
    (r"text_enhancer_layer\.norm2", "text_enhancer_layer.layer_norm_after"),
    (r"deformable_layer\.norm1", "deformable_layer.self_attn_layer_norm"),
    (r"deformable_layer\.norm2", "deformable_layer.final_layer_norm"),
    (r"\.linear1", ".fc1"),
    (r"\.linear2", ".fc2"),
    (r"decoder\.layers\.(\d+)\.ca_text", r"decoder.layers.\1.encoder_attn_text"),
    (r"\.catext_norm", ".encoder_attn_text_layer_norm"),
    (r"decoder\.layers\.(\d+)\.cross_attn", r"decoder.layers.\1.encoder_attn"),
    (r"decoder\.layers\.(\d+)\.norm1", r"decoder.layers.\1.encoder_attn_layer_norm"),
    (r"decoder\.layers\.(\d+)\.norm2", r"decoder.layers.\1.self_attn_layer_norm"),
    (r"decoder\.layers\.(\d+)\.norm3", r"decoder.layers.\1.final_layer_norm"),
    (r"decoder\.ref_point_head", "decoder.reference_points_head"),
    (r"decoder\.norm", "decoder.layer_norm"),
)


def random_weights(model: torch.nn.Module) -> None:
    """Values far enough from their start that every part of the network shows in the boxes."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.05)
