"""One view of how a whole batch goes: frames of all its clips together."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from google.protobuf.duration_pb2 import Duration
from via.v1 import job_service_pb2

from resolve_scripts.batch.renders import Render
from resolve_scripts.progress import Reporter


class OverallProgress:
    """Hands a reporter the progress of each job as progress of the whole batch.

    Args:
        reporter: what shows it.
        renders: the jobs, in the order they will be done.
    """

    def __init__(self, reporter: Reporter, renders: Sequence[Render]) -> None:
        self._reporter = reporter
        self._frames_total = sum(render.frame_count for render in renders)
        self._frames_ended = 0
        # The plan has said these once; each job says them again.
        self._told = {each for one in renders for clip in one.clips for each in clip.warnings}
        names = (render.clips[0].edit.clip.name or "clip" for render in renders)
        self._labels = {
            render.key: f"clip {number}/{len(renders)} {name}"
            for number, (render, name) in enumerate(zip(renders, names, strict=True), 1)
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing: the reporter was begun by somebody else."""

    def label(self, render: Render) -> str:
        """What to call a job, such as "clip 3/12 shot_010"."""
        return self._labels[render.key]

    def finish(self, render: Render) -> None:
        """Counts a job as ended, well or not."""
        self._frames_ended += render.frame_count

    def note(self, text: str) -> None:
        """A sentence for the person, unless the plan has said it."""
        if text.partition(": ")[2] not in self._told:
            self._reporter.note(text)

    def progress(self, label: str, progress: job_service_pb2.JobProgress) -> None:
        """How far all clips are, at the pace of the one called `label`."""
        done = self._frames_ended + progress.frames_done
        left_s = (self._frames_total - done) * progress.seconds_per_frame
        overall = job_service_pb2.JobProgress(
            stage=progress.stage,
            frames_done=done,
            frames_total=self._frames_total,
            seconds_per_frame=progress.seconds_per_frame,
            eta=Duration(seconds=round(left_s)) if left_s else None,
        )
        self._reporter.progress(label, overall)

    def ask(self, question: str) -> str | None:
        """The person's answer."""
        return self._reporter.ask(question)
