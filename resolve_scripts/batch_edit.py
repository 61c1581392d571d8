"""A whole timeline: read it, submit its clips, wait, place the edits in a copy, write, report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from via.v1 import edit_pb2, job_service_pb2

from resolve_scripts.client import ViaClient
from resolve_scripts.connect import Connection, ServerChoice, connect
from resolve_scripts.edit_clip import check_instruction
from resolve_scripts.edit_message import edit_spec
from resolve_scripts.edit_settings import EditSettings, check_settings
from resolve_scripts.errors import NoClipsError, ServerUnreachableError, UsageError, ViaClientError
from resolve_scripts.follow import detachable
from resolve_scripts.outputs import check_free, check_writable, file_stem, make_folder, next_version
from resolve_scripts.progress import Reporter
from resolve_scripts.record import job_record
from resolve_scripts.submit import run_jobs
from resolve_scripts.timeline.mapping import MediaFrames, check_against_file, media_frames
from resolve_scripts.timeline.media import has_relative_media, media_path
from resolve_scripts.timeline.place import (
    PlacedEdit,
    read_timeline,
    with_via_track,
    write_timeline,
)
from resolve_scripts.timeline.report import BatchReport, clip_outcome, place_notes
from resolve_scripts.timeline.select import ClipEdit, Selection, clips_to_edit
from resolve_scripts.transfer import MediaDesk, download_result

# A clip by its name, with its finished edit or with why there is none.
Ended = tuple[str, PlacedEdit | ViaClientError]


@dataclass(frozen=True, kw_only=True)
class BatchRequest:
    """One timeline, as a person asks for it.

    Attributes:
        timeline: the .otio file, absolute; it is never altered.
        out: the new timeline, absolute.
        media_folder: where the rendered clips go, absolute; made when missing.
        instruction: the edit of all clips of the track; None reads the clips' VIA: markers.
        track: name or number of a video track, from 1 at the bottom.
        settings: how to edit.
        force: replaces an existing `out`.
    """

    timeline: Path
    out: Path
    media_folder: Path
    instruction: str | None = None
    track: str | None = None
    settings: EditSettings
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class ReadyClip:
    """A clip whose media is found and whose frames are known; `stem` names its render."""

    edit: ClipEdit
    stem: str
    spec: edit_pb2.EditSpec
    frames: MediaFrames
    has_timecode: bool
    notes: tuple[str, ...]


def batch_edit(choice: ServerChoice, request: BatchRequest, reporter: Reporter) -> BatchReport:
    """Edits the clips of a timeline that ask for it and writes a timeline with the edits on top.

    What goes wrong with one clip stands in the report; the others are done.

    Raises:
        TimelineError: the timeline cannot be read.
        NoClipsError: nothing in it asks for an edit.
        OutputError: the results could not be written.
        ServerUnreachableError: no server was found or could be started.
    """
    if request.instruction is not None:
        check_instruction(request.instruction)
    timeline = read_timeline(request.timeline)
    selection = clips_to_edit(timeline, instruction=request.instruction, track=request.track)
    _check(selection, request)
    ended: list[Ended] = [(each.name, each.error) for each in selection.refusals]
    for name, error in ended:
        reporter.note(f"{name}: {error}")
    if selection.edits:
        folders = _media_folders(selection.edits, request.timeline.parent)
        folders |= {path.resolve().parent for _, path in request.settings.files()}
        with connect(choice, reporter.note, media_folders=folders) as connection:
            make_folder(request.media_folder)
            ended = _edit_all(connection, request, selection.edits, reporter) + ended
    placed = [result for _, result in ended if isinstance(result, PlacedEdit)]
    if placed:
        write_timeline(with_via_track(timeline, placed), request.out)
        if request.out.parent != request.timeline.parent and has_relative_media(timeline):
            reporter.note(
                f"{request.out.name} lies in another folder than {request.timeline.name}, whose "
                "media is named relative to it; without -o it is written beside it and stays linked"
            )
    else:
        with suppress(OSError):  # only an empty folder goes
            request.media_folder.rmdir()
    clips = tuple(clip_outcome(name, result) for name, result in ended)
    return BatchReport(timeline=request.out if placed else None, clips=clips)


def _check(selection: Selection, request: BatchRequest) -> None:
    """Everything that can be found wrong before a server is needed."""
    check_free(request.out, force=request.force)
    check_writable(request.out.parent)
    check_settings(request.settings)
    if request.out == request.timeline:
        raise UsageError(f"{request.out} is the timeline itself; name another output")
    if selection.edits or selection.refusals:
        return
    if request.instruction:
        raise NoClipsError(f"track {request.track or 1} of {request.timeline} holds no clip")
    raise NoClipsError(
        f"no clip in {request.timeline} asks for an edit; give clips on a video track a marker "
        '"VIA: your instruction", or use --instruction TEXT --track NAME'
    )


def _media_folders(edits: Sequence[ClipEdit], timeline_folder: Path) -> set[Path]:
    """Folders of the media that is there; what is missing is reported clip by clip."""
    folders = set()
    for edit in edits:
        with suppress(ViaClientError):
            folders.add(media_path(edit.clip.media_reference, timeline_folder).parent)
    return folders


def _edit_all(
    connection: Connection,
    request: BatchRequest,
    edits: Sequence[ClipEdit],
    reporter: Reporter,
) -> list[Ended]:
    """The end of every edit, in the order of `edits`."""
    client = connection.client
    desk = MediaDesk(client, shares_disk=connection.shares_disk)
    ready: dict[str, ReadyClip] = {}
    ended: dict[str, PlacedEdit | ViaClientError] = {}
    labels = [
        f"clip {number}/{len(edits)} {edit.clip.name}" for number, edit in enumerate(edits, 1)
    ]
    for number, (label, edit) in enumerate(zip(labels, edits, strict=True), 1):
        try:
            ready[label] = _ready(edit, number, desk, request)
        except ViaClientError as error:
            ended[label] = error
            reporter.note(f"{label}: {error}")
    for label, clip in ready.items():
        for note in clip.notes:
            reporter.note(f"{label}: {note}")
    open_jobs: list[str] = []
    with detachable(client, open_jobs, reporter):
        for label, result in _rendered(client, ready, request, open_jobs, reporter):
            ended[label] = result
            if isinstance(result, ViaClientError):
                reporter.note(f"{label}: {result}")
    return [(edit.name, ended[label]) for label, edit in zip(labels, edits, strict=True)]


def _ready(edit: ClipEdit, number: int, desk: MediaDesk, request: BatchRequest) -> ReadyClip:
    """Finds the clip's media and the frames it shows, and compares them with the file."""
    reference = edit.clip.media_reference
    path = media_path(reference, request.timeline.parent)
    # The whole media, so that its plan holds for every clip cut from it.
    whole = edit_spec(desk, path, edit.instruction, request.settings)
    plan = desk.plan(path, whole)
    media, available = plan.media, reference.available_range
    rate = Fraction(media.frame_rate.num, media.frame_rate.den)
    frames = media_frames(edit.clip.trimmed_range(), available, rate)
    check_against_file(frames, available, frame_rate=rate, frame_count=media.frame_count)
    starts_late = available is not None and available.start_time.value != 0
    spec = edit_pb2.EditSpec()
    spec.CopyFrom(whole)
    spec.frame_range.start_frame = frames.start_frame
    spec.frame_range.end_frame_exclusive = frames.end_frame_exclusive
    return ReadyClip(
        edit=edit,
        stem=f"{number:02d}_{file_stem(edit.clip.name)}_via",
        spec=spec,
        frames=frames,
        has_timecode=starts_late or bool(media.start_timecode),
        notes=place_notes(edit),
    )


