"""Pictures for the report of a batch: frames before and after, asked of the server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from via.v1 import job_service_pb2

from resolve_scripts.batch.clip_plan import ClipPlan
from resolve_scripts.client import ViaClient
from resolve_scripts.errors import ViaClientError
from resolve_scripts.transfer import MediaDesk

SIDE_PX = 320
MOST_COLUMNS = 3


@dataclass(frozen=True, kw_only=True)
class FramePair:
    """A frame before and after its edit, as JPEG; empty where the server has it no longer.

    `media_frame` counts from 0 at the first picture of the source.
    """

    media_frame: int
    before: bytes
    after: bytes


def frame_pairs(
    client: ViaClient, desk: MediaDesk, plan: ClipPlan, rendered: Path, job_name: str
) -> tuple[FramePair, ...]:
    """The first frame a viewer sees of a clip, the middle one and the last."""
    shown, first = plan.need.shown, plan.need.frames.start_frame
    return tuple(
        FramePair(
            media_frame=frame,
            before=_picture(client, _of_source(desk, plan), frame),
            after=_picture(client, _of_render(desk, rendered, job_name), frame - first),
        )
        for frame in chosen_frames(shown.start_frame, shown.end_frame_exclusive)
    )


def chosen_frames(start: int, end: int) -> tuple[int, ...]:
    """First, middle and last frame of start … end, end being exclusive; fewer where there are."""
    last = end - 1
    return tuple(sorted({start, (start + last) // 2, last}))[:MOST_COLUMNS]


def _of_source(desk: MediaDesk, plan: ClipPlan) -> job_service_pb2.ReadFrameRequest:
    return job_service_pb2.ReadFrameRequest(source=desk.source(plan.media))


def _of_render(desk: MediaDesk, rendered: Path, job_name: str) -> job_service_pb2.ReadFrameRequest:
    """The file where the server reads it in place; else the job, which may be gone by now."""
    if desk.reads(rendered):
        return job_service_pb2.ReadFrameRequest(source=desk.source(rendered))
    return job_service_pb2.ReadFrameRequest(job_name=job_name)


def _picture(client: ViaClient, request: job_service_pb2.ReadFrameRequest, frame: int) -> bytes:
    request.frame, request.max_side_px = frame, SIDE_PX
    try:
        return client.read_frame(request).picture
    except ViaClientError:
        # A report without a picture is worth more than none.
        return b""
