"""Via's other parts, started as programs of their own: a workstation may lack what they need."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence

from resolve_scripts.errors import PartMissingError

# Part -> packages beyond the workstation's own that prove it can run here.
NEEDS = {
    "server": ("server", "grpc_health", "grpc_reflection", "structlog"),
    "via_engine": ("via_engine", "torch", "av", "diffusers"),
}


def missing_packages(part: str) -> list[str]:
    """Packages the part needs and this Python lacks; nothing is imported to find out."""
    return [name for name in NEEDS[part] if importlib.util.find_spec(name) is None]


def part_command(module: str, arguments: Sequence[str]) -> list[str]:
    """Command line that runs a module of another part with this Python.

    Raises:
        PartMissingError: the part is not installed.
    """
    part = module.split(".", maxsplit=1)[0]
    needed = {"server", "via_engine"} if part == "server" else {part}
    missing = sorted(name for each in needed for name in missing_packages(each))
    if missing:
        raise PartMissingError(
            f"this machine lacks {', '.join(missing)}, which `{module}` needs; "
            "install them with: pip install 'via-editor[server]', "
            "or name a server on another machine with --server"
        )
    # -P: a folder called "server" in the current folder must not be taken for Via's.
    # What packages announce for their own future is no news to an editor.
    return [sys.executable, "-P", "-W", "ignore::FutureWarning", "-m", module, *arguments]


def become_part(module: str, arguments: Sequence[str]) -> int:
    """Runs a part in place of this program; signals and the exit code are its own."""
    command = part_command(module, arguments)
    sys.stdout.flush()
    if os.name == "posix":
        os.execv(command[0], command)
    return subprocess.call(command)
