"""How a job goes, told on stderr: a live bar on a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from via.v1 import job_service_pb2

STAGE_WORDS = {
    job_service_pb2.JOB_STAGE_UNSPECIFIED: "waiting",
    job_service_pb2.JOB_STAGE_LOAD: "loading the model",
    job_service_pb2.JOB_STAGE_MASK: "finding the subject",
    job_service_pb2.JOB_STAGE_ADAPT: "adapting",
    job_service_pb2.JOB_STAGE_GATHER: "gathering",
    job_service_pb2.JOB_STAGE_SWAP: "editing",
    job_service_pb2.JOB_STAGE_ASSEMBLE: "assembling",
}
LINES_PER_JOB = 10


class Reporter(Protocol):
    """Takes what happens, in order; a context manager, so that a live bar ends cleanly."""

    def __enter__(self) -> Self:
        """Begins to show."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leaves the screen as the last message left it."""
        ...

    def note(self, text: str) -> None:
        """A sentence for the person."""
        ...

    def progress(self, label: str, progress: job_service_pb2.JobProgress) -> None:
        """How far the edit called `label` is."""
        ...

    def ask(self, question: str) -> str | None:
        """The person's answer; None when nobody sits at a terminal."""
        ...


class LineReporter:
    """Plain lines: one per stage, and about ten over the frames of a job."""

    def __init__(self) -> None:
        self._shown: tuple[str, int, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        sys.stderr.flush()

    def note(self, text: str) -> None:
        """A sentence for the person."""
        print(text, file=sys.stderr, flush=True)

    def progress(self, label: str, progress: job_service_pb2.JobProgress) -> None:
        """One line when the stage changes or another tenth of the frames is done."""
        total = max(progress.frames_total, 1)
        reached = (label, progress.stage, progress.frames_done * LINES_PER_JOB // total)
        if reached != self._shown:
            self._shown = reached
            self.note(f"{label}: {progress_text(progress)}")

    def ask(self, question: str) -> str | None:
        """None: where lines go, nobody answers."""
        del question
        return None


class LiveReporter:
    """One live line with a bar; notes scroll past above it."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.fields[label]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
        )
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def note(self, text: str) -> None:
        """A sentence for the person."""
        self._bar.console.print(text, markup=False, highlight=False)

    def progress(self, label: str, progress: job_service_pb2.JobProgress) -> None:
        """Moves the bar."""
        if self._task is None:
            self._task = self._bar.add_task("", label=label)
        self._bar.update(
            self._task,
            label=label,
            description=progress_text(progress),
            completed=progress.frames_done,
            total=progress.frames_total or None,
        )

    def ask(self, question: str) -> str | None:
        """The line typed after `question`; the bar rests meanwhile."""
        if not sys.stdin.isatty():
            return None
        self._bar.stop()
        try:
            return self._bar.console.input(question, markup=False).strip()
        except EOFError:
            return None
        finally:
            self._bar.start()


def reporter() -> Reporter:
    """The reporter that fits where stderr goes."""
    return LiveReporter() if sys.stderr.isatty() else LineReporter()


def progress_text(progress: job_service_pb2.JobProgress) -> str:
    """Such as "editing, frame 12/90, 0.85 s/frame, 1:06 left"."""
    parts = [STAGE_WORDS.get(progress.stage, "working")]
    if progress.frames_total:
        parts.append(f"frame {progress.frames_done}/{progress.frames_total}")
    if progress.seconds_per_frame:
        parts.append(f"{progress.seconds_per_frame:.2f} s/frame")
    if progress.HasField("eta"):
        minutes, seconds = divmod(round(progress.eta.ToSeconds()), 60)
        parts.append(f"{minutes}:{seconds:02d} left")
    return ", ".join(parts)


def group_text(group: job_service_pb2.GroupInfo) -> str:
    """What to say of an attention group that is ready."""
    frames = ", ".join(str(frame) for frame in group.group_frames)
    if group.reused:
        return f"attention group reused from an earlier edit (frames {frames}): gather skipped"
    return f"attention group gathered over frames {frames}"


def mask_text(mask: job_service_pb2.MaskInfo) -> str:
    """What to say of a mask that is ready."""
    named = ", ".join(f'"{phrase}"' for phrase in mask.phrases)
    what = named or "the subject of the mask"
    if mask.is_background:
        what = f"the background (all but {named})" if named else "the background"
    return f"{what} is in {mask.frames_with_subject} of {mask.frames_total} frames"


def adapter_text(adapter: job_service_pb2.AdapterInfo) -> str:
    """What to say of an editor that is adapted."""
    if not adapter.HasField("root_frame"):
        return "the editor is adapted as in the edit that left the adapter"
    if adapter.reused:
        return f"adapter reused from an earlier edit (root frame {adapter.root_frame})"
    seconds = adapter.duration.ToTimedelta().total_seconds()
    what = f"{adapter.steps} steps" if adapter.steps else "the model stays as it was"
    return f"adapted to root frame {adapter.root_frame}: {what}, {seconds:.1f} s"
