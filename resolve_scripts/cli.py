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

from resolve_scripts.batch_cli import SHEET_HELP, batch
from resolve_scripts.demo import STARTER_HELP, run_demo
from resolve_scripts.doctor import examine, tell_findings
from resolve_scripts.edit_clip import ClipRequest, edit_clip
from resolve_scripts.edit_options import ClipOptions, with_options
from resolve_scripts.jobs_cli import jobs_app
from resolve_scripts.options import (
    ForceOption,
    JsonOption,
    ServerOption,
    ending,
    frame_range,
    server_choice,
)
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
app.command(epilog=SHEET_HELP)(batch)
app.command()(panel)
app.add_typer(resolve_app, name="resolve")


@app.command()
@with_options(ClipOptions)
def edit(
    clip: Annotated[Path, typer.Argument(help="Video file.")],
    instruction: Annotated[
        str, typer.Argument(help='What to change, such as "make it night".', show_default=False)
    ] = "",
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
def models(context: typer.Context) -> None:
    """List, add, fetch, verify, convert and remove models (`via models --help`)."""
    with ending(as_json="--json" in context.args):
        raise typer.Exit(become_part("via_engine.models", context.args))


@app.command(context_settings=PASS_THROUGH, add_help_option=False)
def bench(context: typer.Context) -> None:
    """Run one of the project's benchmarks (`via bench --help`)."""
    with ending(as_json="--json" in context.args):
        raise typer.Exit(become_part("via_engine.measure", context.args))


def main() -> None:
    """Entry point of `via`."""
    app()


if __name__ == "__main__":
    main()
