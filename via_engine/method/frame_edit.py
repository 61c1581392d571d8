"""One edit, ready to be applied to frames: gather the group once, then edit any frame with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from via_engine.errors import ModelError
from via_engine.method.attention import gathering, swapping
from via_engine.method.attention_group import AttentionGroup, GroupRecording
from via_engine.method.sampling import denoise, initial_noise
from via_engine.models.editors import InstructPix2PixEditor


class EditedFrames(NamedTuple):
    """Both (B, 3, H, W), RGB, float32, 0 to 1, on the model's device.

    `round_trip` is the source through the VAE and back: what the VAE alone does to it.
    """

    edited: Tensor
    round_trip: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameEdit:
    """An instruction, a seed and the guidance for pictures of one size.

    Attributes:
        editor: the image editor; left as it was after every call.
        noise: (1, C, h, w), float32; all frames start from it.
        text: (1, L, D), the encoded instruction.
        null_text: (1, L, D), the encoded empty instruction.
    """

    editor: InstructPix2PixEditor
    steps: int
    guidance_scale: float
    image_guidance_scale: float
    noise: Tensor
    text: Tensor
    null_text: Tensor

    @classmethod
    def prepare(
        cls,
        editor: InstructPix2PixEditor,
        *,
        instruction: str,
        seed: int,
        steps: int,
        guidance_scale: float,
        image_guidance_scale: float,
        width: int,
        height: int,
    ) -> FrameEdit:
        """Encodes the instruction and draws the noise for pictures of `width` × `height` pixels."""
        scale = editor.latent_scale
        shape = (1, editor.latent_channels, height // scale, width // scale)
        return cls(
            editor=editor,
            steps=steps,
            guidance_scale=guidance_scale,
            image_guidance_scale=image_guidance_scale,
            noise=initial_noise(seed, shape).to(editor.device),
            text=editor.encode_instruction(instruction),
            null_text=editor.encode_instruction(""),
        )

    @torch.inference_mode()
    def gather(
        self, frames: Tensor, group_frames: tuple[int, ...], check: Callable[[], None]
    ) -> AttentionGroup:
        """The group's keys and values; the pictures made on the way are not kept.

        Args:
            frames: (k, 3, H, W), RGB, 0 to 1, the pictures of `group_frames` in order.
            group_frames: their numbers in the media.
            check: called before every step; raises to stop.
        """
        recording = GroupRecording(group_frames)
        with _memory_errors(self.editor, frames):
            image_latents = self.editor.encode_frames(frames)
            with gathering(self.editor.unet, recording) as cursor:
                self._denoise(image_latents, check, cursor.begin_step)
        return recording.finish()

    @torch.inference_mode()
    def apply(
        self, frames: Tensor, group: AttentionGroup | None, check: Callable[[], None]
    ) -> EditedFrames:
        """Edits frames (B, 3, H, W), RGB, 0 to 1.

        Each frame attends to `group`; with None each attends to itself, in the stock attention.
        `check` is called before every step and raises to stop.

        Raises:
            ModelError: the model's answer holds numbers that are no numbers, or memory runs out.
        """
        with _memory_errors(self.editor, frames):
            image_latents = self.editor.encode_frames(frames)
            if group is None:
                latents = self._denoise(image_latents, check, _no_cursor)
            else:
                with swapping(self.editor.unet, group) as cursor:
                    latents = self._denoise(image_latents, check, cursor.begin_step)
            scale = self.editor.vae.config.scaling_factor
            return EditedFrames(
                edited=self.editor.decode_latents(latents),
                round_trip=self.editor.decode_latents(image_latents * scale),
            )

    def _denoise(
        self, image_latents: Tensor, check: Callable[[], None], move: Callable[[int], None]
    ) -> Tensor:
        def begin_step(step_index: int) -> None:
            check()
            move(step_index)

        latents = denoise(
            self.editor.unet,
            self.editor.make_scheduler(self.steps),
            noise=self.noise,
            image_latents=image_latents,
            text=self.text,
            null_text=self.null_text,
            guidance_scale=self.guidance_scale,
            image_guidance_scale=self.image_guidance_scale,
            begin_step=begin_step,
        )
        if not torch.isfinite(latents).all():
            raise ModelError(
                f"model {self.editor.card.name!r} answered with numbers that are no numbers in "
                f"{self.editor.dtype}; try dtype float32, or lower guidance"
            )
        return latents


def _no_cursor(_step_index: int) -> None:
    """Stock attention reads no cursor."""


@contextmanager
def _memory_errors(editor: InstructPix2PixEditor, frames: Tensor) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        count, _, height, width = frames.shape
        raise ModelError(
            f"{editor.device} has too little memory for {count} frames of {width}×{height} at "
            "once; lower batch_frames, group_size or the model's long_side_px"
        ) from error
