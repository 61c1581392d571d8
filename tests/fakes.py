"""Stand-ins for what a test cannot have: an engine without models, driven by its instruction."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path

from PIL import Image

from via_engine.config import EngineConfig
from via_engine.edit_events import (
    ChunkFinished,
    EditEvent,
    EditorAdapted,
    EditResult,
    FramesEdited,
    GroupReady,
    MaskReady,
    Note,
    RootCandidate,
    Stage,
    StageStarted,
)
from via_engine.edit_request import EditRequest, FinishedChunk
from via_engine.edit_settings import AdaptSettings, RootChoice
from via_engine.errors import (
    AdapterError,
    DiskFullError,
    EditCancelledError,
    SubjectNotFoundError,
)
from via_engine.schedule import chunk_ranges, group_frames

GATE_POLL_S = 0.005


@dataclass(frozen=True, kw_only=True)
class FakePreview:
    png: bytes
    source_png: bytes
    width: int
    height: int


class FakeEditor:
    """Keeps the promises of `server.jobs.Editor` with small text files instead of pictures.

    The first word of the instruction scripts it. After each new chunk: "fail" gives a named error,
    "fault" an unnamed one, "crash" ends the process, "device" loses the device (once per job),
    "slow" waits until a file `go` lies in the job's folder, "stubborn" does so deaf to cancelling.
    "poison" ends the process before the first chunk, "burst" tells each frame many times,
    "endless" gives no result. "find X" tells of a mask of X in half of the frames, and fails when
    X is "nothing". With adaptation the adapter is a text file in the job's folder.
    """

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._loaded: set[str] = set()

    @property
    def device(self) -> str:
        return "fake"

    def device_facts(self) -> None:
        return None

    def loaded_models(self) -> tuple[str, ...]:
        return tuple(sorted(self._loaded))

    def load(self, name: str) -> None:
        self._loaded.add(name)

    def unload(self, name: str) -> None:
        self._loaded.discard(name)

    def edit(self, request: EditRequest, cancelled: Callable[[], bool]) -> Iterator[EditEvent]:
        yield StageStarted(stage=Stage.LOAD)
        self.load(request.model)
        yield from _masked(request)
        if request.adapt is not None:
            yield from _adapted(request, request.adapt)
        yield StageStarted(stage=Stage.GATHER)
        spread = request.group_range or request.frame_range
        frames = group_frames(spread, request.group_size)
        yield GroupReady(group_frames=frames, reused=False, seconds=0.0, size_bytes=1000)
        yield Note(text=f"The worker is process {os.getpid()}.")
        if request.instruction.startswith("poison"):
            os._exit(9)
        yield StageStarted(stage=Stage.SWAP)
        chunks = {chunk.index: chunk for chunk in request.finished_chunks}
        ranges = chunk_ranges(request.frame_range, self._config.chunk_frames)
        done = sum(chunk.frame_range.frame_count for chunk in chunks.values())
        for index, part in enumerate(ranges):
            if index in chunks:
                continue
            lines = []
            for frame in range(part.start_frame, part.end_frame_exclusive):
                _stop_if(cancelled)
                lines.append(f"frame {frame} seed {request.seed} {request.instruction}\n")
                done += 1
                for _ in range(50 if request.instruction.startswith("burst") else 1):
                    yield FramesEdited(
                        frames_done=done,
                        frames_total=request.frame_range.frame_count,
                        seconds_per_frame=0.5,
                    )
            path = request.work_folder / f"chunk_{index:04d}.txt"
            path.write_text("".join(lines))
            chunks[index] = FinishedChunk(index=index, frame_range=part, **_described(path))
            yield ChunkFinished(chunk=chunks[index])
            _act_as_told(request, cancelled)
        if request.instruction.startswith("endless"):
            return
        yield StageStarted(stage=Stage.ASSEMBLE)
        yield _assembled(request, [chunks[index] for index in range(len(ranges))])

    def preview(
        self, request: EditRequest, frame: int, cancelled: Callable[[], bool]
    ) -> FakePreview:
        if request.instruction.startswith("slow"):
            _wait_for_gate(request.work_folder / "go", cancelled)
        self.load(request.model)
        edited = f"{request.instruction} at {frame}".encode()
        return FakePreview(png=edited, source_png=b"source", width=64, height=48)

    def propose_roots(
        self, request: EditRequest, count: int, cancelled: Callable[[], bool]
    ) -> tuple[RootCandidate, ...]:
        """Candidates of the middle frame with rising seeds, the last of which failed a gate."""
        if request.instruction.startswith("slow"):
            _wait_for_gate(request.work_folder / "go", cancelled)
        middle = request.frame_range.start_frame + request.frame_range.frame_count // 2
        return tuple(
            RootCandidate(
                choice=RootChoice(
                    frame=middle,
                    seed=request.seed + number,
                    guidance_scale=request.guidance_scale,
                    image_guidance_scale=request.image_guidance_scale,
                ),
                png=_picture(40 * number % 256),
                source_png=_picture(0),
                score=float(count - number),
                is_sound=number < count - 1,
                fault="" if number < count - 1 else "it is the source",
            )
            for number in range(count)
        )


class BrokenEditor:
    """An engine that cannot even be made."""

    def __init__(self, config: EngineConfig) -> None:
        raise RuntimeError("no engine here")


def _masked(request: EditRequest) -> Iterator[EditEvent]:
    first, _, subject = request.instruction.partition(" ")
    if first != "find" and request.local.own_mask is None:
        return
    yield StageStarted(stage=Stage.MASK)
    if subject == "nothing":
        raise SubjectNotFoundError('no frame holds "nothing"; use --global, or give an own mask')
    phrases = () if request.local.own_mask else (request.local.phrase or subject,)
    total = request.frame_range.frame_count
    yield MaskReady(phrases=phrases, frames_with_subject=total // 2, frames_total=total)


def _adapted(request: EditRequest, adapt: AdaptSettings) -> Iterator[EditEvent]:
    yield StageStarted(stage=Stage.ADAPT)
    if adapt.adapter is not None and not adapt.adapter.read_text().startswith("adapter of"):
        raise AdapterError(f"{adapt.adapter} is no adapter; name a file of --save-adapter")
    path = request.work_folder / "adapter.safetensors"
    path.write_text(f"adapter of {request.instruction}, {adapt}")
    yield EditorAdapted(
        root_frame=None if adapt.adapter else adapt.root.frame if adapt.root else 0,
        steps=0 if adapt.adapter else adapt.steps or 200,
        reused=False,
        seconds=1.5,
        path=path,
    )


def _picture(shade: int) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (64, 48), (shade, shade, shade)).save(buffer, "PNG")
    return buffer.getvalue()


def _act_as_told(request: EditRequest, cancelled: Callable[[], bool]) -> None:
    stumbled = request.work_folder / "stumbled"
    match request.instruction.split()[0]:
        case "fail":
            raise DiskFullError("no space is left for the result; free some and retry")
        case "fault":
            raise KeyError("secret internals")
        case "crash":
            os._exit(9)
        case "device" if not stumbled.exists():
            stumbled.touch()
            raise RuntimeError("CUDA error: device-side assert triggered")
        case "slow":
            _wait_for_gate(request.work_folder / "go", cancelled)
        case "stubborn":
            _wait_for_gate(request.work_folder / "go", lambda: False)


def _wait_for_gate(gate: Path, cancelled: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not gate.exists():
        _stop_if(cancelled)
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody opened {gate}")
        threading.Event().wait(GATE_POLL_S)


def _stop_if(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise EditCancelledError("cancelled on request")


def _described(path: Path) -> dict[str, object]:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return {"path": path, "sha256": digest, "size_bytes": len(content)}


def _assembled(request: EditRequest, chunks: list[FinishedChunk]) -> EditResult:
    output = request.work_folder / f"edited{request.output_format.suffix}"
    output.write_bytes(b"".join(chunk.path.read_bytes() for chunk in chunks))
    return EditResult(
        frame_count=request.frame_range.frame_count,
        frame_rate=Fraction(24000, 1001),
        width=64,
        height=48,
        stage_seconds=(("load", 0.5), ("gather", 1.0), ("swap", 2.5), ("assemble", 0.25)),
        **_described(output),
    )
