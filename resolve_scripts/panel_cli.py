"""`via panel`: the page for editors, opened from Resolve's menu or from a terminal."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resolve_scripts.errors import UsageError, ViaClientError
from resolve_scripts.options import JsonOption, ServerOption, ending, server_choice

if TYPE_CHECKING:
    from resolve_scripts.connect import ServerChoice


def panel(
    clips: Annotated[
        list[Path] | None, typer.Argument(metavar="[CLIP]...", help="Media files to offer.")
    ] = None,
    *,
    bridge: Annotated[
        bool, typer.Option("--bridge", help="Talk to Resolve's VIA script on stdin and stdout.")
    ] = False,
    repeat: Annotated[
        bool,
        typer.Option("--repeat", help="With --bridge: no page, the last edit on what is selected."),
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0: any.")] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open the page: describe an edit, choose, watch it, and place it on the timeline."""
    with ending(as_json=as_json):
        if repeat and not bridge:
            raise UsageError("--repeat works from Resolve's menu only; leave it out")
        choice, files = server_choice(server), tuple(path.absolute() for path in clips or ())
        if repeat:
            _repeat(choice)
        elif bridge:
            _from_resolve(choice, files, port, opens_browser=browser)
        else:
            _alone(choice, files, port, opens_browser=browser, as_json=as_json)


def _alone(
    choice: ServerChoice,
    files: tuple[Path, ...],
    port: int,
    *,
    opens_browser: bool,
    as_json: bool,
) -> None:
    # The web server's packages are loaded for this command only.
    from resolve_scripts.panel.serve import open_in_browser, run_panel  # noqa: PLC0415

    def show(link: str) -> None:
        print(json.dumps({"url": link}) if as_json else link, flush=True)
        if not (opens_browser and open_in_browser(link)):
            _say("open this link in a browser; it works once. Ctrl-C ends the panel.")

    run_panel(choice, bridge=None, files=files, port=port, show=show, say=_say)


def _from_resolve(
    choice: ServerChoice, files: tuple[Path, ...], port: int, *, opens_browser: bool
) -> None:
    from resolve_scripts.panel.serve import (  # noqa: PLC0415
        announce,
        open_in_browser,
        run_panel,
        stdio_bridge,
    )

    bridge = stdio_bridge()

    def show(link: str) -> None:
        if opens_browser and open_in_browser(link):
            announce(bridge, "VIA is open in your browser.")
        else:
            announce(bridge, f"VIA: open this link in a browser, it works once: {link}")

    try:
        run_panel(choice, bridge=bridge, files=files, port=port, show=show, say=_say)
    except ViaClientError as error:
        announce(bridge, f"VIA: {error}")
        raise


def _repeat(choice: ServerChoice) -> None:
    from resolve_scripts.panel.panel import make_panel  # noqa: PLC0415
    from resolve_scripts.panel.repeat import repeat_last_edit  # noqa: PLC0415
    from resolve_scripts.panel.serve import announce, dismiss, stdio_bridge  # noqa: PLC0415

    bridge = stdio_bridge()
    panel_parts = make_panel(choice, bridge, _say)

    def tell(text: str) -> None:
        _say(text)
        announce(bridge, text)

    try:
        missed = repeat_last_edit(panel_parts, tell)
    except ViaClientError as error:
        announce(bridge, f"VIA: {error}")
        raise
    finally:
        panel_parts.keeper.stop()
        panel_parts.server.close()
        dismiss(bridge)
    if missed:
        raise typer.Exit(1)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
