"""What a menu entry does: finds Resolve, starts the workstation process, serves it."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from resolve_scripts.in_resolve.bridge import serve
from resolve_scripts.in_resolve.connection import find_resolve
from resolve_scripts.in_resolve.errors import BridgeError
from resolve_scripts.in_resolve.host import say_plainly
from resolve_scripts.in_resolve.workstation import Workstation

SEEN_NAME = "resolve_seen.json"


def run(names: Mapping[str, Any], command: Sequence[str], log_path: str) -> None:
    """Serves one session; what goes wrong is said in Resolve's console.

    Args:
        names: the globals of the menu entry, among which Resolve puts its own objects.
        command: starts the workstation process.
        log_path: where its words for people go.
    """
    try:
        serve_workstation(find_resolve(names), command, Path(log_path))
    except BridgeError as error:
        say_plainly(f"VIA: {error.message}. {error.next_step}")


def serve_workstation(
    resolve: Any, command: Sequence[str], log_path: Path, *, via: str = "in Resolve"
) -> str:
    """Starts the workstation process and serves it until one side ends.

    Returns:
        Why it ended.

    Raises:
        BridgeError: it cannot be started.
    """
    note_seen(resolve, log_path.parent / SEEN_NAME, via)
    with _log(log_path) as log:
        try:
            workstation = Workstation(command, log)
        except OSError as error:
            raise BridgeError(
                f"cannot start {command[0]} ({error.strerror}): Via was moved or removed",
                next_step="Install it again, then run: via resolve install",
            ) from error
        with workstation:
            stream = workstation.process.stdout
            why = (
                "it has no output"
                if stream is None
                else serve(resolve, stream, workstation, via=via)
            )
        code = workstation.process.returncode
        if code:
            say_plainly(f"VIA: {why} (exit code {code}); its log is {log.name}")
    return why


def note_seen(resolve: Any, path: Path, via: str) -> None:
    """Writes down which Resolve ran Via, for `via resolve doctor` to tell."""
    seen = {
        "product": resolve.GetProductName(),
        "version": resolve.GetVersionString(),
        "python": platform.python_version(),
        "via": via,
        "unix_time_s": int(time.time()),
    }
    with suppress(OSError, TypeError):  # it only helps the doctor
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(seen), encoding="utf-8")


def _log(path: Path) -> IO[bytes]:
    """A log file; in the temporary folder where the wanted place cannot be written."""
    for wanted in (path, Path(tempfile.gettempdir()) / "via-panel.log"):
        try:
            wanted.parent.mkdir(parents=True, exist_ok=True)
            return wanted.open("ab")
        except OSError:
            continue  # a log elsewhere is better than none
    return Path(os.devnull).open("ab")
