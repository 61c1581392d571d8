"""The menu entries as files: their names are what the editor reads in Workspace > Scripts."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import resolve_scripts

MENU_FOLDER = "in_resolve/menu"
EDIT = "VIA"
REPEAT = "VIA - repeat last edit on selection"


@dataclass(frozen=True, kw_only=True)
class Installed:
    """What the entries have to know of this installation of Via.

    Attributes:
        python: the interpreter of Via's environment.
        package_folder: folder of the package `resolve_scripts`.
        state_folder: where Via keeps logs and mailboxes.
    """

    python: Path
    package_folder: Path
    state_folder: Path

    def command(self, *arguments: str) -> list[str]:
        """Starts `via` of this very environment; -P keeps other folders' modules out."""
        return [str(self.python), "-P", "-m", "resolve_scripts.cli", *arguments]


def this_installation(state_folder: Path) -> Installed:
    """The environment this program runs in."""
    return Installed(
        python=Path(sys.executable),
        package_folder=Path(str(resolve_scripts.__file__)).parent,
        state_folder=state_folder,
    )


def menu_entries(installed: Installed) -> dict[str, str]:
    """File name -> text of every entry."""
    source = installed.package_folder / MENU_FOLDER
    python = (source / "edit_clips.py").read_text(encoding="utf-8")
    panel = installed.command("panel", "--bridge")
    return {
        f"{EDIT}.py": _python_entry(python, installed, panel),
        f"{REPEAT}.py": _python_entry(python, installed, [*panel, "--repeat"]),
    }


def _python_entry(template: str, installed: Installed, command: list[str]) -> str:
    values = {
        "PACKAGE_FOLDER": str(installed.package_folder),
        "COMMAND": command,
        "LOG_PATH": str(installed.state_folder / "panel.log"),
    }
    text = template
    for name, value in values.items():
        line = f"{name} = {value!a}"
        text = re.sub(rf"^{name} = .*$", lambda _, line=line: line, text, flags=re.MULTILINE)
    return text
