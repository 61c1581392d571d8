"""The menu entries as files: their names are what the editor reads in Workspace > Scripts."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import resolve_scripts
from resolve_scripts.in_resolve.workstation import HOST_VARIABLES

MENU_FOLDER = "in_resolve/menu"
EDIT = "VIA"
REPEAT = "VIA - repeat last edit on selection"
WITHOUT_PYTHON = "VIA without Python"
REPEAT_WITHOUT_PYTHON = "VIA without Python - repeat last edit on selection"
# How an entry of Via's is told from other people's scripts.
SIGNATURE = "Written by `via resolve install`"
# A token is a secret and not written into files that others may read.
KEPT_VARIABLES = ("VIA_SERVER", "VIA_STATE_FOLDER")


@dataclass(frozen=True, kw_only=True)
class Installed:
    """What the entries have to know of this installation of Via.

    Attributes:
        python: the interpreter of Via's environment.
        package_folder: folder of the package `resolve_scripts`.
        state_folder: where Via keeps logs and mailboxes.
        platform: as `sys.platform` says it.
        environment: variables that the entries set for Via; Resolve, started from the desktop,
            has not those of a terminal.
    """

    python: Path
    package_folder: Path
    state_folder: Path
    platform: str = sys.platform
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def mailbox_folder(self) -> Path:
        """Where the Lua entries and Via exchange messages; private to the user."""
        return self.state_folder / "mailbox"

    @property
    def log_path(self) -> Path:
        """What the panel and its helpers say for people."""
        return self.state_folder / "panel.log"

    @property
    def seen_path(self) -> Path:
        """What the entries noted of the Resolve that ran them last."""
        return self.state_folder / "resolve_seen.json"

    def command(self, *arguments: str) -> list[str]:
        """Starts `via` of this very environment; -P keeps other folders' modules out."""
        return [str(self.python), "-P", "-m", "resolve_scripts.cli", *arguments]


def this_installation(state_folder: Path, environment: Mapping[str, str]) -> Installed:
    """The environment this program runs in, with those of its variables that entries keep."""
    return Installed(
        python=Path(sys.executable),
        package_folder=Path(str(resolve_scripts.__file__)).parent,
        state_folder=state_folder,
        environment={name: environment[name] for name in KEPT_VARIABLES if name in environment},
    )


def menu_entries(installed: Installed) -> dict[str, str]:
    """File name -> text of every entry."""
    source = installed.package_folder / MENU_FOLDER
    python = (source / "edit_clips.py").read_text(encoding="utf-8")
    lua = (source / "without_python.lua").read_text(encoding="utf-8")
    panel = installed.command("panel", "--bridge")
    mailbox = installed.command("resolve", "mailbox", "@SESSION@")
    return {
        f"{EDIT}.py": _python_entry(python, installed, panel),
        f"{REPEAT}.py": _python_entry(python, installed, [*panel, "--repeat"]),
        f"{WITHOUT_PYTHON}.lua": _lua_entry(lua, installed, mailbox),
        f"{REPEAT_WITHOUT_PYTHON}.lua": _lua_entry(lua, installed, [*mailbox, "--repeat"]),
    }


def _python_entry(template: str, installed: Installed, command: list[str]) -> str:
    values = {
        "PACKAGE_FOLDER": ascii(str(installed.package_folder)),
        "COMMAND": ascii(command),
        "ENVIRONMENT": ascii(dict(installed.environment)),
        "LOG_PATH": ascii(str(installed.log_path)),
    }
    return _filled(template, values)


def _lua_entry(template: str, installed: Installed, command: list[str]) -> str:
    values = {
        "local MENU_FOLDER": _lua_text((installed.package_folder / MENU_FOLDER).as_posix()),
        "local MAILBOX_FOLDER": _lua_text(installed.mailbox_folder.as_posix()),
        "local COMMAND": _lua_text(_in_background(command, installed)),
    }
    return _filled(template, values)


def _filled(template: str, values: dict[str, str]) -> str:
    """The template with the value of each line "NAME = ..." or "NAME: type = ..." replaced."""
    lines = []
    for line in template.splitlines():
        declared, equals, _ = line.partition(" = ")
        value = values.get(declared.partition(":")[0]) if equals else None
        lines.append(line if value is None else f"{declared} = {value}")
    return "\n".join([*lines, ""])


def _lua_text(text: str) -> str:
    """A Lua string; letters beyond ASCII go as their bytes."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{quoted}"'


def _in_background(command: list[str], installed: Installed) -> str:
    """A shell line that starts a command without waiting for it."""
    kept = [f"{name}={value}" for name, value in installed.environment.items()]
    if installed.platform == "win32":
        settings = "".join(f'set "{one}" && ' for one in kept)
        quoted = " ".join(f'"{one}"' for one in command)
        return f'{settings}start "VIA" /b {quoted}'
    unset = " ".join(f"-u {name}" for name in HOST_VARIABLES)
    return f"env {unset} {shlex.join([*kept, *command])} >/dev/null 2>&1 </dev/null &"
