"""What a job is, the states of its life, and what the worker must offer. No grpc, no database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from server.edit_spec import ResolvedSpec
from server.errors import ForbiddenTransitionError, JobNotFoundError
from via_engine.edit_events import EditEvent, RootCandidate, Stage
from via_engine.edit_request import EditRequest
from via_engine.media_types import FrameRange, MediaInfo
from via_engine.models.estimate import DeviceFacts

MAX_INTERRUPTIONS = 3
"""Times a job may lose its worker without finishing a chunk in between."""


class JobState(Enum):
    """Where a job is in its life."""

    QUEUED = "QUEUED"
    LOADING_MODELS = "LOADING_MODELS"
    RUNNING = "RUNNING"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    INTERRUPTED = "INTERRUPTED"


ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
WITH_WORKER = frozenset({JobState.LOADING_MODELS, JobState.RUNNING, JobState.CANCEL_REQUESTED})
RETRYABLE = frozenset({JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED})

_STOPS = frozenset({JobState.CANCEL_REQUESTED, JobState.FAILED, JobState.INTERRUPTED})
TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.LOADING_MODELS, JobState.CANCELLED}),
    JobState.LOADING_MODELS: _STOPS | {JobState.RUNNING},
    JobState.RUNNING: _STOPS | {JobState.SUCCEEDED},
    # The result may be there before the wish to stop is seen.
    JobState.CANCEL_REQUESTED: ENDED,
    JobState.INTERRUPTED: frozenset({JobState.QUEUED, JobState.CANCELLED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED}),
}


def job_id(name: str) -> str:
    """The id in a resource name.

    Raises:
        JobNotFoundError: it is not the name of a job.
    """
    collection, _, found = name.partition("/")
    if collection != "jobs" or not found:
        raise JobNotFoundError(
            f"{name!r} is not the name of a job; names look like jobs/0123456789abcdef",
            metadata={"job": name},
        )
    return found


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """How far a job is; counts in frames, pace of the current stage in seconds per frame."""

    stage: Stage | None = None
    frames_done: int = 0
    frames_total: int
    seconds_per_frame: float = 0.0
    eta_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class JobError:
    """Why a job failed: a stable word for programs, a message for people."""

    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """The finished clip; `file_name` is a suggestion, `path` is where it lies."""

    path: Path
    file_name: str
    size_bytes: int
    sha256: str
    frame_count: int
    frame_rate: Fraction
    width: int
    height: int
    stage_seconds: tuple[tuple[str, float], ...]


class ResultPart(Enum):
    """What a job makes that can be read."""

    CLIP = "clip"
    ADAPTER = "adapter"


@dataclass(frozen=True, kw_only=True)
class GroupInfo:
    """The attention group a job used; `reused` when an earlier job had gathered it."""

    group_frames: tuple[int, ...]
    reused: bool
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class MaskInfo:
    """Where a job's edit goes: what was looked for, and in how many of the frames it is.

    With `is_background` the edit goes to all but what was looked for.
    """

    phrases: tuple[str, ...]
    frames_with_subject: int
    frames_total: int
    is_background: bool = False


@dataclass(frozen=True, kw_only=True)
class AdapterInfo:
    """The editor as a job tuned it; `file_name` is a suggestion, `path` is where the adapter lies.

    `root_frame` is a media frame, None when the adapter came from a file; `reused` when an
    earlier job had tuned it.
    """

    path: Path
    file_name: str
    root_frame: int | None
    steps: int
    reused: bool
    seconds: float
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """One submitted edit. Times are Unix seconds.

    Attributes:
        id: random hex, part of the resource name "jobs/ID".
        queue_order: place in the queue; a smaller number is taken first.
        attempt: times the worker has taken the job.
        interruptions: times its worker was lost since the last finished chunk.
        last_sequence: sequence of its newest event.
    """

    id: str
    state: JobState
    spec: ResolvedSpec
    media: MediaInfo
    request_id: str
    create_time_s: float
    start_time_s: float | None = None
    end_time_s: float | None = None
    progress: JobProgress
    error: JobError | None = None
    result: JobResult | None = None
    group: GroupInfo | None = None
    mask: MaskInfo | None = None
    adapter: AdapterInfo | None = None
    queue_order: int = 0
    attempt: int = 0
    interruptions: int = 0
    last_sequence: int = 0
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Resource name, as callers know the job."""
        return f"jobs/{self.id}"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens to the job unless somebody retries it."""
        return self.state in ENDED

    def moved_to(self, state: JobState, *, now_s: float) -> Job:
        """The job in its next state, with the times and counts that belong to the step.

        Raises:
            ForbiddenTransitionError: the job's state has no such step.
        """
        if state not in TRANSITIONS[self.state]:
            raise ForbiddenTransitionError(
                f"job {self.name} is {self.state.value} and cannot become {state.value}; "
                "this is a fault of the server, please report it",
                metadata={"job": self.name, "from": self.state.value, "to": state.value},
            )
        moved = replace(self, state=state)
        if state is JobState.LOADING_MODELS:
            start_time_s = self.start_time_s if self.start_time_s is not None else now_s
            return replace(moved, start_time_s=start_time_s, attempt=self.attempt + 1)
        if state is JobState.QUEUED:
            progress = replace(self.progress, stage=None, seconds_per_frame=0.0, eta_s=None)
            return replace(moved, end_time_s=None, error=None, progress=progress)
        return replace(moved, end_time_s=now_s) if state in ENDED else moved


@dataclass(frozen=True, kw_only=True)
class JobChanged:
    """The job took a step; `job` is the whole job after it."""

    job: Job


@dataclass(frozen=True, kw_only=True)
class Progressed:
    """The job got further."""

    progress: JobProgress


@dataclass(frozen=True, kw_only=True)
class GroupGathered:
    """The attention group is ready."""

    group: GroupInfo


@dataclass(frozen=True, kw_only=True)
class MaskFound:
    """Where the edit goes is known."""

    mask: MaskInfo


@dataclass(frozen=True, kw_only=True)
class EditorTuned:
    """The editor makes the root's edit; its adapter can be read."""

    adapter: AdapterInfo


