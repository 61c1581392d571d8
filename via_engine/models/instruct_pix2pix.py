"""InstructPix2Pix editors of the Stable Diffusion 1.5 class, from stock diffusers folders."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from via_engine.errors import ModelError
from via_engine.model_card import ModelCard
from via_engine.models.editor_door import Condition
from via_engine.models.samplers import DDIM, make_sampler

INSTRUCT_PIX2PIX = "instruct-pix2pix"


@dataclass(frozen=True, kw_only=True, eq=False)
class InstructPix2PixEditor:
    """An image editor: pictures and an instruction in, latents and noise predictions between.

    Attributes:
        card: what is known of it without its weights.
        weights_identity: hex digest that changes when a file of its folder does.
        unet: predicts noise, in the dtype asked for.
        vae: float32 always; bfloat16 has fewer steps between 0 and 1 than a 10-bit picture.
    """

    card: ModelCard
    weights_identity: str
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    scheduler_config: dict[str, Any]

    @property
    def latent_channels(self) -> int:
        """Channels of the latents, C."""
        return int(self.vae.config.latent_channels)

    @property
    def latent_scale(self) -> int:
        """Pixels of a picture side per latent."""
        return 1 << (len(self.vae.config.block_out_channels) - 1)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return torch.device(self.unet.device)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the UNet and the text encoder."""
        dtype: torch.dtype = self.unet.dtype
        return dtype

    @property
    def sees_frames(self) -> bool:
        """Whether the condition is another one for each frame; a text encoder sees none."""
        return False

    def make_scheduler(self, steps: int) -> Any:
        """The card's sampler on the checkpoint's noise schedule, its timesteps set.

        Raises:
            RequestError: `steps` is below 1 or above the steps of the training.
        """
        return self._sampler(self.card.sampler, steps)

    def make_ddim(self, steps: int) -> DDIMScheduler:
        """DDIM on the same noise schedule, for inversion and tuning; raises as `make_scheduler`."""
        return self._sampler(DDIM, steps)

    def condition(self, text: str, frames: Tensor) -> Condition:  # noqa: ARG002 - see `sees_frames`
        """The condition of frames (B, 3, H, W), RGB, 0 to 1: the same for all."""
        return Condition(self.encode_instruction(text), self.encode_instruction(""))

    def expression(self, text: str) -> str:  # noqa: ARG002 - a text encoder writes nothing
        """What the model made of the instruction in words of its own; empty when it makes none."""
        return ""

    @torch.no_grad()
    def encode_instruction(self, text: str) -> Tensor:
        """(1, L, D) in the model's dtype; the empty text gives the null condition."""
        tokens = self.tokenizer(
            text,
            padding="max_length",
            max_length=self._token_limit,
            truncation=True,
            return_tensors="pt",
        )
        hidden: Tensor = self.text_encoder(tokens.input_ids.to(self.device))[0]
        return hidden

    def unread_part(self, text: str) -> str:
        """The end of `text` that the text encoder has no room for; mostly empty."""
        token_ids = self.tokenizer(text, verbose=False).input_ids
        return str(self.tokenizer.decode(token_ids[self._token_limit - 1 : -1])).strip()

    @torch.no_grad()
    def encode_frames(self, frames: Tensor) -> Tensor:
        """Frames (B, 3, H, W), RGB, 0 to 1, to image latents (B, C, h, w), float32.

        They are the mode of the VAE's distribution, not scaled: the condition of the UNet.
        """
        pixels = frames.to(self.device, torch.float32) * 2 - 1
        latents: Tensor = self.vae.encode(pixels).latent_dist.mode()
        return latents

    @torch.no_grad()
    def decode_latents(self, latents: Tensor) -> Tensor:
        """Latents (B, C, h, w), scaled as denoising leaves them, to (B, 3, H, W), RGB, 0 to 1."""
        pixels: Tensor = self.vae.decode(latents.float() / self.vae.config.scaling_factor).sample
        return (pixels / 2 + 0.5).clamp(0, 1)

    @property
    def _token_limit(self) -> int:
        positions = self.text_encoder.config.max_position_embeddings
        return int(min(self.tokenizer.model_max_length, positions))

    def _sampler(self, sampler: str, steps: int) -> Any:
        return make_sampler(self.scheduler_config, sampler, steps, model=self.card.name)


