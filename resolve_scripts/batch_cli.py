"""`via batch`: reads its command line, then calls one function."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from resolve_scripts.batch.outcomes import BatchReport
from resolve_scripts.batch.report_files import write_values
from resolve_scripts.batch.request import BatchRequest
from resolve_scripts.batch_edit import batch_edit, plan_batch, submit_batch
from resolve_scripts.batch_options import BatchOptions
from resolve_scripts.connect import ServerChoice
from resolve_scripts.edit_options import with_options
from resolve_scripts.options import ForceOption, JsonOption, ServerOption, ending, server_choice
from resolve_scripts.outputs import check_free, check_writable
from resolve_scripts.progress import reporter

SHEET_HELP = (
    "An instruction sheet has one edit a row, in the columns clip (a name, * for any letters) or "
    "range (two timecodes, or two record frames), track and instruction. Every further column is "
    "an option of `via edit` for that clip alone: seed, find, mask, box, point, root and so on; "
    "flags say yes or no, files are named from the folder of the sheet. A .toml has a table named "
    "edit, in double brackets, with the same words for each row."
)


@with_options(BatchOptions)
def batch(
    timeline: Annotated[
        Path,
        typer.Argument(
            metavar="TIMELINE",
            help=".otio, .otioz, .otiod, FCP7 .xml, .fcpxml, CMX3600 .edl or .aaf.",
        ),
    ],
    *,
    options: BatchOptions,
    force: ForceOption = False,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Edit clips of a timeline and write a timeline with the edits at their exact places.

    Done again, it makes only what changed. Exit code 4: some clips are done, some are not.
    """
    with ending(as_json=as_json):
        request = options.request(timeline.absolute(), force=force)
        if request.report is not None:
            check_free(request.report, force=True)
            check_writable(request.report.parent)
        choice = server_choice(server)
        if options.dry_run:
            _print_plan(choice, request, as_json=as_json)
        else:
            _run(choice, request, jobs_only=options.jobs_only, as_json=as_json)


def _run(choice: ServerChoice, request: BatchRequest, *, jobs_only: bool, as_json: bool) -> None:
    work = submit_batch if jobs_only else batch_edit
    with reporter() as told:
        done = work(choice, request, told)
    values = done.to_json()
    if request.report is not None:
        write_values(values, request.report)
    print(json.dumps(values, indent=2) if as_json else _results(done), end="\n" if as_json else "")
    if (error := done.error()) is not None:
        raise error


def _print_plan(choice: ServerChoice, request: BatchRequest, *, as_json: bool) -> None:
    with reporter() as told:
        plan = plan_batch(choice, request, told)
        told.note(plan.summary())
    print(json.dumps(plan.to_json(), indent=2) if as_json else plan.table())
    if (error := plan.error()) is not None:
        raise error


def _results(done: BatchReport) -> str:
    """The new timeline, or the jobs that were left, a line each."""
    jobs = dict.fromkeys(clip.job for clip in done.clips if clip.job)
    lines = [str(done.timeline)] if done.timeline else list(jobs)
    return "".join(f"{line}\n" for line in lines)
