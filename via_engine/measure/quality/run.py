"""One clip under one variant: the request, the edit, and the frames read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from via_engine.edit_events import EditEvent, EditResult, Stage
from via_engine.edit_request import EditRequest
from via_engine.measure.metrics.fidelity import Clip
from via_engine.measure.quality.clips import BenchClip, read_clip
from via_engine.measure.quality.variants import Variant
from via_engine.measure.scratch import write_clip
from via_engine.media_types import FrameRange
from via_engine.model_card import ModelCard
from via_engine.picture.probe import probe_media

FRAME_RATE = Fraction(24)
_PREPARATION = (Stage.MASK, Stage.ADAPT, Stage.GATHER)


class Editor(Protocol):
    """What is measured: `via_engine.editor.VideoEditor`."""

    def edit(self, request: EditRequest, cancelled: Callable[[], bool]) -> Iterator[EditEvent]:
        """Runs the edit while it is iterated; the last event is the result."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Edited:
    """What a variant made of a clip.

    Attributes:
        frames: read back from the result, (T, H, W, 3) uint8 RGB at the size of the bench's clip.
        seconds_per_frame: of the stage that goes through all frames.
        preparation_seconds: mask, adaptation and gather; what an earlier variant of the same clip
            left in the engine's caches is taken from there and costs this one nothing.
    """

    frames: Clip
    seconds_per_frame: float
    preparation_seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Studio:
    """The editor at work on one clip.

    Attributes:
        editor: makes the edits.
        request: the edit without any variant's parts.
        clip: what is edited and measured.
        adapt_steps: most steps of adaptation; None is the model's own default.
    """

    editor: Editor
    request: EditRequest
    clip: BenchClip
    adapt_steps: int | None

    @classmethod
    def open(
        cls,
        editor: Editor,
        card: ModelCard,
        clip: BenchClip,
        folder: Path,
        *,
        seed: int,
        adapt_steps: int | None,
    ) -> Studio:
        """Works in `folder`; a clip that is no file yet is written there."""
        path = clip.path or write_clip(
            folder / "source.mov", clip.frames, frame_count=len(clip.frames), frame_rate=FRAME_RATE
        )
        whole = FrameRange(0, len(clip.frames))
        request = plain_request(path, whole, clip.text, card, folder, seed=seed)
        return cls(editor=editor, request=request, clip=clip, adapt_steps=adapt_steps)

    def run(self, variant: Variant) -> Edited:
        """Edits the clip.

        Raises:
            SubjectNotFoundError: a local variant does not find what the instruction names.
            ViaEngineError: the edit fails for another reason.
        """
        request = variant.of(self.request, adapt_steps=self.adapt_steps)
        parts = [request]
        if variant.noise_per_frame:
            parts = [_one_frame(request, frame) for frame in range(len(self.clip.frames))]
        done = [self._edited(part) for part in parts]
        return Edited(
            frames=np.concatenate([one.frames for one in done]),
            seconds_per_frame=float(np.mean([one.seconds_per_frame for one in done])),
            preparation_seconds=sum(one.preparation_seconds for one in done),
        )

    def _edited(self, request: EditRequest) -> Edited:
        result = run_to_end(self.editor, request)
        seconds = dict(result.stage_seconds)
        height, width = self.clip.frames.shape[1:3]
        return Edited(
            frames=read_clip(result.path, FrameRange(0, result.frame_count), (width, height)),
            seconds_per_frame=seconds[Stage.SWAP.value] / result.frame_count,
            preparation_seconds=sum(seconds.get(stage.value, 0.0) for stage in _PREPARATION),
        )


def plain_request(
    path: Path, frame_range: FrameRange, text: str, card: ModelCard, folder: Path, *, seed: int
) -> EditRequest:
    """An edit with the model's own sampling, its group spread over the range it edits."""
    return EditRequest(
        media_path=path,
        media_identity=probe_media(path).identity,
        frame_range=frame_range,
        group_range=frame_range,
        instruction=text,
        model=card.name,
        seed=seed,
        steps=card.steps,
        guidance_scale=card.guidance_scale,
        image_guidance_scale=card.image_guidance_scale,
        work_folder=folder,
    )


def run_to_end(editor: Editor, request: EditRequest) -> EditResult:
    """Runs an edit and returns its result.

    Raises:
        ViaEngineError: as the editor's `edit`.
    """
    *_, result = editor.edit(request, lambda: False)
    if not isinstance(result, EditResult):
        raise TypeError(f"the last event of an edit is its result, not {type(result).__name__}")
    return result


def _one_frame(request: EditRequest, frame: int) -> EditRequest:
    """The edit of one frame alone, from noise that no other frame has."""
    seed = request.seed + 1_000 * (frame + 1)
    return replace(request, frame_range=FrameRange(frame, frame + 1), seed=seed)
