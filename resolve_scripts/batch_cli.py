"""`via batch`: reads its command line, then calls one function."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from resolve_scripts.batch.outcomes import BatchReport
from resolve_scripts.batch.request import BatchRequest
from resolve_scripts.batch_edit import batch_edit, plan_batch, submit_batch
from resolve_scripts.connect import ServerChoice
from resolve_scripts.edit_options import EditOptions, with_options
from resolve_scripts.errors import OutputError, UsageError
from resolve_scripts.options import ForceOption, JsonOption, ServerOption, ending, server_choice
from resolve_scripts.outputs import check_free, check_writable, next_version
from resolve_scripts.progress import reporter
from resolve_scripts.timeline.formats import WRITTEN
from resolve_scripts.timeline.paths import path_map
from resolve_scripts.timeline.place import PlaceMode
from resolve_scripts.timeline.select import Wanted
from resolve_scripts.timeline.sheet import read_sheet

WHICH = "Which clips"
BACK = "What comes back"
VERSIONED = re.compile(r"(.*_via)_v\d{3,}")
EVERY_CLIP = ("*",)
SHEET_HELP = (
    "An instruction sheet has one edit a row, in the columns clip (a name, * for any letters) or "
    "range (two timecodes, or two record frames), track and instruction. Every further column is "
    "an option of `via edit` for that clip alone: seed, find, mask, box, point, root and so on; "
    "flags say yes or no, files are named from the folder of the sheet. A .toml has a table named "
    "edit, in double brackets, with the same words for each row."
)


class Importer(Enum):
    """A program whose own reading of timelines the result is written for."""

    RESOLVE = "resolve"


@with_options(EditOptions)
def batch(
    timeline: Annotated[
        Path,
        typer.Argument(
            metavar="TIMELINE",
            help=".otio, .otioz, .otiod, FCP7 .xml, .fcpxml, CMX3600 .edl or .aaf.",
        ),
    ],
    *,
    instruction: Annotated[
        str | None,
        typer.Option(
            help="Edit every clip the options here leave; without it, VIA: markers count.",
            rich_help_panel=WHICH,
        ),
    ] = None,
    track: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|N",
            help="Only this video track, N from 1 at the bottom.",
            rich_help_panel=WHICH,
        ),
    ] = None,
    clip: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only clips of this name, * for any letters; repeatable.",
            rich_help_panel=WHICH,
        ),
    ] = None,
    range_: Annotated[
        list[str] | None,
        typer.Option(
            "--range",
            metavar="TC:TC",
            help="Only this record range, the end not included; repeatable.",
            rich_help_panel=WHICH,
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Instruction sheet, .csv or .toml: clip or range, instruction, options.",
            rich_help_panel=WHICH,
        ),
    ] = None,
    timeline_name: Annotated[
        str | None,
        typer.Option(
            "--timeline",
            metavar="NAME",
            help="Which one, where the file holds several.",
            rich_help_panel=WHICH,
        ),
    ] = None,
    frame_rate: Annotated[
        float | None,
        typer.Option("--rate", help="Frame rate of an EDL, which does not say it."),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="FROM=TO",
            help="A folder as the timeline and as this machine names it; repeatable.",
        ),
    ] = None,
    handles: Annotated[
        int,
        typer.Option(min=0, max=10_000, help="Frames beyond each end, where media has them."),
    ] = 0,
    same_look: Annotated[
        bool,
        typer.Option("--same-look", help="One look for clips with the same instruction."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="New timeline, in the format its suffix names and as .otio; default: its name "
            "with _via_v001.",
            rich_help_panel=BACK,
        ),
    ] = None,
    media_folder: Annotated[
        Path | None,
        typer.Option(help="Where rendered clips go; default: beside it.", rich_help_panel=BACK),
    ] = None,
    place: Annotated[
        PlaceMode,
        typer.Option(
            help="A new track, a further media reference of the clips, or in their place.",
            rich_help_panel=BACK,
        ),
    ] = PlaceMode.TRACK,
    for_: Annotated[
        Importer | None,
        typer.Option("--for", help="Write what this program imports.", rich_help_panel=BACK),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write the report as JSON there too.", rich_help_panel=BACK),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the plan; nothing is rendered.", rich_help_panel=BACK
        ),
    ] = False,
    jobs_only: Annotated[
        bool,
        typer.Option(
            "--jobs-only",
            help="Queue the jobs and leave; the same command without it goes on.",
            rich_help_panel=BACK,
        ),
    ] = False,
    options: EditOptions,
    force: ForceOption = False,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Edit clips of a timeline and write a timeline with the edits at their exact places.

    Done again, it makes only what changed. Exit code 4: some clips are done, some are not.
    """
    with ending(as_json=as_json):
        new_timeline = _out(timeline.absolute(), out)
        wanted = Wanted(
            instruction=instruction,
            track=track,
            clips=tuple(clip or ()),
            ranges=tuple(range_ or ()),
            sheet=read_sheet(sheet) if sheet else (),
        )
        request = BatchRequest(
            timeline=timeline.absolute(),
            out=new_timeline,
            media_folder=media_folder.absolute() if media_folder else _media_folder(new_timeline),
            timeline_name=timeline_name,
            frame_rate=frame_rate,
            wanted=_for_identity(wanted) if options.identity else wanted,
            options=options,
            sheet_folder=sheet.absolute().parent if sheet else None,
            path_map=path_map(map_ or ()),
            handles=handles,
            place_mode=place,
            for_resolve=for_ is Importer.RESOLVE,
            same_look=same_look,
            force=force,
        )
        _run(server_choice(server), request, report, dry_run, jobs_only, as_json)


