"""What comes out of the engine while an edit runs, its result last."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path

from via_engine.edit_request import FinishedChunk
from via_engine.edit_settings import RootChoice


class Stage(Enum):
    """Where an edit is, in the order of the method."""

    LOAD = "load"
    MASK = "mask"
    ADAPT = "adapt"
    GATHER = "gather"
    SWAP = "swap"
    ASSEMBLE = "assemble"


@dataclass(frozen=True, kw_only=True)
class StageStarted:
    """A stage began."""

    stage: Stage


@dataclass(frozen=True, kw_only=True)
class MaskReady:
    """Where the edit goes is known.

    `phrases` are what was looked for, empty with a mask of the editor's own; `frames_with_subject`
    of the `frames_total` looked at hold the subject, in the others the source stays as it is. With
    `is_background` the subject is all but what the phrases name.
    """

    phrases: tuple[str, ...]
    frames_with_subject: int
    frames_total: int
    is_background: bool = False


@dataclass(frozen=True, kw_only=True)
class EditorAdapted:
    """The editor makes the root's edit now.

    `root_frame` is the media frame of the root pair, None when nothing was tuned now;
    `steps` were tuned, 0 where the tuning stays off; `reused` when an earlier edit had tuned it
    already; `path` is the adapter in the work folder, for `AdaptSettings.adapter`.
    """

    root_frame: int | None
    steps: int
    reused: bool
    seconds: float
    path: Path


@dataclass(frozen=True, kw_only=True)
class GroupReady:
    """The attention group is resident; `reused` when an earlier edit had gathered it already."""

    group_frames: tuple[int, ...]
    reused: bool
    seconds: float
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class FramesEdited:
    """A batch of frames left the model. Counts are frames of this request, chunks kept included."""

    frames_done: int
    frames_total: int
    seconds_per_frame: float


@dataclass(frozen=True, kw_only=True)
class ChunkFinished:
    """A chunk is durable on disk: written, flushed, renamed."""

    chunk: FinishedChunk


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something the person should know that is no fault, in one sentence."""

    text: str


@dataclass(frozen=True, kw_only=True)
class EditResult:
    """The finished clip. It is the last event of an edit.

    `peak_memory_bytes` is what the device held at most, on a CPU the whole process; 0 where that
    cannot be told.
    """

    path: Path
    frame_count: int
    frame_rate: Fraction
    width: int
    height: int
    size_bytes: int
    sha256: str
    stage_seconds: tuple[tuple[str, float], ...]
    peak_memory_bytes: int = 0


EditEvent = (
    StageStarted
    | MaskReady
    | EditorAdapted
    | GroupReady
    | FramesEdited
    | ChunkFinished
    | Note
    | EditResult
)


@dataclass(frozen=True, kw_only=True)
class RootCandidate:
    """An edited root frame to choose from: PNG at working size, the best scored first.

    `score` is comparable within one proposal only; `is_sound` when it passed every gate, else
    `fault` says which it failed.
    """

    choice: RootChoice
    png: bytes
    source_png: bytes
    score: float
    is_sound: bool
    fault: str
