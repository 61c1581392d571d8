"""What a menu entry does: finds Resolve, starts the workstation process, serves it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from resolve_scripts.in_resolve.bridge import serve
from resolve_scripts.in_resolve.connection import find_resolve
from resolve_scripts.in_resolve.errors import BridgeError
from resolve_scripts.in_resolve.workstation import Workstation


def run(names: Mapping[str, Any], command: Sequence[str], log_path: str | None = None) -> None:
    """Serves one session; what goes wrong is said in Resolve's console.

    Args:
        names: the globals of the menu entry, among which Resolve puts its own objects.
        command: starts the workstation process.
        log_path: where its words for people go.
    """
    try:
        resolve = find_resolve(names)
    except BridgeError as error:
        print(f"VIA: {error.message}. {error.next_step}", flush=True)
        return
    with _log(log_path) as log:
        try:
            workstation = Workstation(command, log)
        except OSError as error:
            print(
                f"VIA: cannot start {command[0]} ({error.strerror}). Via was moved or removed: "
                "install it again, then run `via resolve install`.",
                flush=True,
            )
            return
        with workstation:
            stream = workstation.process.stdout
            if stream is not None:
                why = serve(resolve, stream, workstation)
        code = workstation.process.returncode
        if code:
            print(f"VIA: ended, {why} (exit code {code}); its log is {log.name}", flush=True)


def _log(path: str | None) -> IO[bytes]:
    """A log file; in the temporary folder where the wanted place cannot be written."""
    for wanted in (path, str(Path(tempfile.gettempdir()) / "via-panel.log")):
        try:
            if wanted is not None:
                Path(wanted).parent.mkdir(parents=True, exist_ok=True)
                return Path(wanted).open("ab")
        except OSError:
            continue  # a log elsewhere is better than none
    return Path(os.devnull).open("ab")
