"""The one door to a Via server; nothing else on the workstation knows gRPC.

Answers are the messages of `via.v1`, the contract itself. Errors are `ViaClientError`s with the
server's own reason and words. Only what may be repeated without harm is retried, only here, and
only while the server is unavailable.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from via.v1 import adapt_pb2, edit_pb2, job_service_pb2, model_service_pb2
from via.v1.job_service_pb2_grpc import JobServiceStub
from via.v1.model_service_pb2_grpc import ModelServiceStub

from resolve_scripts.errors import (
    InvalidEditError,
    JobCancelledError,
    NotKnownError,
    ServerBusyError,
    ServerRefusedError,
    ServerUnreachableError,
    TransferError,
    ViaClientError,
    with_next_step,
)

RETRY_DELAYS_S = (0.1, 0.3, 1.0, 2.0)
WATCH_RETRY_DELAYS_S = (0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 8.0)
QUICK_DEADLINE_S = 20.0
# The server reads the whole index of a long file before it answers.
PROBE_DEADLINE_S = 60.0
LOAD_DEADLINE_S = 600.0
PAGE_SIZE = 100
STOP_LOOK_S = 0.2
TLS = "tls://"
CHANNEL_OPTIONS = (
    # Finds a dead connection under a silent watch; the server's heartbeats keep it polite.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # A server that is still starting is tried again soon.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
)

ENDED_STATES = frozenset(
    {
        job_service_pb2.JOB_STATE_SUCCEEDED,
        job_service_pb2.JOB_STATE_FAILED,
        job_service_pb2.JOB_STATE_CANCELLED,
    }
)

# Jobs that still want the worker.
OPEN_STATES = (
    job_service_pb2.JOB_STATE_QUEUED,
    job_service_pb2.JOB_STATE_LOADING_MODELS,
    job_service_pb2.JOB_STATE_RUNNING,
    job_service_pb2.JOB_STATE_INTERRUPTED,
)

ERROR_TYPES: dict[grpc.StatusCode, type[ViaClientError]] = {
    grpc.StatusCode.UNAVAILABLE: ServerUnreachableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: ServerUnreachableError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidEditError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidEditError,
    grpc.StatusCode.NOT_FOUND: NotKnownError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ServerBusyError,
    grpc.StatusCode.DATA_LOSS: TransferError,
}


@dataclass(frozen=True, kw_only=True)
class RootProposal:
    """Root candidates, the best first, and a PNG that shows them numbered from 1."""

    candidates: tuple[adapt_pb2.RootCandidate, ...]
    sheet_png: bytes


def _channel(address: str, trusted: bytes | None) -> grpc.Channel:
    host_and_port = address.removeprefix(TLS)
    if host_and_port == address:
        return grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
    credentials = grpc.ssl_channel_credentials(root_certificates=trusted)
    return grpc.secure_channel(host_and_port, credentials, options=CHANNEL_OPTIONS)


class ViaClient:
    """Talks to the server at one address; a context manager that closes the connection.

    Args:
        address: "host:port", "unix:path", or "tls://host:port".
        token: sent as a bearer token with every call, when the server asks for one.
        trusted: PEM of the certificates to trust with TLS; None trusts those gRPC knows.
        sleep: waits the given seconds between tries.
    """

    def __init__(
        self,
        address: str,
        *,
        token: str | None = None,
        trusted: bytes | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address = address
        self._sleep = sleep
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._channel = _channel(address, trusted)
        # The generated stubs are untyped; what they answer is named at each call below.
        self._jobs: Any = JobServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._models: Any = ModelServiceStub(self._channel)  # type: ignore[no-untyped-call]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def server_info(
        self, *, deadline_s: float = QUICK_DEADLINE_S
    ) -> model_service_pb2.GetServerInfoResponse:
        """What the server is and what it allows; the quickest proof that it is one."""
        request = model_service_pb2.GetServerInfoRequest()
        answer: model_service_pb2.GetServerInfoResponse = self._call(
            self._models.GetServerInfo, request, deadline_s=deadline_s
        )
        return answer

    def list_models(self) -> list[model_service_pb2.Model]:
        """All models, the default first."""
        request = model_service_pb2.ListModelsRequest()
        answer: model_service_pb2.ListModelsResponse = self._call(self._models.ListModels, request)
        return list(answer.models)

    def get_model(self, name: str) -> model_service_pb2.Model:
        """One model."""
        request = model_service_pb2.GetModelRequest(name=name)
        answer: model_service_pb2.GetModelResponse = self._call(self._models.GetModel, request)
        return answer.model

    def load_model(self, name: str) -> model_service_pb2.Model:
        """Makes a model resident; may take minutes."""
        request = model_service_pb2.LoadModelRequest(name=name)
        answer: model_service_pb2.LoadModelResponse = self._call(
            self._models.LoadModel, request, deadline_s=LOAD_DEADLINE_S
        )
        return answer.model

    def unload_model(self, name: str) -> model_service_pb2.Model:
        """Frees a model."""
        request = model_service_pb2.UnloadModelRequest(name=name)
        answer: model_service_pb2.UnloadModelResponse = self._call(
            self._models.UnloadModel, request
        )
        return answer.model

    def validate_edit(self, spec: edit_pb2.EditSpec) -> edit_pb2.EditPlan:
        """What an edit would do, and the media as the server probed it."""
        request = job_service_pb2.ValidateEditRequest(spec=spec)
        answer: job_service_pb2.ValidateEditResponse = self._call(
            self._jobs.ValidateEdit, request, deadline_s=PROBE_DEADLINE_S
        )
        return answer.plan

    def create_job(
        self, spec: edit_pb2.EditSpec, *, request_id: str | None = None
    ) -> job_service_pb2.Job:
        """Queues an edit; the same `request_id` (a UUID4) gives the same job."""
        request = job_service_pb2.CreateJobRequest(
            request_id=request_id or str(uuid.uuid4()), spec=spec
        )
        answer: job_service_pb2.CreateJobResponse = self._call(
            self._jobs.CreateJob, request, deadline_s=PROBE_DEADLINE_S
        )
        return answer.job

    def get_job(self, name: str) -> job_service_pb2.Job:
        """One job."""
        request = job_service_pb2.GetJobRequest(name=name)
        answer: job_service_pb2.GetJobResponse = self._call(self._jobs.GetJob, request)
        return answer.job

    def list_jobs(
        self, states: Iterable[job_service_pb2.JobState] = ()
    ) -> Iterator[job_service_pb2.Job]:
        """All jobs in these states (no state means all), newest first, page after page."""
        request = job_service_pb2.ListJobsRequest(page_size=PAGE_SIZE, states=states)
        while True:
            page: job_service_pb2.ListJobsResponse = self._call(self._jobs.ListJobs, request)
            yield from page.jobs
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def cancel_job(self, name: str) -> job_service_pb2.Job:
        """Asks a job to stop; what is finished is kept."""
        request = job_service_pb2.CancelJobRequest(name=name)
        answer: job_service_pb2.CancelJobResponse = self._call(self._jobs.CancelJob, request)
        return answer.job

    def retry_job(self, name: str) -> job_service_pb2.Job:
        """Queues an ended job again. Never retried by itself: the first try may have worked."""
        request = job_service_pb2.RetryJobRequest(name=name)
        answer: job_service_pb2.RetryJobResponse = self._call(
            self._jobs.RetryJob, request, delays_s=()
        )
        return answer.job

    def delete_job(self, name: str) -> None:
        """Removes an ended job with its files. Never retried by itself, as `retry_job`."""
        request = job_service_pb2.DeleteJobRequest(name=name)
        self._call(self._jobs.DeleteJob, request, delays_s=())

    def preview_frame(
        self, spec: edit_pb2.EditSpec, frame: int, *, stop: threading.Event | None = None
    ) -> job_service_pb2.PreviewFrameResponse:
        """One edited frame, at the model's working size; `stop` ends the work on it."""
        request = job_service_pb2.PreviewFrameRequest(spec=spec, frame=frame)
        call = self._jobs.PreviewFrame.future(
            request, timeout=LOAD_DEADLINE_S, metadata=self._metadata
        )
        try:
            with _ended_by(stop, call):
                answer: job_service_pb2.PreviewFrameResponse = call.result()
        except grpc.RpcError as error:
            raise translated(error, self.address) from error
        except grpc.FutureCancelledError as error:
            raise JobCancelledError("the preview was stopped; ask for it again") from error
        return answer

    def read_frame(
        self, request: job_service_pb2.ReadFrameRequest
    ) -> job_service_pb2.ReadFrameResponse:
        """One frame of a media file, or of a job's finished clip, as a picture."""
        answer: job_service_pb2.ReadFrameResponse = self._call(
            self._jobs.ReadFrame, request, deadline_s=PROBE_DEADLINE_S
        )
        return answer

    def propose_roots(
        self, spec: edit_pb2.EditSpec, count: int, *, stop: threading.Event | None = None
    ) -> RootProposal:
        """Edited root frames to choose from, made anew; leaving it, or `stop`, ends the work."""
        request = job_service_pb2.ProposeRootsRequest(spec=spec, count=count)
        parts = self._jobs.ProposeRoots(request, metadata=self._metadata)
        candidates: list[adapt_pb2.RootCandidate] = []
        sheet_png = b""
        try:
            with _ended_by(stop, parts):
                for part in parts:
                    if part.HasField("candidate"):
                        candidates.append(part.candidate)
                    else:
                        sheet_png = part.sheet_png
        except grpc.RpcError as error:
            raise translated(error, self.address) from error
        finally:
            parts.cancel()
        return RootProposal(candidates=tuple(candidates), sheet_png=sheet_png)

    def watch_job(
        self, name: str, after_sequence: int = 0
    ) -> Iterator[job_service_pb2.WatchJobResponse]:
        """Follows a job to its end; a lost connection is taken up where it broke."""
        failures = 0
        ended = False
        while not ended:
            request = job_service_pb2.WatchJobRequest(name=name, after_sequence=after_sequence)
            try:
                for event in self._jobs.WatchJob(request, metadata=self._metadata):
                    failures = 0
                    after_sequence = max(after_sequence, event.sequence)
                    ended = event.HasField("job") and event.job.state in ENDED_STATES
                    yield event
                lost = "the server closed the connection"
            except grpc.RpcError as error:
                if _code(error) is not grpc.StatusCode.UNAVAILABLE:
                    raise translated(error, self.address) from error
                lost = _text(error)
            if not ended:
                self._wait_before_try(failures, lost)
                failures += 1

    def upload_media(
        self, parts: Iterable[job_service_pb2.UploadMediaRequest]
    ) -> job_service_pb2.UploadMediaResponse:
        """Sends a media file: its name first, then its bytes in order."""
        try:
            answer: job_service_pb2.UploadMediaResponse = self._jobs.UploadMedia(
                iter(parts), metadata=self._metadata
            )
        except grpc.RpcError as error:
            raise translated(error, self.address) from error
        return answer

    def read_result(
        self,
        name: str,
        offset_bytes: int = 0,
        *,
        part: job_service_pb2.ResultPart = job_service_pb2.RESULT_PART_CLIP,
    ) -> Iterator[bytes]:
        """A part of the result from `offset_bytes` on; a lost connection is taken up there."""
        failures = 0
        while True:
            request = job_service_pb2.ReadResultRequest(
                name=name, offset_bytes=offset_bytes, part=part
            )
            try:
                for piece in self._jobs.ReadResult(request, metadata=self._metadata):
                    failures = 0
                    offset_bytes += len(piece.data)
                    yield piece.data
                return
            except grpc.RpcError as error:
                if _code(error) is not grpc.StatusCode.UNAVAILABLE:
                    raise translated(error, self.address) from error
                self._wait_before_try(failures, _text(error))
                failures += 1

    def _wait_before_try(self, failures: int, lost: str) -> None:
        if failures >= len(WATCH_RETRY_DELAYS_S):
            raise ServerUnreachableError(
                f"the server at {self.address} stopped answering ({lost}); "
                "its jobs are kept: start it again and use `via jobs ls`"
            )
        self._sleep(WATCH_RETRY_DELAYS_S[failures])

    def _call(
        self,
        method: Callable[..., Any],
        request: object,
        *,
        deadline_s: float = QUICK_DEADLINE_S,
        delays_s: tuple[float, ...] = RETRY_DELAYS_S,
    ) -> Any:
        try:
            return method(request, timeout=deadline_s, metadata=self._metadata)
        except grpc.RpcError as error:
            if not delays_s or _code(error) is not grpc.StatusCode.UNAVAILABLE:
                raise translated(error, self.address) from error
        self._sleep(delays_s[0])
        return self._call(method, request, deadline_s=deadline_s, delays_s=delays_s[1:])


