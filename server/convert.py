"""Jobs and models: messages of the contract to and from the server's own values. Pure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from google.protobuf.timestamp_pb2 import Timestamp
from via.v1 import adapt_pb2, job_service_pb2, model_service_pb2

from server import jobs
from server.convert_edit import (
    duration_message,
    edit_spec_message,
    media_message,
    range_message,
    rational_message,
)
from server.convert_settings import choice_message, chosen
from server.convert_source import media_source
from server.errors import ArgumentError
from server.jobs import (
    ChunkStored,
    EditorTuned,
    GroupGathered,
    JobChanged,
    JobState,
    MaskFound,
    Noted,
    Progressed,
    ResultPart,
)
from server.viewing import FrameRequest
from server.watching import Watched
from server.worker_process import FramePicture
from via_engine.edit_events import RootCandidate, Stage
from via_engine.media_types import FrameView, PictureFormat
from via_engine.model_card import ModelCard

STAGE_NUMBERS = {
    None: job_service_pb2.JOB_STAGE_UNSPECIFIED,
    Stage.LOAD: job_service_pb2.JOB_STAGE_LOAD,
    Stage.MASK: job_service_pb2.JOB_STAGE_MASK,
    Stage.ADAPT: job_service_pb2.JOB_STAGE_ADAPT,
    Stage.GATHER: job_service_pb2.JOB_STAGE_GATHER,
    Stage.SWAP: job_service_pb2.JOB_STAGE_SWAP,
    Stage.ASSEMBLE: job_service_pb2.JOB_STAGE_ASSEMBLE,
}
STATE_NUMBERS: dict[JobState, job_service_pb2.JobState] = {
    state: getattr(job_service_pb2, f"JOB_STATE_{state.value}") for state in JobState
}
RESULT_PARTS = {
    job_service_pb2.RESULT_PART_CLIP: ResultPart.CLIP,
    job_service_pb2.RESULT_PART_ADAPTER: ResultPart.ADAPTER,
}
PICTURE_FORMATS = {
    job_service_pb2.PICTURE_FORMAT_JPEG: PictureFormat.JPEG,
    job_service_pb2.PICTURE_FORMAT_PNG: PictureFormat.PNG,
}
STATES = {number: state for state, number in STATE_NUMBERS.items()}


def states(numbers: Iterable[job_service_pb2.JobState]) -> frozenset[JobState]:
    """The states asked for.

    Raises:
        ArgumentError: one of them is none.
    """
    wanted = list(numbers)
    for number in wanted:
        if number not in STATES:
            raise ArgumentError(f"{number} is no state of a job", field="states")
    return frozenset(STATES[number] for number in wanted)


def result_part(number: job_service_pb2.ResultPart) -> ResultPart:
    """What of a job is to be read.

    Raises:
        ArgumentError: there is no such part.
    """
    return chosen(number, RESULT_PARTS, ResultPart.CLIP, field="part")


def frame_request(message: job_service_pb2.ReadFrameRequest) -> FrameRequest:
    """The frame asked for.

    Raises:
        ArgumentError: nothing is named that has frames, or an enum has no such number.
    """
    is_result = message.WhichOneof("clip") == "job_name"
    return FrameRequest(
        clip=message.job_name if is_result else media_source(message.source, field="source"),
        frame=message.frame,
        max_side_px=message.max_side_px,
        format_=chosen(message.format, PICTURE_FORMATS, PictureFormat.JPEG, field="format"),
    )


async def upload_parts(
    parts: AsyncIterator[job_service_pb2.UploadMediaRequest],
) -> AsyncIterator[str | bytes]:
    """File names and, after each, the bytes of the file."""
    async for part in parts:
        yield part.file_name if part.WhichOneof("part") == "file_name" else part.data


def job_message(job: jobs.Job) -> job_service_pb2.Job:
    """The whole job."""
    return job_service_pb2.Job(
        name=job.name,
        state=STATE_NUMBERS[job.state],
        spec=edit_spec_message(job.spec),
        request_id=job.request_id,
        create_time=_timestamp(job.create_time_s),
        start_time=_timestamp(job.start_time_s),
        end_time=_timestamp(job.end_time_s),
        progress=progress_message(job.progress),
        error=_error_message(job.error),
        result=_result_message(job.result),
        group=None if job.group is None else group_message(job.group),
        mask=None if job.mask is None else mask_message(job.mask),
        adapter=None if job.adapter is None else adapter_message(job.adapter),
        attempt=job.attempt,
        last_sequence=job.last_sequence,
        notes=job.notes,
        media=media_message(job.media),
    )


def progress_message(progress: jobs.JobProgress) -> job_service_pb2.JobProgress:
    """How far a job is."""
    return job_service_pb2.JobProgress(
        stage=STAGE_NUMBERS[progress.stage],
        frames_done=progress.frames_done,
        frames_total=progress.frames_total,
        seconds_per_frame=progress.seconds_per_frame,
        eta=duration_message(progress.eta_s),
    )


def group_message(group: jobs.GroupInfo) -> job_service_pb2.GroupInfo:
    """The attention group of a job."""
    return job_service_pb2.GroupInfo(
        group_frames=group.group_frames, reused=group.reused, size_bytes=group.size_bytes
    )


def mask_message(mask: jobs.MaskInfo) -> job_service_pb2.MaskInfo:
    """Where a job's edit goes."""
    return job_service_pb2.MaskInfo(
        phrases=mask.phrases,
        frames_with_subject=mask.frames_with_subject,
        frames_total=mask.frames_total,
        is_background=mask.is_background,
    )


