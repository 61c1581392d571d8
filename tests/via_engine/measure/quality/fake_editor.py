"""An editor that knows the answers and gives those it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from via_engine.edit_events import EditEvent, EditResult
from via_engine.edit_request import EditRequest
from via_engine.edit_settings import AttentionMode, Scope
from via_engine.errors import SubjectNotFoundError
from via_engine.measure.metrics.fidelity import Clip
from via_engine.measure.quality.clips import BenchClip, Truth
from via_engine.measure.scratch import write_clip

RATE = Fraction(24)


@dataclass
class KnowingEditor:
    """Right in every frame with the group, another right answer in every frame without.

    Under local control it finds no subject in clips of the text `without_subject`.
    """

    clips: list[BenchClip]
    without_subject: str = ""
    asked: list[EditRequest] = field(default_factory=list)

    def edit(self, request: EditRequest, cancelled: Callable[[], bool]) -> Iterator[EditEvent]:
        self.asked.append(request)
        clip = next(clip for clip in self.clips if clip.text == request.instruction)
        if request.local.scope is Scope.AUTO and clip.text == self.without_subject:
            raise SubjectNotFoundError("nothing there")
        start, end = request.frame_range.start_frame, request.frame_range.end_frame_exclusive
        frames = self._answer(clip, request)[start:end]
        path = request.work_folder / "edited.mov"
        write_clip(path, frames, frame_count=len(frames), frame_rate=RATE)
        yield EditResult(
            path=path,
            frame_count=len(frames),
            frame_rate=RATE,
            width=frames.shape[2],
            height=frames.shape[1],
            size_bytes=path.stat().st_size,
            sha256="",
            stage_seconds=(("load", 9.0), ("gather", 2.0), ("swap", 0.5 * len(frames))),
        )

    def _answer(self, clip: BenchClip, request: EditRequest) -> Clip:
        truth = truth_of(clip)
        if request.attention is not AttentionMode.INDEPENDENT:
            return truth.answers[-1]
        answers = truth.answers
        return np.stack([answers[frame % len(answers)][frame] for frame in range(len(clip.frames))])


def truth_of(clip: BenchClip) -> Truth:
    assert clip.truth is not None
    return clip.truth
