"""One edit, ready to be applied to frames: gather the group once, then edit any frame with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from via_engine.edit_settings import (
    AttentionMode,
    BlendSchedule,
    RootChoice,
    SourceLatents,
    SwapLayers,
)
from via_engine.errors import ModelError, RequestError
from via_engine.method.attention import Sharing, gathering, swapping
from via_engine.method.attention_group import AttentionGroup, GroupRecording
from via_engine.method.blending import LatentBlend, invert
from via_engine.method.sampling import denoise, initial_noise
from via_engine.models.editors import InstructPix2PixEditor
from via_engine.models.samplers import DDIM


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
        instruction: what an editor that looks at the frames first reads beside them.
        guidance_scale, image_guidance_scale: one number for all frames, or (B, 1, 1, 1).
        noise: float32, what the frames start from: (1, C, h, w), the same for all, or
            (B, C, h, w).
        text: (1, L, D), the encoded instruction.
        null_text: (1, L, D), the encoded empty instruction.
        sharing: how the frames attend to the group.
        blend_schedule: how the edit takes over inside the masks.
        source_latents: where the source's latents outside the masks come from.
    """

    editor: InstructPix2PixEditor
    instruction: str
    steps: int
    guidance_scale: float | Tensor
    image_guidance_scale: float | Tensor
    noise: Tensor
    text: Tensor
    null_text: Tensor
    sharing: Sharing
    blend_schedule: BlendSchedule
    source_latents: SourceLatents

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
        attention: AttentionMode = AttentionMode.GATHER_SWAP,
        swap_layers: SwapLayers = SwapLayers.ALL,
        swap_steps: int | None = None,
        blend_schedule: BlendSchedule = BlendSchedule.CONSTANT,
        source_latents: SourceLatents = SourceLatents.RENOISED,
    ) -> FrameEdit:
        """Encodes the instruction and draws the noise for pictures of `width` × `height` pixels.

        Raises:
            RequestError: `swap_steps` is below 1.
        """
        if swap_steps is not None and swap_steps < 1:
            raise RequestError(
                f"{swap_steps} steps with the group's attention; take at least 1, or attention "
                f"{AttentionMode.INDEPENDENT.value!r} for none"
            )
        scale = editor.latent_scale
        shape = (1, editor.latent_channels, height // scale, width // scale)
        return cls(
            editor=editor,
            instruction=instruction,
            steps=steps,
            guidance_scale=guidance_scale,
            image_guidance_scale=image_guidance_scale,
            noise=initial_noise(seed, shape).to(editor.device),
            text=editor.encode_instruction(instruction),
            null_text=editor.encode_instruction(""),
            sharing=Sharing(mode=attention, layers=swap_layers, steps=swap_steps),
            blend_schedule=blend_schedule,
            source_latents=source_latents,
        )

    def under(self, choices: Sequence[RootChoice]) -> FrameEdit:
        """The same edit with seed and guidance of each choice, for a batch of as many frames."""
        noises = [initial_noise(one.seed, (1, *self.noise.shape[1:])) for one in choices]
        text_scales = [one.guidance_scale for one in choices]
        image_scales = [one.image_guidance_scale for one in choices]
        return replace(
            self,
            noise=torch.cat(noises).to(self.noise),
            guidance_scale=self.noise.new_tensor(text_scales).view(-1, 1, 1, 1),
            image_guidance_scale=self.noise.new_tensor(image_scales).view(-1, 1, 1, 1),
        )

    @torch.inference_mode()
    def gather(
        self,
        frames: Tensor,
        group_frames: tuple[int, ...],
        check: Callable[[], None],
        masks: Tensor | None = None,
        anchor: Tensor | None = None,
    ) -> AttentionGroup:
        """The group's keys and values; the pictures made on the way are not kept.

        Args:
            frames: (k, 3, H, W), RGB, 0 to 1, the pictures of `group_frames` in order.
            group_frames: their numbers in the media.
            check: called before every step; raises to stop.
            masks: (k, 1, h, w), 0 to 1, at latent size, where the edit goes; None is everywhere.
            anchor: (1, 3, H, W), RGB, 0 to 1: what the first frame is to become. After every step
                it stands there with the noise of that step, for the others to look at.

        Raises:
            ModelError: the model's answer holds numbers that are no numbers, or memory runs out.
        """
        recording = GroupRecording(group_frames)
        text = self._text_of(frames)
        with _memory_errors(self.editor, frames):
            image_latents = self.editor.encode_frames(frames)
            blend = self._blend(image_latents, masks, check, anchor)
            with gathering(self.editor.unet, recording, self.sharing) as cursor:
                self._denoise(
                    text,
                    image_latents,
                    blend,
                    check,
                    cursor.begin_step,
                    first_steps=self.sharing.steps,
                )
        return recording.finish()

    @torch.inference_mode()
    def apply(
        self,
        frames: Tensor,
        group: AttentionGroup | None,
        check: Callable[[], None],
        masks: Tensor | None = None,
        frame_numbers: Sequence[int] | None = None,
    ) -> EditedFrames:
        """Edits frames (B, 3, H, W), RGB, 0 to 1.

        Each frame attends to `group`; with None each attends to itself, in the stock attention.

        Args:
            frames: the pictures.
            group: what `gather` gave, with this edit's own `sharing`.
            check: called before every step; raises to stop.
            masks: (B, 1, h, w), 0 to 1, at latent size, where the edit goes; None is everywhere.
                Where a mask is 0, `edited` comes from the same latents as `round_trip`.
            frame_numbers: the pictures' numbers in the media the group is of, read with
                AttentionMode.GATHER_ONLY alone: frames of the group are edited as they were
                gathered, all others by themselves. None: no frame is of the group.

        Raises:
            ModelError: the model's answer holds numbers that are no numbers, or memory runs out.
        """
        if group is not None and self.sharing.mode is AttentionMode.GATHER_ONLY:
            return self._as_gathered(frames, group, check, masks, frame_numbers or ())
        text = self.text if self._group_says_all(group) else self._text_of(frames)
        with _memory_errors(self.editor, frames):
            image_latents = self.editor.encode_frames(frames)
            blend = self._blend(image_latents, masks, check)
            if group is None:
                latents = self._denoise(text, image_latents, blend, check, _no_cursor)
            else:
                with swapping(self.editor.unet, group, self.sharing) as cursor:
                    latents = self._denoise(text, image_latents, blend, check, cursor.begin_step)
            return EditedFrames(
                edited=self.editor.decode_latents(latents),
                round_trip=self.editor.decode_latents(self._source(image_latents)),
            )

    def _blend(
        self,
        image_latents: Tensor,
        masks: Tensor | None,
        check: Callable[[], None],
        anchor: Tensor | None = None,
    ) -> LatentBlend | None:
        """What mixes the source in; it takes the model with the stock attention.

        An anchor is mixed in as if it were the first frame's source, and all of it.
        """
        if masks is None and anchor is None:
            return None
        schedule = BlendSchedule.CONSTANT if masks is None else self.blend_schedule
        source, trajectory = self._source(image_latents), None
        masks = torch.ones_like(source[:, :1]) if masks is None else masks.to(source)
        if anchor is not None:
            anchored = self._source(self.editor.encode_frames(anchor))
            source = torch.cat([anchored, source[1:]])
            masks = torch.cat([torch.zeros_like(masks[:1]), masks[1:]])
        if self.source_latents is SourceLatents.INVERTED:
            _check_invertible(self.editor)
            trajectory = invert(
                self.editor.unet,
                self.editor.make_ddim(self.steps),
                source_latents=source,
                image_latents=image_latents,
                null_text=self.null_text,
                check=check,
            )
        return LatentBlend(
            source_latents=source,
            noise=self.noise,
            mask=masks,
            schedule=schedule,
            trajectory=trajectory,
            anchors=0 if anchor is None else len(anchor),
        )

    def _source(self, image_latents: Tensor) -> Tensor:
        """The source as denoising would leave it: in its scale, and laid out alike.

        Convolutions round by layout, and equal latents shall be equal pictures.
        """
        scaled: Tensor = image_latents * self.editor.vae.config.scaling_factor
        return scaled.contiguous()

    def _as_gathered(
        self,
        frames: Tensor,
        group: AttentionGroup,
        check: Callable[[], None],
        masks: Tensor | None,
        frame_numbers: Sequence[int],
    ) -> EditedFrames:
        """Frames of the group see what they saw in the gather, every other frame itself."""
        groups = {number: group.seen_by(index) for index, number in enumerate(group.group_frames)}
        seen = [groups.get(number) for number in frame_numbers] or [None] * len(frames)
        edit = replace(self, sharing=replace(self.sharing, mode=AttentionMode.GATHER_SWAP))
        results = [
            edit.apply(frames[[place]], one, check, None if masks is None else masks[[place]])
            for place, one in enumerate(seen)
        ]
        return EditedFrames(
            edited=torch.cat([result.edited for result in results]),
            round_trip=torch.cat([result.round_trip for result in results]),
        )

    def _text_of(self, frames: Tensor) -> Tensor:
        """The encoded instruction, (1, L, D), or (B, L, D) where the editor sees the frames."""
        if not self.editor.sees_frames:
            return self.text
        return self.editor.condition(self.instruction, frames).text

    def _group_says_all(self, group: AttentionGroup | None) -> bool:
        """Whether no frame reads the instruction itself: every layer and step takes the group's."""
        sharing = self.sharing
        return group is not None and sharing.layers is SwapLayers.ALL and sharing.steps is None

    def _denoise(
        self,
        text: Tensor,
        image_latents: Tensor,
        blend: LatentBlend | None,
        check: Callable[[], None],
        move: Callable[[int], None],
        *,
        first_steps: int | None = None,
    ) -> Tensor:
        def begin_step(step_index: int) -> None:
            check()
            move(step_index)

        latents = denoise(
            self.editor.unet,
            self.editor.make_scheduler(self.steps),
            noise=self.noise if blend is None else blend.start,
            image_latents=image_latents,
            text=text,
            null_text=self.null_text,
            guidance_scale=self.guidance_scale,
            image_guidance_scale=self.image_guidance_scale,
            begin_step=begin_step,
            blend=blend,
            first_steps=first_steps,
        )
        if not torch.isfinite(latents).all():
            raise ModelError(
                f"model {self.editor.card.name!r} answered with numbers that are no numbers in "
                f"{self.editor.dtype}; try dtype float32, or lower guidance"
            )
        return latents


def _check_invertible(editor: InstructPix2PixEditor) -> None:
    if editor.card.sampler != DDIM:
        raise RequestError(
            f"inverted source latents need the sampler {DDIM}; model {editor.card.name} runs "
            f"{editor.card.sampler}, so take renoised ones"
        )


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