def _rendered(
    client: ViaClient,
    ready: Mapping[str, ReadyClip],
    request: BatchRequest,
    open_jobs: list[str],
    reporter: Reporter,
) -> Iterator[tuple[str, PlacedEdit | ViaClientError]]:
    """Every ready clip's end, as it comes; a lost server ends all that are left."""
    left = dict(ready)
    specs = {label: clip.spec for label, clip in ready.items()}
    try:
        for label, job in run_jobs(client, specs, open_jobs, reporter):
            if isinstance(job, ViaClientError):
                result: PlacedEdit | ViaClientError = job
            else:
                result = _fetched(client, ready[label], job, request)
            del left[label]
            yield label, result
    except ServerUnreachableError as error:
        yield from ((label, error) for label in left)


def _fetched(
    client: ViaClient, clip: ReadyClip, job: job_service_pb2.Job, request: BatchRequest
) -> PlacedEdit | ViaClientError:
    path = next_version(request.media_folder, clip.stem, request.settings.suffix)
    try:
        download_result(client, job, path)
    except ServerUnreachableError:
        raise
    except ViaClientError as error:
        return error
    return PlacedEdit(
        edit=clip.edit,
        frames=clip.frames,
        rendered=path,
        has_timecode=clip.has_timecode,
        record=_record(clip, job),
    )


def _record(clip: ReadyClip, job: job_service_pb2.Job) -> dict[str, Any]:
    source = clip.edit.clip
    origin = {"source_clip": source.name, "source_url": source.media_reference.target_url}
    record = job_record(job)
    return {**record, **origin, "notes": [*clip.notes, *record["notes"]]}