def _run(  # noqa: PLR0917 - the ends of one command line
    choice: ServerChoice,
    request: BatchRequest,
    report: Path | None,
    dry_run: bool,
    jobs_only: bool,
    as_json: bool,
) -> None:
    if dry_run and jobs_only:
        raise UsageError("--dry-run and --jobs-only contradict each other; give one of them")
    if request.for_resolve and request.place_mode is PlaceMode.REFERENCE:
        raise UsageError(
            "Resolve reads one media reference of a clip, so --for resolve goes with --place track "
            "or --place replace"
        )
    if report is not None:
        check_free(report, force=True)
        check_writable(report.absolute().parent)
    if dry_run:
        _print_plan(choice, request, as_json=as_json)
        return
    work = submit_batch if jobs_only else batch_edit
    with reporter() as told:
        done = work(choice, request, told)
    values = json.dumps(done.to_json(), indent=2)
    if report is not None:
        report.write_text(f"{values}\n", encoding="utf-8")
    print(values if as_json else _results(done), end="\n" if as_json else "")
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


def _for_identity(wanted: Wanted) -> Wanted:
    """Every clip that nothing leaves out: what passes through needs no instruction."""
    if wanted.sheet or wanted.instruction is not None:
        return wanted
    narrows = wanted.track or wanted.clips or wanted.ranges
    return replace(wanted, instruction="", clips=wanted.clips if narrows else EVERY_CLIP)


def _out(timeline: Path, out: Path | None) -> Path:
    if out is None:
        return next_version(timeline.parent, f"{timeline.stem}_via", ".otio")
    if out.suffix.lower() not in WRITTEN:
        raise OutputError(f"{out.name} must end in one of {', '.join(sorted(WRITTEN))}")
    return out.absolute()


def _media_folder(out: Path) -> Path:
    """Beside the timeline and the same for all its versions, so that a rerun finds the renders."""
    versioned = VERSIONED.fullmatch(out.stem)
    if versioned:
        return out.with_name(versioned[1])
    return out.with_name(out.stem if out.stem.endswith("_via") else f"{out.stem}_via")
