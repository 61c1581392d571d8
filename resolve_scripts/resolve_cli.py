"""`via resolve`: Via's entries in DaVinci Resolve's Scripts menu."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from resolve_scripts.doctor import tell_findings
from resolve_scripts.options import JsonOption, ServerOption, ending, server_choice
from resolve_scripts.resolve_menu.doctor import examine_resolve
from resolve_scripts.resolve_menu.entries import Installed, this_installation
from resolve_scripts.resolve_menu.folders import this_machine
from resolve_scripts.resolve_menu.install import found_entries, install, uninstall
from resolve_scripts.resolve_menu.sessions import (
    panel_command,
    serve_from_outside,
    serve_mailbox,
)

resolve_app = typer.Typer(
    no_args_is_help=True, help="Via in DaVinci Resolve: Workspace > Scripts > VIA."
)


def _installed() -> Installed:
    return this_installation(server_choice(None).state_folder, os.environ)


@resolve_app.command("install")
def install_entries(
    *,
    all_users: Annotated[
        bool, typer.Option("--all-users", help="For everybody on this machine (administrator).")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Put VIA into Resolve's Scripts menu; run it again after moving or updating Via."""
    with ending(as_json=as_json):
        changed = install(this_machine(), _installed(), for_all_users=all_users)
        if as_json:
            print(json.dumps(changed.to_json()))
            return
        for path in changed.written:
            print(path)
        for path in changed.removed:
            typer.echo(f"removed an older copy: {path}", err=True)
        for path in changed.kept:
            typer.echo(f"shows twice, remove it as administrator: {path}", err=True)
        typer.echo("In Resolve: Workspace > Scripts > VIA (start Resolve anew if absent)", err=True)


@resolve_app.command("uninstall")
def uninstall_entries(as_json: JsonOption = False) -> None:
    """Take VIA out of Resolve's Scripts menu, wherever it was put."""
    with ending(as_json=as_json):
        changed = uninstall(this_machine())
        if as_json:
            print(json.dumps(changed.to_json()))
        else:
            for path in changed.removed:
                print(path)
            for path in changed.kept:
                typer.echo(f"remove it as administrator: {path}", err=True)
        if changed.kept:
            raise typer.Exit(1)


@resolve_app.command()
def status(as_json: JsonOption = False) -> None:
    """List Via's entries in Resolve's menu folders; exit code 1 when there are none or old ones."""
    with ending(as_json=as_json):
        found = found_entries(this_machine(), _installed())
        if as_json:
            print(json.dumps([entry.to_json() for entry in found], indent=2))
        else:
            for entry in found:
                print(f"{entry.state.value:<8} {entry.path} ({entry.scope})")
        if not found or any(entry.state.value != "current" for entry in found):
            typer.echo("to put them right: via resolve install", err=True)
            raise typer.Exit(1)


@resolve_app.command()
def doctor(server: ServerOption = None, as_json: JsonOption = False) -> None:
    """Say why VIA works or does not work in Resolve, and the next step in one sentence each."""
    with ending(as_json=as_json):
        findings = examine_resolve(this_machine(), _installed(), server_choice(server))
        tell_findings(findings, as_json=as_json)


@resolve_app.command("open")
def open_panel() -> None:
    """Open the panel for a Resolve Studio that runs already (external scripting set to Local)."""
    with ending(as_json=False):
        typer.echo(serve_from_outside(_installed()), err=True)


@resolve_app.command(hidden=True)
def mailbox(
    session: str,
    *,
    repeat: Annotated[bool, typer.Option("--repeat", help="Repeat the last edit.")] = False,
) -> None:
    """Serve a session that a Lua entry started; the entry runs this itself."""
    with ending(as_json=False):
        installed = _installed()
        typer.echo(
            serve_mailbox(installed, session, panel_command(installed, repeat=repeat)), err=True
        )
