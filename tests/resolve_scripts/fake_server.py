# ruff: noqa: N802  gRPC names the methods.
"""A Via server without an engine: real gRPC on a real port, scripted faults, instant edits."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from via.v1 import adapt_pb2, edit_pb2, job_service_pb2, media_pb2, model_service_pb2
from via.v1.job_service_pb2_grpc import JobServiceServicer, add_JobServiceServicer_to_server
from via.v1.model_service_pb2_grpc import ModelServiceServicer, add_ModelServiceServicer_to_server

PIECE_BYTES = 1000
ADAPTER_BYTES = b"adapter" * 500


@dataclass
class FakeServer(JobServiceServicer, ModelServiceServicer):
    """State and switches of the fake; a test reads and sets them as it likes."""

    # Frames and rate of every media file it knows, by file name.
    media: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    # Changing the number of a file is changing the file.
    content: dict[str, int] = field(default_factory=dict)
    media_roots: list[str] = field(default_factory=lambda: ["/"])
    max_queued_jobs: int = 100
    failing_instructions: set[str] = field(default_factory=set)
    # Instructions that name a subject no frame holds.
    lost_instructions: set[str] = field(default_factory=set)
    endless_instructions: set[str] = field(default_factory=set)
    # How ListModels ends, None meaning well.
    status: grpc.StatusCode | None = None
    # Faults still to come, one consumed per use.
    broken_calls: int = 0
    broken_watches: list[int] = field(default_factory=list)
    broken_reads: list[int] = field(default_factory=list)
    is_damaging_results: bool = False
    # Jobs whose clip is no longer on the server's disk.
    lost_results: set[str] = field(default_factory=set)
    is_without_pictures: bool = False
    # What was seen.
    jobs: dict[str, job_service_pb2.Job] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    read_offsets: list[int] = field(default_factory=list)
    watched_after: list[int] = field(default_factory=list)
    proposals: list[tuple[edit_pb2.EditSpec, int]] = field(default_factory=list)
    frames_read: list[job_service_pb2.ReadFrameRequest] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    calls: int = 0
    jobs_made: int = 0
    validated: int = 0
    address: str = ""

    def GetServerInfo(self, request, context):
        self.calls += 1
        if self.broken_calls:
            self.broken_calls -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "warming up")
        self.tokens |= {value for key, value in context.invocation_metadata() if "auth" in key}
        roots = [model_service_pb2.MediaRoot(root_id="r", path=root) for root in self.media_roots]
        return model_service_pb2.GetServerInfoResponse(
            version="9.9", device="cpu", default_model="tiny", media_roots=roots,
            process_id=os.getpid(),
        )  # fmt: skip

    def ListModels(self, request, context):
        if self.status is not None:
            context.abort(self.status, "something happened")
        return model_service_pb2.ListModelsResponse(models=[model_service_pb2.Model(name="tiny")])

    def ValidateEdit(self, request, context):
        self.validated += 1
        spec = self.resolved(request.spec, context)
        frames = spec.frame_range.end_frame_exclusive - spec.frame_range.start_frame
        plan = edit_pb2.EditPlan(
            resolved_spec=spec, media=self.media_info(spec, context), frame_count=frames
        )
        return job_service_pb2.ValidateEditResponse(plan=plan)

    def CreateJob(self, request, context):
        earlier = [job for job in self.jobs.values() if job.request_id == request.request_id]
        if earlier:
            return job_service_pb2.CreateJobResponse(job=earlier[0])
        queued = sum(job.state == job_service_pb2.JOB_STATE_QUEUED for job in self.jobs.values())
        if queued >= self.max_queued_jobs:
            refuse(context, code_pb2.RESOURCE_EXHAUSTED, "QUEUE_FULL", "too many jobs wait")
        self.jobs_made += 1
        job = job_service_pb2.Job(
            name=f"jobs/{self.jobs_made}",
            state=job_service_pb2.JOB_STATE_QUEUED,
            spec=self.resolved(request.spec, context),
            request_id=request.request_id,
        )
        self.jobs[job.name] = job
        return job_service_pb2.CreateJobResponse(job=job)

    def GetJob(self, request, context):
        return job_service_pb2.GetJobResponse(job=self.job(request.name, context))

    def ListJobs(self, request, context):
        jobs = list(reversed(self.jobs.values()))
        if request.states:
            jobs = [job for job in jobs if job.state in request.states]
        start = int(request.page_token or 0)
        page = jobs[start : start + 2]
        more = str(start + 2) if start + 2 < len(jobs) else ""
        return job_service_pb2.ListJobsResponse(jobs=page, next_page_token=more)

    def WatchJob(self, request, context):
        job = self.job(request.name, context)
        self.watched_after.append(request.after_sequence)
        breaks_after = self.broken_watches.pop(0) if self.broken_watches else None
        for number, event in enumerate(self.story(job, request.after_sequence, context)):
            if number == breaks_after:
                context.abort(grpc.StatusCode.UNAVAILABLE, "connection reset")
            yield event

    def CancelJob(self, request, context):
        job = self.job(request.name, context)
        job.state = job_service_pb2.JOB_STATE_CANCELLED
        return job_service_pb2.CancelJobResponse(job=job)

    def RetryJob(self, request, context):
        job = self.job(request.name, context)
        if job.state not in (job_service_pb2.JOB_STATE_FAILED, job_service_pb2.JOB_STATE_CANCELLED):
            refuse(context, code_pb2.FAILED_PRECONDITION, "JOB_STATE_WRONG", "it has not failed")
        job.state = job_service_pb2.JOB_STATE_QUEUED
        return job_service_pb2.RetryJobResponse(job=job)

    def DeleteJob(self, request, context):
        del self.jobs[self.job(request.name, context).name]
        return job_service_pb2.DeleteJobResponse()

    def ProposeRoots(self, request, context):
        spec = self.resolved(request.spec, context)
        self.proposals.append((spec, request.count))
        for number in range(request.count):
            choice = adapt_pb2.RootChoice(
                frame=12, seed=number, guidance_scale=7.1, image_guidance_scale=1.5
            )
            fault = "" if number < 2 else "nothing changed"
            candidate = adapt_pb2.RootCandidate(
                choice=choice, png=b"edit", score=1.5 - number, is_sound=not fault, fault=fault
            )
            yield job_service_pb2.ProposeRootsResponse(candidate=candidate)
        yield job_service_pb2.ProposeRootsResponse(sheet_png=b"sheet")

    def UploadMedia(self, requests, context):
        name = next(requests).file_name
        data = b"".join(request.data for request in requests)
        upload_id = f"{len(self.uploads)}-{name}"
        self.uploads[upload_id] = data
        return job_service_pb2.UploadMediaResponse(
            upload_id=upload_id, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
        )

    def ReadResult(self, request, context):
        self.read_offsets.append(request.offset_bytes)
        job = self.job(request.name, context)
        if request.name in self.lost_results:
            refuse(context, code_pb2.NOT_FOUND, "RESULT_MISSING", "the clip is gone")
        is_adapter = request.part == job_service_pb2.RESULT_PART_ADAPTER
        data = ADAPTER_BYTES if is_adapter else result_bytes(job)
        if self.is_damaging_results:
            data = bytes(len(data))
        breaks_after = self.broken_reads.pop(0) if self.broken_reads else None
        starts = range(request.offset_bytes, len(data), PIECE_BYTES)
        for number, start in enumerate(starts):
            if number == breaks_after:
                context.abort(grpc.StatusCode.UNAVAILABLE, "connection reset")
            yield job_service_pb2.ReadResultResponse(data=data[start : start + PIECE_BYTES])

    def ReadFrame(self, request, context):
        self.frames_read.append(request)
        if self.is_without_pictures:
            refuse(context, code_pb2.NOT_FOUND, "RESULT_MISSING", "gone")
        return job_service_pb2.ReadFrameResponse(picture=b"jpeg", width=16, height=9)

    def job(self, name: str, context: grpc.ServicerContext) -> job_service_pb2.Job:
        if name not in self.jobs:
            refuse(context, code_pb2.NOT_FOUND, "JOB_NOT_FOUND", f"no job {name}")
        return self.jobs[name]

    def story(
        self, job: job_service_pb2.Job, after: int, context: grpc.ServicerContext
    ) -> Iterator[job_service_pb2.WatchJobResponse]:
        """Snapshot, group, five progress events, the end; sequences 1 to 7."""
        spec = job.spec
        total = spec.frame_range.end_frame_exclusive - spec.frame_range.start_frame
        reused = [*self.jobs].index(job.name) > 0
        group = job_service_pb2.GroupInfo(group_frames=[0, 3], reused=reused)
        steps = [
            job_service_pb2.JobProgress(
                stage=job_service_pb2.JOB_STAGE_SWAP, frames_done=done, frames_total=total,
                seconds_per_frame=0.5,
            )
            for done in range(0, total + 1, max(1, total // 4))
        ]  # fmt: skip
        yield job_service_pb2.WatchJobResponse(sequence=after, job=job)
        events = [job_service_pb2.WatchJobResponse(group=group)]
        events += [job_service_pb2.WatchJobResponse(progress=step) for step in steps]
        for sequence, event in enumerate(events, 1):
            event.sequence = sequence
            if sequence > after:
                yield event
        while spec.instruction in self.endless_instructions and context.is_active():
            if job.state == job_service_pb2.JOB_STATE_CANCELLED:
                break
            yield job_service_pb2.WatchJobResponse(
                sequence=len(events), heartbeat=job_service_pb2.Heartbeat()
            )
        self.end(job, group, total)
        yield job_service_pb2.WatchJobResponse(sequence=len(events) + 1, job=job)

    def end(self, job: job_service_pb2.Job, group: job_service_pb2.GroupInfo, total: int) -> None:
        if job.state == job_service_pb2.JOB_STATE_CANCELLED:
            return
        job.group.CopyFrom(group)
        if job.spec.instruction in self.lost_instructions:
            job.state = job_service_pb2.JOB_STATE_FAILED
            job.error.reason, job.error.message = "SUBJECT_NOT_FOUND", 'no frame holds "a dragon"'
            return
        if job.spec.local.HasField("own_mask") or job.spec.local.phrase:
            phrases = [job.spec.local.phrase] if job.spec.local.phrase else []
            mask = job_service_pb2.MaskInfo(
                phrases=phrases,
                frames_with_subject=total // 2,
                frames_total=total,
                is_background="background" in job.spec.instruction,
            )
            job.mask.CopyFrom(mask)
        if job.spec.adapt.enabled:
            job.adapter.size_bytes = len(ADAPTER_BYTES)
            job.adapter.sha256 = hashlib.sha256(ADAPTER_BYTES).hexdigest()
            job.adapter.root_frame, job.adapter.steps = 12, 200
        if job.spec.instruction in self.failing_instructions:
            job.state = job_service_pb2.JOB_STATE_FAILED
            job.error.reason, job.error.message = "MEDIA_CHANGED", "the media was replaced"
            return
        job.state = job_service_pb2.JOB_STATE_SUCCEEDED
        data = result_bytes(job)
        job.result.size_bytes, job.result.sha256 = len(data), hashlib.sha256(data).hexdigest()
        job.result.frame_count = total + max(0, job.spec.hold_frames - 1)
        job.result.file_name = "result.mov"
        time = job.result.stage_times.add(stage=job_service_pb2.JOB_STAGE_SWAP)
        time.duration.FromMilliseconds(1500)

    def media_info(
        self, spec: edit_pb2.EditSpec, context: grpc.ServicerContext
    ) -> media_pb2.MediaInfo:
        source = spec.source
        name = Path(source.absolute_path or source.upload_id.partition("-")[2]).name
        if source.HasField("sequence"):
            pictures = source.sequence
            return media_pb2.MediaInfo(
                frame_rate=pictures.frame_rate, frame_count=pictures.frame_count, identity="seq"
            )
        if name not in self.media:
            refuse(context, code_pb2.INVALID_ARGUMENT, "MEDIA_UNREADABLE", f"{name} is no video")
        frames, num, den = self.media[name]
        rate = media_pb2.Rational(num=num, den=den)
        return media_pb2.MediaInfo(
            frame_rate=rate, frame_count=frames, identity=f"{name} {self.content.get(name, 1)}"
        )

    def resolved(
        self, asked: edit_pb2.EditSpec, context: grpc.ServicerContext
    ) -> edit_pb2.EditSpec:
        frames = self.media_info(asked, context).frame_count
        spec = edit_pb2.EditSpec()
        spec.CopyFrom(asked)
        if spec.model not in ("", "tiny"):
            refuse(context, code_pb2.INVALID_ARGUMENT, "MODEL_UNKNOWN", f"no model {spec.model}")
        if spec.identity:
            spec.model = ""
        else:
            spec.model = "tiny"
        if not asked.HasField("frame_range"):
            spec.frame_range.end_frame_exclusive = frames
        if spec.frame_range.end_frame_exclusive > frames:
            text = f"the media has frames 0:{frames}"
            refuse(context, code_pb2.INVALID_ARGUMENT, "RANGE_OUTSIDE_MEDIA", text)
        return spec


def result_bytes(job: job_service_pb2.Job) -> bytes:
    """What the fake renders: bytes that tell one edit from another, some pieces long."""
    return f"{job.name} {job.spec.instruction} {job.spec.frame_range}\n".encode() * 100


def refuse(context: grpc.ServicerContext, code: int, reason: str, message: str) -> None:
    """Ends a call the way the real server does."""
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="via"))
    status = status_pb2.Status(code=code, message=message, details=[detail])
    context.abort_with_status(rpc_status.to_status(status))


@contextmanager
def serving(fake: FakeServer) -> Iterator[FakeServer]:
    """The fake on a free port of this machine; its address is set."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    add_JobServiceServicer_to_server(fake, server)
    add_ModelServiceServicer_to_server(fake, server)
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield fake
    finally:
        server.stop(grace=None).wait()
