"""Sessions with Resolve that do not start in its own Python: by Lua, and from outside (Studio)."""

from __future__ import annotations

from resolve_scripts.errors import ViaClientError
from resolve_scripts.in_resolve.bridge import serve
from resolve_scripts.in_resolve.connection import find_resolve
from resolve_scripts.in_resolve.errors import BridgeError
from resolve_scripts.in_resolve.launch import note_seen, serve_workstation
from resolve_scripts.in_resolve.workstation import Workstation
from resolve_scripts.resolve_menu.entries import Installed
from resolve_scripts.resolve_menu.mailbox import Mailbox, RemoteObject


def panel_command(installed: Installed, *, repeat: bool) -> list[str]:
    """Starts the workstation process."""
    return installed.command("panel", "--bridge", *(["--repeat"] if repeat else []))


def serve_mailbox(
    installed: Installed, session: str, command: list[str], *, silent_s: float | None = None
) -> str:
    """The bridge of a session that a Lua entry started.

    Returns:
        Why it ended.
    """
    folder = installed.mailbox_folder
    mailbox = (
        Mailbox(folder, session)
        if silent_s is None
        else Mailbox(folder, session, silent_s=silent_s)
    )
    resolve = RemoteObject(mailbox, 0)

    def say(message: str) -> None:
        mailbox.ask(do="say", message=message)

    with mailbox.kept_alive(), installed.log_path.open("ab") as log:
        note_seen(resolve, installed.seen_path, "through Lua")
        with Workstation(command, log) as workstation:
            stream = workstation.process.stdout
            if stream is None:
                return "the panel has no output"
            why = serve(
                resolve,
                stream,
                workstation,
                via="through Lua",
                say=say,
                is_resolve_there=mailbox.is_alive,
            )
        if mailbox.is_alive():
            mailbox.ask(do="close")
        return why


def serve_from_outside(installed: Installed) -> str:
    """The bridge to a running Resolve Studio, from Via's own environment.

    Raises:
        ViaClientError: no Resolve lets Via in.
    """
    try:
        resolve = find_resolve({})
    except BridgeError as error:
        raise ViaClientError(f"{error.message}. {error.next_step}", reason=error.reason) from error
    return serve_workstation(
        resolve, panel_command(installed, repeat=False), installed.log_path, via="from outside"
    )
