"""The editor's door: all that the method asks of an image editor, whatever network is inside.

Three classes stand behind it: InstructPix2Pix of the Stable Diffusion 1.5 class
(`instruct_pix2pix`), the same of the SDXL class (`instruct_pix2pix_xl`), and MGIE, whose condition
is another one for each frame (`mgie_editor`). A joint-attention (DiT) editor such as
Qwen-Image-Edit follows by the same rules:

- `unet` is any module that takes noisy and image latents concatenated on channels, (B, 2C, h, w),
  with the timestep and the encoded instruction (B, L, D), and predicts (B, C, h, w). A DiT's
  wrapper splits the channels, lays both halves out as tokens behind the text, and puts what the
  noisy half's tokens answer back into (B, C, h, w). What else it needs of the text rides in
  further rows of the encoded instruction, as `instruct_pix2pix_xl` does with SDXL's pooled text.
- Guidance asks in three branches, [text × B, image × B, unconditional × B]. An editor without an
  unconditional branch answers the third like the second, and its card sets
  `image_guidance_scale` to 1, at which that branch has no weight.
- Gather and swap replace `unet.attn_processors` of stock layers by name. In a joint layer only
  keys and values of the noisy tokens are shared, after their norms and rotary positions: frames
  of one size have the same positions, so they meet their places. Text keeps its own. Until a
  processor for such layers stands in `method/attention.py`, the edit refuses them by name.
- `make_scheduler` gives steps with `timesteps`, `init_noise_sigma`, `scale_model_input`, `step`
  and `add_noise`; for flow matching, `add_noise` is what its scheduler calls `scale_noise`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from via_engine.model_card import ModelCard


class Condition(NamedTuple):
    """What steers the editor.

    `text` is (1, L, D), the same for all frames, or (B, L, D), one for each; `null_text` is
    (1, L, D) and stands for no instruction. Both are in the model's dtype on its device.
    """

    text: Tensor
    null_text: Tensor


class ImageEditor(Protocol):
    """Pictures and an instruction in, latents and noise predictions between, pictures out."""

    @property
    def card(self) -> ModelCard:
        """What is known of it without its weights."""

    @property
    def weights_identity(self) -> str:
        """Hex digest that changes when a file of the model does."""

    @property
    def unet(self) -> Any:
        """Predicts from noisy and image latents concatenated on channels."""

    @property
    def vae(self) -> Any:
        """Its `config.scaling_factor` leads from image latents to those that are denoised."""

    @property
    def latent_channels(self) -> int:
        """Channels of the latents, C."""

    @property
    def latent_scale(self) -> int:
        """Pixels of a picture side per latent."""

    @property
    def device(self) -> torch.device:
        """Where it runs."""

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the network that predicts."""

    @property
    def sees_frames(self) -> bool:
        """Whether the condition is another one for each frame."""

    def make_scheduler(self, steps: int) -> Any:
        """The card's sampler with its timesteps set."""

    def make_ddim(self, steps: int) -> Any:
        """DDIM on the same noise schedule, for inversion and tuning."""

    def encode_instruction(self, text: str) -> Tensor:
        """(1, L, D); the empty text gives the null condition."""

    def condition(self, text: str, frames: Tensor) -> Condition:
        """The condition of frames (B, 3, H, W), RGB, 0 to 1."""

    def expression(self, text: str) -> str:
        """What the model made of the instruction in words of its own; empty when it makes none."""

    def unread_part(self, text: str) -> str:
        """The end of the text that it has no room for; mostly empty."""

    def encode_frames(self, frames: Tensor) -> Tensor:
        """(B, 3, H, W), RGB, 0 to 1, to image latents (B, C, h, w), float32, unscaled."""

    def decode_latents(self, latents: Tensor) -> Tensor:
        """(B, C, h, w), scaled as denoising leaves them, to (B, 3, H, W), RGB, 0 to 1."""
