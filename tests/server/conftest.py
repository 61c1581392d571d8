"""A real server, in this process or in one of its own, with a worker that runs the fake engine."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from via.v1 import edit_pb2, job_service_pb2, media_pb2
from via.v1.job_service_pb2_grpc import JobServiceStub
from via.v1.model_service_pb2_grpc import ModelServiceStub

from server.app import serve
from server.config import ServerConfig
from via_engine.config import EngineConfig
from via_engine.model_card import ModelCard
from via_engine.models.catalog import ModelCatalog

MakeSpec = Callable[..., edit_pb2.EditSpec]

DEADLINE_S = 60
CLIP_FRAMES = 48
CLIP_RATE = Fraction(24000, 1001)
CATALOG = ModelCatalog(
    cards=tuple(
        ModelCard(
            name=name,
            kind="fake",
            folder=Path("nowhere"),
            steps=10,
            guidance_scale=7.5,
            image_guidance_scale=1.5,
            long_side_px=64,
            multiple_px=8,
            licence="CC0-1.0",
        )
        for name in ("first", "second")
    )
)
ENDED = {
    job_service_pb2.JOB_STATE_SUCCEEDED,
    job_service_pb2.JOB_STATE_FAILED,
    job_service_pb2.JOB_STATE_CANCELLED,
}


@dataclass(frozen=True, kw_only=True)
class Client:
    """What a caller sees of a server."""

    address: str
    channel: grpc.Channel
    jobs: Any
    models: Any

    def create(self, spec: edit_pb2.EditSpec, request_id: str = "") -> job_service_pb2.Job:
        request = job_service_pb2.CreateJobRequest(request_id=request_id, spec=spec)
        return self.jobs.CreateJob(request, timeout=DEADLINE_S).job

    def get(self, name: str) -> job_service_pb2.Job:
        return self.jobs.GetJob(job_service_pb2.GetJobRequest(name=name), timeout=DEADLINE_S).job

    def cancel(self, name: str) -> job_service_pb2.Job:
        request = job_service_pb2.CancelJobRequest(name=name)
        return self.jobs.CancelJob(request, timeout=DEADLINE_S).job

    def watch(self, name: str, after: int = 0) -> Iterator[job_service_pb2.WatchJobResponse]:
        request = job_service_pb2.WatchJobRequest(name=name, after_sequence=after)
        return self.jobs.WatchJob(request, timeout=DEADLINE_S)

    def wait_for_end(self, name: str) -> job_service_pb2.Job:
        for _ in self.watch(name):
            pass
        job = self.get(name)
        assert job.state in ENDED
        return job

    def wait_for(
        self, name: str, fits: Callable[[job_service_pb2.WatchJobResponse], bool]
    ) -> job_service_pb2.WatchJobResponse:
        """The first message about the job that fits; the watch is left then."""
        watching = self.watch(name)
        try:
            return next(message for message in watching if fits(message))
        finally:
            watching.cancel()

    def read(self, name: str, offset: int = 0, limit: int = 0) -> bytes:
        request = job_service_pb2.ReadResultRequest(
            name=name, offset_bytes=offset, limit_bytes=limit
        )
        pieces = self.jobs.ReadResult(request, timeout=DEADLINE_S)
        return b"".join(piece.data for piece in pieces)


@contextmanager
def connected(address: str) -> Iterator[Client]:
    with grpc.insecure_channel(address) as channel:
        yield Client(
            address=address,
            channel=channel,
            jobs=JobServiceStub(channel),
            models=ModelServiceStub(channel),
        )


@contextmanager
def server_thread(config: ServerConfig) -> Iterator[str]:
    """Runs a server on a thread of this process; gives its address."""
    ready = threading.Event()
    told: dict[str, Any] = {}

    async def run() -> None:
        told["loop"], told["stopping"] = asyncio.get_running_loop(), asyncio.Event()
        await serve(config, CATALOG, stopping=told["stopping"], on_ready=on_ready)

    def on_ready(content: dict[str, object]) -> None:
        told.update(content)
        ready.set()

    def main() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            told["error"] = error
        ready.set()

    thread = threading.Thread(target=main)
    thread.start()
    assert ready.wait(DEADLINE_S)
    try:
        if "error" in told:
            raise told["error"]
        yield told["address"]
    finally:
        if thread.is_alive():
            told["loop"].call_soon_threadsafe(told["stopping"].set)
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


@pytest.fixture
def config(tmp_path: Path, media_folder: Path) -> ServerConfig:
    return ServerConfig(
        state_folder=tmp_path / "state",
        media_roots=(("clips", media_folder),),
        engine=EngineConfig(chunk_frames=8),
        editor_factory="tests.fakes:FakeEditor",
        grace_period_s=10.0,
    )


@pytest.fixture
def start(config: ServerConfig) -> Iterator[Callable[..., Client]]:
    """Starts servers; keyword arguments replace settings. All are stopped at the end."""
    with ExitStack() as stack:

        def started(**changes: Any) -> Client:
            address = stack.enter_context(server_thread(replace(config, **changes)))
            return stack.enter_context(connected(address))

        yield started


@pytest.fixture
def client(start: Callable[..., Client]) -> Client:
    return start()


@dataclass(frozen=True, kw_only=True)
class ServerProcess:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]


@contextmanager
def server_process(config: ServerConfig) -> Iterator[ServerProcess]:
    """Runs a server as `python -m server` would, with the fake engine; ends it at the end."""
    root, folder = config.media_roots[0]
    command = [sys.executable, "-m", "tests.server.fake_engine_server"]
    process = subprocess.Popen(
        [*command, "--state-folder", str(config.state_folder), "--media-root", f"{root}={folder}"],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield ServerProcess(process=process, ready=json.loads(process.stdout.readline()))
    finally:
        process.kill()
        process.wait(DEADLINE_S)
        process.stdout.close()


@pytest.fixture(scope="session")
def media_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one real clip of 48 frames, 64 × 48 pixels, at 24000/1001."""
    folder = tmp_path_factory.mktemp("media")
    with av.open(folder / "clip.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=CLIP_RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(CLIP_FRAMES):
            picture = np.full((48, 64, 3), 4 * shade, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return folder


@pytest.fixture
def make_spec(media_folder: Path) -> Callable[..., edit_pb2.EditSpec]:
    """An edit of the clip; arguments are fields of `EditSpec`."""
    source = media_pb2.MediaSource(absolute_path=str(media_folder / "clip.mp4"))

    def made(instruction: str = "make it night", **fields: Any) -> edit_pb2.EditSpec:
        return edit_pb2.EditSpec(**{"source": source, "instruction": instruction, **fields})

    return made


def is_chunk(message: job_service_pb2.WatchJobResponse) -> bool:
    return message.WhichOneof("event") == "chunk"


def refusal(error: pytest.ExceptionInfo[grpc.RpcError]) -> tuple[grpc.StatusCode, str]:
    """Status code and reason of a refused call."""
    info = error_details_pb2.ErrorInfo()
    details = rpc_status.from_call(error.value).details
    assert any(detail.Unpack(info) for detail in details)
    assert info.domain == "via"
    return error.value.code(), info.reason


def open_gate(config: ServerConfig, job_name: str) -> None:
    """Lets a job go on that waits, as "slow" tells the fake engine to."""
    (config.state_folder / job_name / "go").touch()
