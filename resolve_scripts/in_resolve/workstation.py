"""The workstation process: Via's own environment, started from inside Resolve."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO, Any

LEAVE_S = 10.0
# Resolve sets these for itself; another Python, or the browser it opens, would break on them.
HOST_VARIABLES = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FRAMEWORK_PATH",
    "QT_PLUGIN_PATH",
    "QT_QPA_PLATFORM_PLUGIN_PATH",
)


def workstation_environment(host: Mapping[str, str]) -> dict[str, str]:
    """The environment without what belongs to Resolve's own Python."""
    return {name: value for name, value in host.items() if name not in HOST_VARIABLES}


class Workstation:
    """A running workstation process; at the end of the `with` block it is gone."""

    def __init__(
        self, command: Sequence[str], log: IO[bytes] | None = None, *, leave_s: float = LEAVE_S
    ) -> None:
        self._leave_s = leave_s
        flags: dict[str, Any] = {}
        if sys.platform == "win32":
            flags["creationflags"] = subprocess.CREATE_NO_WINDOW
        else:
            flags["start_new_session"] = True
        self.process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log if log is not None else subprocess.DEVNULL,
            env=workstation_environment(os.environ),
            **flags,
        )

    def __enter__(self) -> Workstation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def send(self, line: bytes) -> bool:
        """Writes a line; False when the process no longer reads."""
        pipe = self.process.stdin
        if pipe is None or pipe.closed:
            return False
        try:
            pipe.write(line)
            pipe.flush()
        except OSError:
            return False
        return True

    def end(self) -> None:
        """Closes its stdin, which tells it to end, and sees to it that it does."""
        pipe = self.process.stdin
        if pipe is not None:
            with suppress(OSError):  # it may be gone already
                pipe.close()
        for harder in (self.process.terminate, self.process.kill):
            try:
                self.process.wait(self._leave_s)
                break
            except subprocess.TimeoutExpired:
                harder()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