def adapter_message(adapter: jobs.AdapterInfo) -> job_service_pb2.AdapterInfo:
    """The editor as a job tuned it."""
    return job_service_pb2.AdapterInfo(
        root_frame=adapter.root_frame,
        steps=adapter.steps,
        reused=adapter.reused,
        duration=duration_message(adapter.seconds),
        file_name=adapter.file_name,
        size_bytes=adapter.size_bytes,
        sha256=adapter.sha256,
    )


def candidate_message(candidate: RootCandidate) -> job_service_pb2.ProposeRootsResponse:
    """An edited root frame to choose from."""
    message = adapt_pb2.RootCandidate(
        choice=choice_message(candidate.choice),
        png=candidate.png,
        source_png=candidate.source_png,
        score=candidate.score,
        is_sound=candidate.is_sound,
        fault=candidate.fault,
    )
    return job_service_pb2.ProposeRootsResponse(candidate=message)


def watch_message(watched: Watched) -> job_service_pb2.WatchJobResponse:
    """One message to a watcher."""
    message = job_service_pb2.WatchJobResponse(sequence=watched.sequence)
    match watched.event:
        case JobChanged(job=job):
            message.job.CopyFrom(job_message(job))
        case Progressed(progress=progress):
            message.progress.CopyFrom(progress_message(progress))
        case MaskFound(mask=mask):
            message.mask.CopyFrom(mask_message(mask))
        case EditorTuned(adapter=adapter):
            message.adapter.CopyFrom(adapter_message(adapter))
        case GroupGathered(group=group):
            message.group.CopyFrom(group_message(group))
        case ChunkStored(index=index, frame_range=frames):
            chunk = job_service_pb2.ChunkDone(index=index, frame_range=range_message(frames))
            message.chunk.CopyFrom(chunk)
        case Noted(text=text):
            message.log_line.text = text
        case None:
            message.heartbeat.SetInParent()
    return message


def picture_message(picture: FramePicture) -> job_service_pb2.PreviewFrameResponse:
    """A previewed frame."""
    return job_service_pb2.PreviewFrameResponse(
        png=picture.png,
        source_png=picture.source_png,
        width=picture.width,
        height=picture.height,
    )


def view_message(view: FrameView) -> job_service_pb2.ReadFrameResponse:
    """A frame as it is."""
    return job_service_pb2.ReadFrameResponse(
        picture=view.picture,
        width=view.width,
        height=view.height,
        upright_width=view.upright_width,
        upright_height=view.upright_height,
        media=media_message(view.media),
    )


def model_message(card: ModelCard, *, is_loaded: bool) -> model_service_pb2.Model:
    """What is known of a model."""
    return model_service_pb2.Model(
        name=card.name,
        kind=card.kind,
        licence=card.licence,
        default_steps=card.steps,
        default_guidance_scale=card.guidance_scale,
        default_image_guidance_scale=card.image_guidance_scale,
        long_side_px=card.long_side_px,
        is_loaded=is_loaded,
        understands=card.understands,
    )


def _error_message(error: jobs.JobError | None) -> job_service_pb2.JobError | None:
    if error is None:
        return None
    return job_service_pb2.JobError(reason=error.reason, message=error.message)


def _result_message(result: jobs.JobResult | None) -> job_service_pb2.JobResult | None:
    if result is None:
        return None
    return job_service_pb2.JobResult(
        file_name=result.file_name,
        size_bytes=result.size_bytes,
        sha256=result.sha256,
        frame_count=result.frame_count,
        frame_rate=rational_message(result.frame_rate),
        width=result.width,
        height=result.height,
        stage_times=[
            job_service_pb2.StageTime(
                stage=STAGE_NUMBERS[Stage(name)], duration=duration_message(seconds)
            )
            for name, seconds in result.stage_seconds
        ],
    )


def _timestamp(unix_s: float | None) -> Timestamp | None:
    if unix_s is None:
        return None
    message = Timestamp()
    message.FromMicroseconds(round(unix_s * 1e6))
    return message
