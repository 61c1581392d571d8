"""The `via` command: reads the command line, then calls one function.

stdout carries results only, stderr progress and notes. Exit codes: 0 ok, 1 failed, 2 the command
as given cannot be carried out, 3 no server answers, 4 some clips are done and some are not,
130 interrupted or cancelled.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from resolve_scripts.batch_edit import BatchRequest, batch_edit
from resolve_scripts.demo import STARTER_HELP, run_demo
from resolve_scripts.doctor import examine, tell_findings
from resolve_scripts.edit_clip import ClipRequest, edit_clip
from resolve_scripts.edit_options import ClipOptions, EditOptions, with_options
from resolve_scripts.errors import OutputError
from resolve_scripts.jobs_cli import jobs_app
from resolve_scripts.options import (
    ForceOption,
    JsonOption,
    ServerOption,
    ending,
    frame_range,
    server_choice,
)
from resolve_scripts.outputs import check_free, check_writable, next_version
from resolve_scripts.panel_cli import panel
from resolve_scripts.parts import become_part
from resolve_scripts.progress import reporter
from resolve_scripts.resolve_cli import resolve_app

# A part that runs as it is reads its own options.
PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True}

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Instruction-based video editing: the same edit in every frame.",
)
app.add_typer(jobs_app, name="jobs")
app.command()(panel)
app.add_typer(resolve_app, name="resolve")


@app.command()
@with_options(ClipOptions)
def edit(
    clip: Annotated[Path, typer.Argument(help="Video file.")],
    instruction: Annotated[str, typer.Argument(help='What to change, such as "make it night".')],
    *,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Result; default: CLIP's name with _via_v001 beside it."),
    ] = None,
    range_: Annotated[
        str | None,
        typer.Option("--range", metavar="A:B", help="Frames A up to, not including, B; from 0."),
    ] = None,
    group_range: Annotated[
        str | None,
        typer.Option(metavar="A:B", help="Frames the look is taken from; default: each shot."),
    ] = None,
    options: ClipOptions,
    force: ForceOption = False,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Edit one clip."""
    with ending(as_json=as_json):
        request = ClipRequest(
            media=clip.absolute(),
            instruction=instruction,
            frame_range=frame_range(range_, "--range"),
            group_range=frame_range(group_range, "--group-range"),
            settings=options.settings(),
            proposed_roots=options.proposed_roots,
            save_adapter=options.save_adapter.absolute() if options.save_adapter else None,
            out=out.absolute() if out else None,
            force=force,
        )
        with reporter() as told:
            edited = edit_clip(server_choice(server), request, told)
        print(json.dumps(edited.to_json()) if as_json else edited.path)


@app.command()
@with_options(EditOptions)
def batch(
    timeline: Annotated[Path, typer.Argument(metavar="TIMELINE.otio", help="The cut.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="New timeline; default: its name with _via_v001."),
    ] = None,
    instruction: Annotated[
        str | None, typer.Option(help="Edit all clips of --track; without it, VIA: markers count.")
    ] = None,
    track: Annotated[
        str | None, typer.Option(metavar="NAME|N", help="Video track, N from 1 at the bottom.")
    ] = None,
    media_folder: Annotated[
        Path | None, typer.Option(help="Where rendered clips go; default: beside the output.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the report as JSON there too.")] = None,
    options: EditOptions,
    force: ForceOption = False,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Edit the marked clips of a timeline, or all of a track, and place them on a track VIA."""
    with ending(as_json=as_json):
        new_timeline = _batch_out(timeline.absolute(), out)
        request = BatchRequest(
            timeline=timeline.absolute(),
            out=new_timeline,
            media_folder=media_folder.absolute() if media_folder else _media_folder(new_timeline),
            instruction=instruction,
            track=track,
            settings=options.settings(),
            force=force,
        )
        if report is not None:
            check_free(report, force=True)
            check_writable(report.absolute().parent)
        with reporter() as told:
            done = batch_edit(server_choice(server), request, told)
        values = json.dumps(done.to_json(), indent=2)
        if report is not None:
            report.write_text(f"{values}\n", encoding="utf-8")
        if as_json:
            print(values)
        elif done.timeline is not None:
            print(done.timeline)
        if (error := done.error()) is not None:
            raise error


@app.command()
def doctor(server: ServerOption = None, as_json: JsonOption = False) -> None:
    """Say what works here, and the remedy for what does not."""
    with ending(as_json=as_json):
        with reporter() as told:
            findings = examine(server_choice(server), told)
        tell_findings(findings, as_json=as_json)


@app.command(epilog=STARTER_HELP)
def demo(
    clip: Annotated[
        Path | None, typer.Argument(help="A real clip to edit as well, with `via edit`.")
    ] = None,
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the results.")] = Path("demo"),
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Render a small timeline, edit it, and draw what became of it."""
    with ending(as_json=as_json), reporter() as told:
        report = run_demo(server_choice(server), out.absolute(), clip, told)
        print(json.dumps(report.to_json(), indent=2) if as_json else report.to_text())


@app.command(context_settings=PASS_THROUGH, add_help_option=False)
def serve(context: typer.Context) -> None:
    """Run a server; its own options follow (`via serve --help`)."""
    with ending(as_json=False):
        raise typer.Exit(become_part("server", context.args))


@app.command(context_settings=PASS_THROUGH, add_help_option=False)
def bench(context: typer.Context) -> None:
    """Run one of the project's benchmarks (`via bench --help`)."""
    with ending(as_json="--json" in context.args):
        raise typer.Exit(become_part("via_engine.measure", context.args))


def _batch_out(timeline: Path, out: Path | None) -> Path:
    if out is None:
        return next_version(timeline.parent, f"{timeline.stem}_via", ".otio")
    if out.suffix.lower() != ".otio":
        raise OutputError(f"{out.name} must end in .otio, the format that is written")
    return out.absolute()


def _media_folder(out: Path) -> Path:
    """Beside the timeline: "cut.otio" gives "cut_via", "cut_via_v001.otio" gives "cut_via_v001"."""
    return out.with_name(out.stem if "_via" in out.stem else f"{out.stem}_via")


def main() -> None:
    """Entry point of `via`."""
    app()


if __name__ == "__main__":
    main()
