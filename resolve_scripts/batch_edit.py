"""A whole timeline: read it, plan its clips, have them rendered, place them in a copy, report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import opentimelineio as otio
import psutil

from resolve_scripts.batch.asked import Asked, read_asked
from resolve_scripts.batch.clip_plan import ClipPlan, Planned
from resolve_scripts.batch.dry_run import DryRun
from resolve_scripts.batch.found_clip import Refused
from resolve_scripts.batch.kept_renders import KeptRenders
from resolve_scripts.batch.outcomes import BatchReport, ClipOutcome, outcome_of
from resolve_scripts.batch.planned_batch import planned_batch
from resolve_scripts.batch.relink import relink_from
from resolve_scripts.batch.rendering import Outcome, render_all, submit_all
from resolve_scripts.batch.report_files import write_report
from resolve_scripts.batch.request import BatchRequest
from resolve_scripts.batch_destinations import check_apart, timelines_to_write
from resolve_scripts.connect import ServerChoice
from resolve_scripts.outputs import check_free, check_writable, make_folder
from resolve_scripts.progress import Reporter
from resolve_scripts.timeline.adapters.bundle import is_unpacked
from resolve_scripts.timeline.formats import write_timeline
from resolve_scripts.timeline.place import place
from resolve_scripts.timeline.via_clip import PlacedEdit

__all__ = ["BatchRequest", "batch_edit", "plan_batch", "submit_batch"]


def batch_edit(choice: ServerChoice, request: BatchRequest, reporter: Reporter) -> BatchReport:
    """Edits the clips of a timeline that ask for it and writes a timeline with the edits in it.

    What goes wrong with one clip stands in the report; the others are done. What an earlier batch
    rendered into the same folder is used again where nothing changed.

    Raises:
        TimelineError: the timeline cannot be read.
        NoClipsError: nothing in it asks for an edit.
        OutputError: the results could not be written.
        ServerUnreachableError: no server was found or could be started.
    """
    _check_outputs(request)
    asked = read_asked(request, reporter, unpack_to=request.media_folder)
    with planned_batch(choice, asked, request, reporter) as batch:
        ends: dict[str, Outcome] = {}
        if batch.server is not None and batch.renders:
            make_folder(request.media_folder)
            suffix = request.options.settings().suffix
            folder = request.media_folder
            ends = render_all(batch.server.client, batch.renders, folder, suffix, reporter)
        by_plan = {plan: ends[each.key] for each in batch.renders for plan in each.clips}
        clips = tuple(_finished(name, planned, by_plan) for name, planned in batch.clips)
        if batch.server is None or not any(clip.is_done for clip in clips):
            return BatchReport(timeline=None, clips=clips)
        result = _conformed(request, asked, clips)
        own, *others = timelines_to_write(request)
        write_timeline(result, own)
        report = BatchReport(timeline=request.out, clips=clips)
        report = write_report(batch.server, request.timeline.name, report, request.out)
        reporter.note(f"report: {report.page}")
        # Last: a format may not carry the timeline, and the work is safe by now.
        for path in others:
            lacking = write_timeline(result, path, path_map=request.path_map)
            if lacking:
                names = ", ".join(dict.fromkeys(lacking))
                reporter.note(
                    f"{path.name} goes without the media of {len(lacking)} clips, which is no file "
                    f"here: {names}"
                )
        return report


def submit_batch(choice: ServerChoice, request: BatchRequest, reporter: Reporter) -> BatchReport:
    """Queues the edits of a timeline and leaves; `batch_edit` with the same request goes on.

    Raises as `batch_edit`.
    """
    check_apart(request)
    asked = read_asked(request, reporter, unpack_to=request.media_folder)
    with planned_batch(choice, asked, request, reporter) as batch:
        ends: dict[str, Outcome] = {}
        if batch.server is not None:
            ends = submit_all(batch.server.client, batch.renders, request.media_folder, reporter)
        by_plan = {plan: ends[each.key] for each in batch.renders for plan in each.clips}
        clips = tuple(_finished(name, planned, by_plan) for name, planned in batch.clips)
        return BatchReport(timeline=None, clips=clips, is_left=True)


def plan_batch(choice: ServerChoice, request: BatchRequest, reporter: Reporter) -> DryRun:
    """What `batch_edit` would do; nothing is rendered and nothing written.

    Raises as `batch_edit`.
    """
    started = time.perf_counter()
    check_apart(request)
    with TemporaryDirectory(prefix="via-") as folder:
        # Media unpacked by an earlier batch keeps its place, by which its renders are known.
        has_media = is_unpacked(request.timeline, request.media_folder)
        unpack_to = request.media_folder if has_media else Path(folder)
        asked = read_asked(request, reporter, unpack_to=unpack_to)
        read_s = time.perf_counter() - started
        with planned_batch(choice, asked, request, reporter) as batch:
            kept = KeptRenders(request.media_folder)
            return DryRun(
                clips=batch.clips,
                renders=batch.renders,
                handles=request.handles,
                kept_keys=frozenset(each.key for each in batch.renders if kept.find(each.key)),
                seconds=read_s + batch.seconds,
                memory_bytes=psutil.Process().memory_info().rss,
            )


def _check_outputs(request: BatchRequest) -> None:
    """Everything about results that can be found wrong before any work."""
    check_apart(request)
    for path in timelines_to_write(request):
        check_free(path, force=request.force)
    check_writable(request.out.parent)


def _finished(name: str, planned: Planned, by_plan: Mapping[ClipPlan, Outcome]) -> ClipOutcome:
    if isinstance(planned, Refused):
        return ClipOutcome(name=name, error=planned.error)
    return outcome_of(name, planned, by_plan[planned])


def _conformed(
    request: BatchRequest, asked: Asked, clips: tuple[ClipOutcome, ...]
) -> otio.schema.Timeline:
    result = place(
        asked.file.timeline,
        _placed(clips),
        mode=request.place_mode,
        for_resolve=request.for_resolve,
        path_map=request.path_map,
        folder=asked.file.folder,
    )
    if request.out.parent != asked.file.folder:
        relink_from(result, asked.file.folder)
    return result


def _placed(clips: tuple[ClipOutcome, ...]) -> list[PlacedEdit]:
    return [
        PlacedEdit(
            edit=clip.plan.edit,
            need=clip.plan.need,
            rendered=clip.path,
            facts=clip.plan.facts,
            record=clip.record,
        )
        for clip in clips
        if clip.plan is not None and clip.path is not None
    ]
