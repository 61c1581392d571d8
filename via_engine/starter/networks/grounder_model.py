"""Builds a Grounding DINO from its configuration, be it of public size or the starter's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from groundingdino.models.GroundingDINO.backbone import build_backbone
from groundingdino.models.GroundingDINO.backbone.backbone import Joiner
from groundingdino.models.GroundingDINO.backbone.position_encoding import build_position_encoding
from groundingdino.models.GroundingDINO.backbone.swin_transformer import SwinTransformer
from groundingdino.models.GroundingDINO.groundingdino import GroundingDINO
from groundingdino.models.GroundingDINO.transformer import build_transformer
from groundingdino.models.GroundingDINO.utils import MLP
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from via_engine.starter.networks.grounding_text import (
    TEXT_FOLDER,
    text_encoder_from,
    write_text_folder,
)

# What the library's decoder writes down of a box: 128 sines and cosines a number.
_BOX_FEATURES = 4 * 128
_TEXT_WIDTH = 64
_LEAST_SIDE_PX = 40
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
STARTER_CONFIG: dict[str, Any] = {
    "modelname": "groundingdino",
    "backbone": "swin",
    "swin": {
        "embed_dim": 32,
        "depths": [2, 2, 4, 1],
        "num_heads": [2, 4, 4, 8],
        "window_size": 5,
        "drop_path_rate": 0.0,
    },
    "position_embedding": "sine",
    "pe_temperatureH": 20,
    "pe_temperatureW": 20,
    "return_interm_indices": [1, 2, 3],
    "backbone_freeze_keywords": None,
    "enc_layers": 2,
    "dec_layers": 2,
    "pre_norm": False,
    "dim_feedforward": 256,
    "hidden_dim": 128,
    "dropout": 0.0,
    "nheads": 4,
    "num_queries": 40,
    "query_dim": 4,
    "num_patterns": 0,
    "num_feature_levels": 3,
    "enc_n_points": 2,
    "dec_n_points": 4,
    "two_stage_type": "standard",
    "two_stage_bbox_embed_share": False,
    "two_stage_class_embed_share": False,
    "transformer_activation": "relu",
    "dec_pred_bbox_embed_share": True,
    "embed_init_tgt": True,
    "max_text_len": 256,
    "text_encoder_type": TEXT_FOLDER,
    "use_text_enhancer": False,
    "use_fusion_layer": True,
    "use_text_cross_attention": True,
    "text_dropout": 0.0,
    "fusion_dropout": 0.0,
    "fusion_droppath": 0.0,
    "sub_sentence_present": True,
    "short_side_px": 80,
    "long_side_px": 160,
}


@dataclass(frozen=True, kw_only=True)
class InputSize:
    """How large the grounder sees a picture; the public checkpoints' sizes are the defaults."""

    short_side_px: int = 800
    long_side_px: int = 1333

    def fitted(self, width: int, height: int) -> tuple[int, int]:
        """Width and height to scale a picture to: short side as told, long side at most so.

        A picture too long and narrow for that is widened, or no room would be left for boxes.
        """
        short, long = min(width, height), max(width, height)
        side = self.short_side_px
        if long / short * side > self.long_side_px:
            side = round(self.long_side_px * short / long)
        other = int(side * long / short)
        side = max(side, _LEAST_SIDE_PX)
        return (other, side) if width >= height else (side, other)


def build_grounder(config: Mapping[str, Any], text_folder: Path) -> GroundingDINO:
    """An untrained grounder; `config` holds the names and values of groundingdino's own configs.

    With `backbone` "swin" the values under `swin` give the backbone's size. `text_folder`
    holds `config.json` and tokenizer files of a BERT.
    """
    # Trading time for memory by recomputing is of no use to these sizes.
    wanted = {**config, "use_checkpoint": False, "use_transformer_ckpt": False}
    args = SimpleNamespace(**wanted)
    with text_encoder_from(text_folder):
        model = GroundingDINO(
            _build_backbone(args),
            build_transformer(args),
            num_queries=args.num_queries,
            iter_update=True,
            query_dim=args.query_dim,
            num_feature_levels=args.num_feature_levels,
            nheads=args.nheads,
            dec_pred_bbox_embed_share=args.dec_pred_bbox_embed_share,
            two_stage_type=args.two_stage_type,
            two_stage_bbox_embed_share=args.two_stage_bbox_embed_share,
            two_stage_class_embed_share=args.two_stage_class_embed_share,
            num_patterns=args.num_patterns,
            sub_sentence_present=args.sub_sentence_present,
        )
    if args.hidden_dim * args.query_dim // 2 != _BOX_FEATURES:
        width = args.hidden_dim
        model.transformer.decoder.ref_point_head = MLP(_BOX_FEATURES, width, width, 2)
    return model


def starter_grounder(text_folder: Path) -> GroundingDINO:
    """The starter's grounder before training; its word list is written into `text_folder`."""
    write_starter_text(text_folder)
    return untrained_grounder(text_folder)


def write_starter_text(text_folder: Path) -> None:
    """The word list of the world and the settings of the text encoder that reads it."""
    write_text_folder(text_folder, width=_TEXT_WIDTH)


def untrained_grounder(text_folder: Path) -> GroundingDINO:
    """The starter's grounder before training, on what `write_starter_text` wrote."""
    model = build_grounder(STARTER_CONFIG, text_folder)
    _start_undecided(model)
    return model


def picture_tensor(frame: NDArray[np.uint8], size: InputSize) -> Tensor:
    """A frame as the grounder takes it.

    Args:
        frame: (height, width, 3) uint8, RGB.

    Returns:
        (3, height, width) float32, scaled to `size`, with ImageNet's mean and deviation removed.
    """
    width, height = size.fitted(frame.shape[1], frame.shape[0])
    pixels = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float() / 255
    if pixels.shape[-2:] != (height, width):
        pixels = functional.interpolate(
            pixels, size=(height, width), mode="bilinear", antialias=True
        )
    return (pixels[0] - _channels(_IMAGENET_MEAN)) / _channels(_IMAGENET_STD)


def _build_backbone(args: SimpleNamespace) -> Any:
    if args.backbone != "swin":
        return build_backbone(args)
    levels = args.return_interm_indices
    swin = SwinTransformer(out_indices=tuple(levels), **args.swin)
    backbone: Any = Joiner(swin, build_position_encoding(args))
    backbone.num_channels = [swin.num_features[level] for level in levels]
    return backbone


@torch.no_grad()
def _start_undecided(model: GroundingDINO) -> None:
    """Scores near zero, and pictures and words that meet from the first step on.

    The library starts for long training: scores of some tens either way, words kept apart.
    """
    transformer = model.transformer
    for layer in transformer.encoder.fusion_layers:
        layer.gamma_v.fill_(0.1)
        layer.gamma_l.fill_(0.1)
    for norm in (transformer.enc_output_norm, transformer.decoder.norm):
        norm.weight.fill_(0.1)


def _channels(values: tuple[float, float, float]) -> Tensor:
    return torch.tensor(values)[:, None, None]
