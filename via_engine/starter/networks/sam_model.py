"""Segment Anything at any size: its architecture as a value, the model built from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path

from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from torch import nn

from via_engine.errors import ModelError

ARCHITECTURE_NAME = "sam.json"
WEIGHTS_NAME = "model.safetensors"
# What the public checkpoints subtract and divide by, for R, G and B in 0 to 255.
_PIXEL_MEAN = (123.675, 116.28, 103.53)
_PIXEL_STD = (58.395, 57.12, 57.375)


@dataclass(frozen=True, kw_only=True)
class SamArchitecture:
    """The shape of a `Sam`.

    The longer side of a picture becomes `image_size` px, one token stands for `patch_size` px
    squared, and the mask decoder draws four pixels a token side. The encoder attends inside
    windows of `window_size` tokens, except in the blocks of `global_attention`.
    """

    image_size: int = 256
    patch_size: int = 8
    encoder_dim: int = 96
    encoder_depth: int = 4
    encoder_heads: int = 3
    window_size: int = 8
    global_attention: tuple[int, ...] = (1, 3)
    prompt_dim: int = 96
    mask_input_channels: int = 8
    decoder_depth: int = 2
    decoder_heads: int = 4
    decoder_mlp_dim: int = 256
    quality_head_dim: int = 64

    def __post_init__(self) -> None:
        for name, divisor in (
            ("image_size", self.patch_size),
            ("encoder_dim", self.encoder_heads),
            ("prompt_dim", 2 * self.decoder_heads),
        ):
            if getattr(self, name) % divisor:
                raise ModelError(
                    f"a segmenter with {name} {getattr(self, name)} cannot be built; "
                    f"it must be a multiple of {divisor}"
                )

    @property
    def grid_size(self) -> int:
        """Tokens along a side."""
        return self.image_size // self.patch_size


def build_sam(architecture: SamArchitecture) -> Sam:
    """An untrained `Sam` of this shape, from segment_anything's own classes."""
    return Sam(
        image_encoder=_image_encoder(architecture),
        prompt_encoder=PromptEncoder(
            embed_dim=architecture.prompt_dim,
            image_embedding_size=(architecture.grid_size, architecture.grid_size),
            input_image_size=(architecture.image_size, architecture.image_size),
            mask_in_chans=architecture.mask_input_channels,
        ),
        mask_decoder=_mask_decoder(architecture),
        pixel_mean=list(_PIXEL_MEAN),
        pixel_std=list(_PIXEL_STD),
    )


def write_architecture(architecture: SamArchitecture, folder: Path) -> None:
    """Put `sam.json` into the folder."""
    text = json.dumps(asdict(architecture), indent=2) + "\n"
    (folder / ARCHITECTURE_NAME).write_text(text, encoding="utf-8")


def read_architecture(folder: Path) -> SamArchitecture:
    """The architecture that `sam.json` in the folder describes.

    Raises:
        ModelError: there is no such file, or it is not a complete description.
    """
    path = folder / ARCHITECTURE_NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"segmenter description {path} cannot be read: {error}") from error
    names = sorted(field.name for field in fields(SamArchitecture))
    try:
        if sorted(found) != names:
            raise ModelError(f"segmenter description {path} must hold exactly {', '.join(names)}")
        return SamArchitecture(**{**found, "global_attention": tuple(found["global_attention"])})
    except TypeError as error:
        raise ModelError(f"segmenter description {path} holds a wrong value: {error}") from error


def _image_encoder(architecture: SamArchitecture) -> ImageEncoderViT:
    return ImageEncoderViT(
        img_size=architecture.image_size,
        patch_size=architecture.patch_size,
        embed_dim=architecture.encoder_dim,
        depth=architecture.encoder_depth,
        num_heads=architecture.encoder_heads,
        out_chans=architecture.prompt_dim,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        window_size=architecture.window_size,
        global_attn_indexes=architecture.global_attention,
    )


def _mask_decoder(architecture: SamArchitecture) -> MaskDecoder:
    return MaskDecoder(
        transformer_dim=architecture.prompt_dim,
        transformer=TwoWayTransformer(
            depth=architecture.decoder_depth,
            embedding_dim=architecture.prompt_dim,
            num_heads=architecture.decoder_heads,
            mlp_dim=architecture.decoder_mlp_dim,
        ),
        iou_head_hidden_dim=architecture.quality_head_dim,
    )
