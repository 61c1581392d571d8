"""One clip: submit, watch, download."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from via.v1 import edit_pb2, job_service_pb2, media_pb2

from resolve_scripts.client import ViaClient
from resolve_scripts.connect import ServerChoice, connect
from resolve_scripts.errors import MissingMediaError, OutputError, UsageError
from resolve_scripts.follow import detachable, follow_job
from resolve_scripts.outputs import check_free, check_writable, next_version
from resolve_scripts.progress import Reporter
from resolve_scripts.record import job_record
from resolve_scripts.transfer import MediaDesk, download_result

SUFFIX_OF_FORMAT = {
    edit_pb2.OUTPUT_FORMAT_PRORES_422_HQ_MOV: ".mov",
    edit_pb2.OUTPUT_FORMAT_H264_MP4: ".mp4",
}


@dataclass(frozen=True, kw_only=True)
class EditSettings:
    """How to edit. What is None takes the server's or the model's own default.

    Attributes:
        model: name as the server lists it.
        seed: of the noise all frames start from, at least 0.
        steps: denoising steps.
        guidance_scale: weight of the instruction.
        image_guidance_scale: weight of the source picture.
        h264: writes H.264 in MP4 instead of ProRes 422 HQ in QuickTime.
    """

    model: str | None = None
    seed: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    image_guidance_scale: float | None = None
    h264: bool = False

    @property
    def output_format(self) -> edit_pb2.OutputFormat:
        """Container and codec as the contract names them."""
        if self.h264:
            return edit_pb2.OUTPUT_FORMAT_H264_MP4
        return edit_pb2.OUTPUT_FORMAT_PRORES_422_HQ_MOV

    @property
    def suffix(self) -> str:
        """Suffix of the rendered file, with its dot."""
        return SUFFIX_OF_FORMAT[self.output_format]


@dataclass(frozen=True, kw_only=True)
class ClipRequest:
    """One edit of one media file, as a person asks for it.

    Attributes:
        media: the file, absolute.
        instruction: what to change.
        frame_range: half-open, media frames; None means all.
        group_range: half-open, media frames the look is taken from; None means the whole media.
        settings: how to edit.
        out: where the result goes; None means the next free version beside the media.
        force: replaces an existing `out`.
    """

    media: Path
    instruction: str
    frame_range: tuple[int, int] | None = None
    group_range: tuple[int, int] | None = None
    settings: EditSettings
    out: Path | None = None
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class EditedClip:
    """A finished edit: the file on this machine and the job that made it."""

    path: Path
    job: job_service_pb2.Job

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"path": str(self.path), **job_record(self.job)}


def check_instruction(instruction: str) -> None:
    """Refuses what need not even be sent.

    Raises:
        UsageError: the instruction is empty or no text.
    """
    if not instruction.strip() or not _is_unicode(instruction):
        raise UsageError(
            'the instruction is empty or no text; say what to change, such as "make it night"',
            reason="INSTRUCTION_INVALID",
        )


def check_request(request: ClipRequest) -> None:
    """Everything that can be found wrong before a server is needed.

    Raises:
        UsageError: no instruction, no media file, or no place for the result.
    """
    check_instruction(request.instruction)
    if not _is_unicode(str(request.media)):
        raise UsageError(f"the name of {request.media!r} is not valid UTF-8; rename the file")
    if not request.media.is_file():
        raise MissingMediaError(f"no media file at {request.media}; check the path")
    if request.out is None:
        check_writable(request.media.parent)
        return
    if request.out.suffix.lower() != request.settings.suffix:
        raise OutputError(
            f"{request.out.name} must end in {request.settings.suffix}; "
            "ProRes goes into .mov, H.264 (--h264) into .mp4"
        )
    check_free(request.out, force=request.force)
    check_writable(request.out.parent)


def edit_clip(choice: ServerChoice, request: ClipRequest, reporter: Reporter) -> EditedClip:
    """Edits one clip and leaves the result on this machine.

    Raises:
        ViaClientError: see each kind; a job that was begun is kept by the server.
    """
    check_request(request)
    folder = request.media.resolve().parent
    with connect(choice, reporter.note, media_folders={folder}) as connection:
        client = connection.client
        desk = MediaDesk(client, shares_disk=connection.shares_disk)
        spec = edit_spec(
            desk.source(request.media),
            request.instruction,
            request.settings,
            frame_range=request.frame_range,
            group_range=request.group_range,
        )
        job = _run(client, spec, request.media.name, reporter)
        return EditedClip(path=fetch_clip(client, job, request), job=job)


def _run(
    client: ViaClient, spec: edit_pb2.EditSpec, label: str, reporter: Reporter
) -> job_service_pb2.Job:
    jobs: list[str] = []
    with detachable(client, jobs, reporter):
        job = client.create_job(spec)
        jobs.append(job.name)
        reporter.note(f"{label}: {job.name}, model {job.spec.model}, seed {job.spec.seed}")
        return follow_job(client, job.name, label, reporter)


def edit_spec(
    source: media_pb2.MediaSource,
    instruction: str,
    settings: EditSettings,
    *,
    frame_range: tuple[int, int] | None = None,
    group_range: tuple[int, int] | None = None,
) -> edit_pb2.EditSpec:
    """The contract's message for an edit; ranges are half-open, media frames."""
    return edit_pb2.EditSpec(
        source=source,
        instruction=instruction,
        model=settings.model or "",
        seed=settings.seed,
        steps=settings.steps,
        guidance_scale=settings.guidance_scale,
        image_guidance_scale=settings.image_guidance_scale,
        output_format=settings.output_format,
        frame_range=_range_message(frame_range),
        group_range=_range_message(group_range),
    )


def fetch_clip(client: ViaClient, job: job_service_pb2.Job, request: ClipRequest) -> Path:
    """Downloads to the asked name, or to the next free version beside the media."""
    if request.out is not None:
        try:
            download_result(client, job, request.out, replace=request.force)
        except FileExistsError as error:
            raise OutputError(
                f"{request.out} appeared while the edit ran; "
                f"fetch it under another name: via jobs watch {job.name} -o FILE"
            ) from error
        return request.out
    stem = f"{request.media.stem}_via"
    while True:
        path = next_version(request.media.parent, stem, request.settings.suffix)
        try:
            download_result(client, job, path)
        except FileExistsError:  # another edit of the same clip took the name just now
            continue
        return path


def _is_unicode(text: str) -> bool:
    """Whether the text can cross the wire; a terminal may hand over bytes that are no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _range_message(frames: tuple[int, int] | None) -> media_pb2.FrameRange | None:
    if frames is None:
        return None
    return media_pb2.FrameRange(start_frame=frames[0], end_frame_exclusive=frames[1])
