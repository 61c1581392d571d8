"""Follows a subject through a clip with SAM 2, which remembers what it saw (Ravi et al., 2024)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from transformers import (
    Sam2ImageProcessor,
    Sam2VideoModel,
    Sam2VideoProcessor,
    Sam2VideoVideoProcessor,
)

from via_engine.errors import ModelError
from via_engine.weights.file_kind import FileKind, kind_of

Frames = NDArray[np.uint8]
Mask = NDArray[np.bool_]

# Frames of one session: each is held at the size the model sees, 12 MiB for the public ones.
WINDOW_FRAMES = 32
_SUBJECT = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class VideoTracker:
    """A SAM 2 and its way of seeing frames; one clip at a time."""

    model: Sam2VideoModel
    processor: Sam2VideoProcessor
    window_frames: int = WINDOW_FRAMES

    def masks(
        self, frames: Frames, known: Mapping[int, Mask], check: Callable[[], None]
    ) -> Iterator[Mask]:
        """The subject's mask in every frame, in order; empty where the model does not see it.

        It is followed from the first known mask to both ends of the clip, in windows that hand
        on what was found in the frame they share; every known mask corrects it.

        Args:
            frames: (N, H, W, 3) uint8, RGB; may lie on disk.
            known: masks (H, W) bool, by the frame's place in `frames`, from 0.
            check: called before every frame; raises to stop.
        """
        shape = frames.shape[1:3]
        prompts = _shown(known)
        if not prompts:
            yield from (np.zeros(shape, np.bool_) for _ in frames)
            return
        first = min(prompts)
        before = self._before(frames, first, prompts[first], check)
        for packed in reversed(before):
            yield np.unpackbits(packed, count=shape[0] * shape[1]).reshape(shape).astype(np.bool_)
        yield from self._from(frames, first, prompts, check)

    def _before(
        self, frames: Frames, first: int, mask: Mask, check: Callable[[], None]
    ) -> list[NDArray[np.uint8]]:
        """The frames before the first known mask, backwards, eight pixels to a byte."""
        packed = []
        while first > 0:
            start = max(0, first - self.window_frames + 1)
            last = first - start
            found = self._followed(
                frames[start : first + 1], _shown({last: mask}), last, True, check
            )
            for reached in found:
                packed.append(np.packbits(reached))
                mask = reached
            first = start
        return packed

    def _from(
        self, frames: Frames, first: int, prompts: Mapping[int, Mask], check: Callable[[], None]
    ) -> Iterator[Mask]:
        """The first known mask and all frames after it."""
        mask = prompts[first]
        yield mask
        while first < len(frames) - 1:
            end = min(len(frames), first + self.window_frames)
            inside = {first: mask} | {n: one for n, one in prompts.items() if first < n < end}
            seen = _shown({n - first: one for n, one in inside.items()})
            for offset, found in enumerate(
                self._followed(frames[first:end], seen, 0, False, check), start=1
            ):
                mask = prompts.get(first + offset, found)
                yield mask
            first = end - 1

    def _followed(
        self,
        frames: Frames,
        known: Mapping[int, Mask],
        start: int,
        backwards: bool,
        check: Callable[[], None],
    ) -> Iterator[Mask]:
        """Masks of the frames beyond `start`, in the order they are reached."""
        ahead = range(start - 1, -1, -1) if backwards else range(start + 1, len(frames))
        if not known:
            yield from (np.zeros(frames.shape[1:3], np.bool_) for _ in ahead)
            return
        with torch.inference_mode():
            session = self._session(frames, known)
            for index in ahead:
                check()
                yield self._mask(session, index, frames.shape[1:3], backwards=backwards)

    def _session(self, frames: Frames, known: Mapping[int, Mask]) -> Any:
        """A session of the model that has seen the known masks."""
        device = self.model.device
        session = self.processor.init_video_session(
            video=[np.asarray(frame) for frame in frames],
            inference_device=device,
            video_storage_device="cpu",
            processing_device="cpu",
            dtype=self.model.dtype,
        )
        for index, mask in known.items():
            self.processor.add_inputs_to_inference_session(
                inference_session=session, frame_idx=index, obj_ids=_SUBJECT, input_masks=mask
            )
            self.model(inference_session=session, frame_idx=index)
        return session

    def _mask(self, session: Any, index: int, size: tuple[int, ...], *, backwards: bool) -> Mask:
        found = self.model(inference_session=session, frame_idx=index, reverse=backwards)
        full = self.processor.post_process_masks(
            [found.pred_masks], original_sizes=[list(size)], binarize=True
        )[0]
        return np.asarray(full.reshape(size).cpu().numpy(), np.bool_)


def _shown(masks: Mapping[int, Mask]) -> dict[int, Mask]:
    """The masks that show anything: an empty one tells the model nothing."""
    return {index: mask for index, mask in masks.items() if mask.any()}


def load_video_tracker(folder: Path, *, device: torch.device) -> VideoTracker:
    """The tracker of a SAM 2 folder, from its files alone, in float32.

    Args:
        folder: config.json and model.safetensors of a `Sam2VideoModel`, such as
            facebook/sam2.1-hiera-tiny's.
        device: where it runs.

    Raises:
        ModelError: the folder lacks a file, or its tensors do not fit its configuration.
    """
    weights = folder / "model.safetensors"
    if kind_of(weights) is not FileKind.SAFETENSORS:
        raise ModelError(f"{weights} is no safetensors file; take it in with: via models add")
    try:
        model, found = Sam2VideoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{folder} holds no SAM 2 video model: {error}") from error
    lacking = sorted(str(key) for key in (*found["missing_keys"], *found["mismatched_keys"]))
    if lacking:
        raise ModelError(
            f"{folder} lacks or misshapes {len(lacking)} tensors of the SAM 2 its config.json "
            f"tells of, such as {lacking[0]}; fetch it again"
        )
    return VideoTracker(
        model=model.requires_grad_(False).eval().to(device),
        processor=_processor(model.config.image_size),
    )


def _processor(side_px: int) -> Sam2VideoProcessor:
    """How every public SAM 2 sees frames: squares of its side, ImageNet's mean and deviation."""
    size = {"height": side_px, "width": side_px}
    mask_size = {"height": side_px // 4, "width": side_px // 4}
    return Sam2VideoProcessor(
        image_processor=Sam2ImageProcessor(size=size, mask_size=mask_size),
        video_processor=Sam2VideoVideoProcessor(size=size),
        target_size=side_px,
    )
