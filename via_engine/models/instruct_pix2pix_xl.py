"""InstructPix2Pix editors of the SDXL class, behind the same door as the smaller ones.

SDXL's UNet also wants the pooled text and the picture's size. The pooled text rides as one more
row of the encoded instruction, and the size follows from the latents; so the method, which moves
encoded instructions about, needs to know of neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, DiffusionPipeline, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from via_engine.model_card import ModelCard
from via_engine.models.instruct_pix2pix import (
    InstructPix2PixEditor,
    check_fit,
    folder_identity,
    load_part,
    load_unet,
    read_part,
)

INSTRUCT_PIX2PIX_XL = "instruct-pix2pix-xl"
_SIZES = 6


class PooledTextUNet(UNet2DConditionModel):  # type: ignore[misc]
    """A stock SDXL UNet that finds the pooled text in the last row of the encoded instruction."""

    latent_scale = 8

    def forward(
        self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, **call: Any
    ) -> Any:
        """As the stock UNet's; `encoder_hidden_states` is (B, L + 1, D)."""
        width = self.add_embedding.linear_1.in_features
        width -= _SIZES * self.config.addition_time_embed_dim
        added = {
            "text_embeds": encoder_hidden_states[:, -1, :width],
            "time_ids": self._sizes(sample),
        }
        return super().forward(
            sample, timestep, encoder_hidden_states[:, :-1], added_cond_kwargs=added, **call
        )

    def _sizes(self, sample: Tensor) -> Tensor:
        """(B, 6): original height and width, no crop, target height and width, in pixels."""
        size = [side * self.latent_scale for side in sample.shape[-2:]]
        return sample.new_tensor([*size, 0, 0, *size]).expand(len(sample), -1)


@dataclass(frozen=True, kw_only=True, eq=False)
class InstructPix2PixXLEditor(InstructPix2PixEditor):
    """An editor with SDXL's two text encoders.

    Attributes:
        zero_null: whether no instruction is zeros, rather than the encoded empty text.
    """

    text_encoder_2: CLIPTextModelWithProjection
    tokenizer_2: CLIPTokenizer
    zero_null: bool

    @torch.no_grad()
    def encode_instruction(self, text: str) -> Tensor:
        """(1, L + 1, D): both encoders' last but one states side by side, then the pooled text."""
        first = self._states(self.tokenizer, self.text_encoder, text)
        second = self._states(self.tokenizer_2, self.text_encoder_2, text)
        states = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
        pooled = states.new_zeros(1, 1, states.shape[-1])
        pooled[0, 0, : second.text_embeds.shape[-1]] = second.text_embeds[0]
        encoded = torch.cat([states, pooled], dim=1)
        return torch.zeros_like(encoded) if self.zero_null and not text else encoded

    def _states(self, tokenizer: CLIPTokenizer, encoder: Any, text: str) -> Any:
        tokens = tokenizer(
            text,
            padding="max_length",
            max_length=self._token_limit,
            truncation=True,
            return_tensors="pt",
        )
        return encoder(tokens.input_ids.to(self.device), output_hidden_states=True)


def load_instruct_pix2pix_xl(
    card: ModelCard, *, device: torch.device, dtype: torch.dtype
) -> InstructPix2PixXLEditor:
    """The editor of a diffusers folder of the SDXL class.

    Raises:
        ModelError: the folder lacks a part or holds one that does not fit.
    """
    index = DiffusionPipeline.load_config(str(card.folder), local_files_only=True)
    second = load_part(card, "text_encoder_2", CLIPTextModelWithProjection, dtype=dtype)
    editor = InstructPix2PixXLEditor(
        card=card,
        weights_identity=folder_identity(card.folder),
        unet=load_unet(card, PooledTextUNet, device=device, dtype=dtype),
        vae=load_part(card, "vae", AutoencoderKL, torch_dtype=torch.float32).to(device),
        text_encoder=load_part(card, "text_encoder", CLIPTextModel, dtype=dtype).to(device),
        tokenizer=read_part(card, "tokenizer", CLIPTokenizer.from_pretrained),
        scheduler_config=read_part(card, "scheduler", DDIMScheduler.load_config),
        text_encoder_2=second.to(device),
        tokenizer_2=read_part(card, "tokenizer_2", CLIPTokenizer.from_pretrained),
        zero_null=bool(index.get("force_zeros_for_empty_prompt", True)),
    )
    editor.unet.latent_scale = editor.latent_scale
    width = editor.text_encoder.config.hidden_size + second.config.hidden_size
    check_fit(editor, text_width=width)
    return editor
