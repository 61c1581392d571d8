"""One clip: submit, watch, download."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from via.v1 import edit_pb2, job_service_pb2

from resolve_scripts.client import ViaClient
from resolve_scripts.connect import ServerChoice, connect
from resolve_scripts.edit_message import edit_spec
from resolve_scripts.edit_settings import EditSettings, check_settings, is_unicode
from resolve_scripts.errors import MissingMediaError, OutputError, UsageError
from resolve_scripts.follow import detachable, follow_job
from resolve_scripts.outputs import check_free, check_writable, next_version
from resolve_scripts.pick_root import check_proposal_count, pick_root
from resolve_scripts.progress import Reporter
from resolve_scripts.record import job_record
from resolve_scripts.transfer import MediaDesk, download_adapter, download_result

ADAPTER_SUFFIX = ".safetensors"


@dataclass(frozen=True, kw_only=True)
class ClipRequest:
    """One edit of one media file, as a person asks for it.

    Attributes:
        media: the file, absolute.
        instruction: what to change.
        frame_range: half-open, media frames; None means all.
        group_range: half-open, media frames the look is taken from; None means each shot its own.
        settings: how to edit.
        proposed_roots: roots to choose from by eye first; None chooses none that way.
        out: where the result goes; None means the next free version beside the media.
        save_adapter: where the adapter goes; None leaves it to the server.
        force: replaces an existing `out`.
    """

    media: Path
    instruction: str
    frame_range: tuple[int, int] | None = None
    group_range: tuple[int, int] | None = None
    settings: EditSettings
    proposed_roots: int | None = None
    out: Path | None = None
    save_adapter: Path | None = None
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class EditedClip:
    """A finished edit: the file on this machine and the job that made it."""

    path: Path
    job: job_service_pb2.Job

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"path": str(self.path), **job_record(self.job)}


def check_instruction(instruction: str, *, identity: bool = False) -> None:
    """Refuses what need not even be sent; an identity edit may go without.

    Raises:
        UsageError: the instruction is empty or no text.
    """
    is_missing = not instruction.strip() and not identity
    if is_missing or not is_unicode(instruction):
        raise UsageError(
            'the instruction is empty or no text; say what to change, such as "make it night"',
            reason="INSTRUCTION_INVALID",
        )


def check_request(request: ClipRequest) -> None:
    """Everything that can be found wrong before a server is needed.

    Raises:
        UsageError: no instruction, no media file, or no place for the result.
    """
    check_instruction(request.instruction, identity=request.settings.identity)
    if not is_unicode(str(request.media)):
        raise UsageError(f"the name of {request.media!r} is not valid UTF-8; rename the file")
    try:
        is_file = request.media.is_file()
    except OSError as error:
        raise MissingMediaError(
            f"{request.media} cannot be looked up ({error.strerror}); check the path"
        ) from error
    if not is_file:
        raise MissingMediaError(f"no media file at {request.media}; check the path")
    check_settings(request.settings)
    if request.proposed_roots is not None:
        check_proposal_count(request.proposed_roots)
    if request.save_adapter is not None:
        _check_adapter_place(request.save_adapter, force=request.force)
    if request.out is None:
        check_writable(request.media.parent)
        return
    if request.out.suffix.lower() != request.settings.suffix:
        raise OutputError(
            f"{request.out.name} must end in {request.settings.suffix}; "
            "ProRes goes into .mov, H.264 (--h264) into .mp4, FFV1 (--lossless) into .mkv"
        )
    check_free(request.out, force=request.force)
    check_writable(request.out.parent)


def edit_clip(choice: ServerChoice, request: ClipRequest, reporter: Reporter) -> EditedClip:
    """Edits one clip and leaves the result on this machine.

    Raises:
        ViaClientError: see each kind; a job that was begun is kept by the server.
    """
    check_request(request)
    files = [request.media, *(path for _, path in request.settings.files())]
    folders = {path.resolve().parent for path in files}
    with connect(choice, reporter.note, media_folders=folders) as connection:
        client = connection.client
        desk = MediaDesk(client, shares_disk=connection.shares_disk)
        spec = edit_spec(
            desk,
            request.media,
            request.instruction,
            request.settings,
            frame_range=request.frame_range,
            group_range=request.group_range,
        )
        if request.proposed_roots is not None:
            sheet = _sheet_path(request)
            root = pick_root(client, spec, request.proposed_roots, sheet, reporter)
            spec.adapt.root_choice.CopyFrom(root)
        job = _run(client, spec, request.media.name, reporter)
        path = fetch_clip(client, job, request)
        if request.save_adapter is not None:
            _save_adapter(client, job, request.save_adapter, replace=request.force)
        return EditedClip(path=path, job=job)


def _run(
    client: ViaClient, spec: edit_pb2.EditSpec, label: str, reporter: Reporter
) -> job_service_pb2.Job:
    jobs: list[str] = []
    with detachable(client, jobs, reporter):
        job = client.create_job(spec)
        jobs.append(job.name)
        reporter.note(f"{label}: {job.name}, model {job.spec.model}, seed {job.spec.seed}")
        return follow_job(client, job.name, label, reporter)


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


def _check_adapter_place(path: Path, *, force: bool) -> None:
    if path.suffix.lower() != ADAPTER_SUFFIX:
        raise OutputError(f"{path.name} must end in {ADAPTER_SUFFIX}, the format of adapters")
    check_free(path, force=force)
    check_writable(path.parent)


def _sheet_path(request: ClipRequest) -> Path:
    """Beside the result."""
    result = request.out or request.media.with_name(f"{request.media.stem}_via")
    return next_version(result.parent, f"{result.stem}_roots", ".png")


def _save_adapter(
    client: ViaClient, job: job_service_pb2.Job, path: Path, *, replace: bool
) -> None:
    try:
        download_adapter(client, job, path, replace=replace)
    except FileExistsError as error:
        raise OutputError(
            f"{path} appeared while the edit ran; name another file for --save-adapter. "
            f"The clip is done, and {job.name} keeps the adapter"
        ) from error