@contextmanager
def _ended_by(stop: threading.Event | None, call: Any) -> Iterator[None]:
    """Cancels the call under way inside the block once `stop` is set."""
    if stop is None:
        yield
        return
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            if stop.wait(STOP_LOOK_S):
                call.cancel()
                return

    watcher = threading.Thread(target=watch, name="stop", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()


def translated(error: grpc.RpcError, address: str) -> ViaClientError:
    """The workstation's error for a gRPC status, with the server's reason and words."""
    code = _code(error)
    kind = ERROR_TYPES.get(code, ServerRefusedError)
    if kind is ServerUnreachableError:
        return ServerUnreachableError(
            f"no answer from the Via server at {address} ({_text(error)}); "
            "is it running? start one with `via serve`, or name another with --server"
        )
    reason = _reason(error) or code.name
    return kind(with_next_step(_text(error), reason), reason=reason)


def _code(error: grpc.RpcError) -> grpc.StatusCode:
    return error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN


def _text(error: grpc.RpcError) -> str:
    return (error.details() if isinstance(error, grpc.Call) else None) or "no reason given"


def _reason(error: grpc.RpcError) -> str | None:
    """Reason of the server's ErrorInfo, if it sent one."""
    status = rpc_status.from_call(error) if isinstance(error, grpc.Call) else None
    details: list[Any] = list(status.details) if status else []
    info = error_details_pb2.ErrorInfo()
    return next((str(info.reason) for detail in details if detail.Unpack(info)), None)