@dataclass(frozen=True, kw_only=True)
class ChunkStored:
    """A piece of the result is durable; `index` counts from 0, the range is in media frames."""

    index: int
    frame_range: FrameRange


@dataclass(frozen=True, kw_only=True)
class Noted:
    """A sentence for people."""

    text: str


JobEvent = JobChanged | Progressed | MaskFound | EditorTuned | GroupGathered | ChunkStored | Noted


@dataclass(frozen=True, kw_only=True)
class StoredEvent:
    """An event with its place in the job's history, from 1 without gaps."""

    sequence: int
    event: JobEvent


class Preview(Protocol):
    """A single edited frame: two PNG files of equal size, in pixels."""

    @property
    def png(self) -> bytes:
        """The edited frame."""

    @property
    def source_png(self) -> bytes:
        """The source frame."""

    @property
    def width(self) -> int:
        """Width of both, in pixels."""

    @property
    def height(self) -> int:
        """Height of both, in pixels."""


class Editor(Protocol):
    """What the worker process needs of an engine."""

    @property
    def device(self) -> str:
        """Torch device, such as "cuda:0"."""

    def device_facts(self) -> DeviceFacts | None:
        """Memory and speed of the device, measured now; None when they cannot be told."""

    def edit(self, request: EditRequest, cancelled: Callable[[], bool]) -> Iterator[EditEvent]:
        """Edits, telling each step; the last event is the result."""

    def preview(self, request: EditRequest, frame: int, cancelled: Callable[[], bool]) -> Preview:
        """Edits one media frame at working size."""

    def propose_roots(
        self, request: EditRequest, count: int, cancelled: Callable[[], bool]
    ) -> tuple[RootCandidate, ...]:
        """Edits root frames in `count` ways to choose from, the best first."""

    def load(self, name: str) -> None:
        """Makes a model resident."""

    def unload(self, name: str) -> None:
        """Frees a model and its attention groups."""

    def loaded_models(self) -> tuple[str, ...]:
        """Names of the resident models."""