def load_instruct_pix2pix(
    card: ModelCard, *, device: torch.device, dtype: torch.dtype
) -> InstructPix2PixEditor:
    """The editor of a diffusers folder of the Stable Diffusion 1.5 class.

    Raises:
        ModelError: the folder lacks a part or holds one that does not fit.
    """
    editor = InstructPix2PixEditor(
        card=card,
        weights_identity=folder_identity(card.folder),
        unet=load_unet(card, UNet2DConditionModel, device=device, dtype=dtype),
        vae=load_part(card, "vae", AutoencoderKL, torch_dtype=torch.float32).to(device),
        text_encoder=load_part(card, "text_encoder", CLIPTextModel, dtype=dtype).to(device),
        tokenizer=read_part(card, "tokenizer", CLIPTokenizer.from_pretrained),
        scheduler_config=read_part(card, "scheduler", DDIMScheduler.load_config),
    )
    check_fit(editor, text_width=editor.text_encoder.config.hidden_size)
    return editor


def load_unet(card: ModelCard, kind: Any, *, device: torch.device, dtype: torch.dtype) -> Any:
    """The folder's UNet, laid out as its device likes it."""
    unet = load_part(card, "unet", kind, torch_dtype=dtype).to(device)
    return unet.to(memory_format=torch.channels_last) if device.type == "cuda" else unet


def load_part(card: ModelCard, part: str, kind: Any, **options: Any) -> Any:
    """One network of the folder: whole, frozen, in evaluation mode."""
    network, found = read_part(
        card, part, kind.from_pretrained, use_safetensors=True, output_loading_info=True, **options
    )
    lacking = sorted(str(key) for key in (*found["missing_keys"], *found["mismatched_keys"]))
    if lacking:
        raise ModelError(
            f"model {card.name!r}: the weights in {card.folder / part} lack or misshape "
            f"{len(lacking)} tensors, such as {lacking[0]}; fetch the folder again"
        )
    module: nn.Module = network
    return module.requires_grad_(False).eval()


def read_part(card: ModelCard, part: str, read: Any, **options: Any) -> Any:
    """What `read` makes of the folder of a part, from its files alone: no download, no pickle."""
    folder = card.folder / part
    if not folder.is_dir():
        raise ModelError(
            f"model {card.name!r}: {card.folder} has no folder {part!r}; fetch the whole pipeline"
        )
    try:
        return read(str(folder), local_files_only=True, **options)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"model {card.name!r}: {folder} cannot be loaded: {error}") from error


def check_fit(editor: InstructPix2PixEditor, *, text_width: int) -> None:
    """Refuses parts that do not belong together; the texts have `text_width` channels."""
    card, unet = editor.card, editor.unet.config
    if unet.in_channels != 2 * editor.latent_channels:
        raise ModelError(
            f"model {card.name!r}: its UNet takes {unet.in_channels} channels, "
            f"an {INSTRUCT_PIX2PIX} UNet with this VAE takes {2 * editor.latent_channels}"
        )
    if unet.cross_attention_dim != text_width:
        raise ModelError(
            f"model {card.name!r}: its UNet reads texts of {unet.cross_attention_dim} channels, "
            f"its text encoder writes {text_width}"
        )
    if card.multiple_px % editor.latent_scale:
        raise ModelError(
            f"model {card.name!r}: multiple_px is {card.multiple_px}, "
            f"its VAE needs a multiple of {editor.latent_scale}"
        )


def folder_identity(folder: Path) -> str:
    """Digest of names, sizes and modification times of all files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            stat = path.stat()
            digest.update(
                f"{path.relative_to(folder)}|{stat.st_size}|{stat.st_mtime_ns}\n".encode()
            )
    return digest.hexdigest()
