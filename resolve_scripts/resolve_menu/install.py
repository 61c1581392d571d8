"""Puts Via's entries into Resolve's Scripts menu, and takes them out again without a trace."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from resolve_scripts.errors import OutputError
from resolve_scripts.resolve_menu.entries import SIGNATURE, Installed, menu_entries
from resolve_scripts.resolve_menu.folders import (
    Machine,
    ScriptFolder,
    chosen_folders,
    script_folders,
)


class EntryState(Enum):
    """How an entry in a menu folder relates to this installation."""

    CURRENT = "current"
    OUTDATED = "outdated"


@dataclass(frozen=True, kw_only=True)
class FoundEntry:
    """An entry of Via's in a menu folder."""

    path: Path
    scope: str
    state: EntryState

    def to_json(self) -> dict[str, str]:
        """Plain JSON values."""
        return {"path": str(self.path), "scope": self.scope, "state": self.state.value}


@dataclass(frozen=True, kw_only=True)
class Changed:
    """What an installation did.

    Attributes:
        written: entries that are now in the menu.
        removed: entries of Via's that were taken out, such as copies elsewhere.
        kept: copies elsewhere that may not be removed by this user; they show twice.
    """

    written: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()

    def to_json(self) -> dict[str, list[str]]:
        """Plain JSON values."""
        return {
            "written": [str(path) for path in self.written],
            "removed": [str(path) for path in self.removed],
            "kept": [str(path) for path in self.kept],
        }


def install(machine: Machine, installed: Installed, *, for_all_users: bool = False) -> Changed:
    """Writes the entries, and removes copies of earlier installations everywhere else.

    Raises:
        OutputError: the folder cannot be written, or a script of another maker has the name.
    """
    entries = menu_entries(installed)
    wanted = [
        (folder.path / name, text)
        for folder in chosen_folders(machine, for_all_users=for_all_users)
        for name, text in entries.items()
    ]
    for path, _ in wanted:
        if path.exists() and not _is_ours(path):
            raise OutputError(
                f"{path} is a script of somebody else's; rename it, then install again"
            )
    installed.mailbox_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    installed.mailbox_folder.chmod(0o700)
    for path, text in wanted:
        _write(path, text)
    written = tuple(path for path, _ in wanted)
    removed, kept = _remove([path for path in _own_paths(machine) if path not in written])
    return Changed(written=written, removed=removed, kept=kept)


def uninstall(machine: Machine) -> Changed:
    """Removes every entry of Via's from every folder Resolve reads."""
    removed, kept = _remove(_own_paths(machine))
    return Changed(removed=removed, kept=kept)


def found_entries(machine: Machine, installed: Installed) -> list[FoundEntry]:
    """Every entry of Via's in every folder Resolve reads."""
    entries = menu_entries(installed)
    return [
        FoundEntry(
            path=path,
            scope=folder.scope.value,
            state=(
                EntryState.CURRENT
                if entries.get(path.name) == path.read_text(encoding="utf-8")
                else EntryState.OUTDATED
            ),
        )
        for folder in script_folders(machine)
        for path in _ours_in(folder)
    ]


def _own_paths(machine: Machine) -> list[Path]:
    return [path for folder in script_folders(machine) for path in _ours_in(folder)]


def _ours_in(folder: ScriptFolder) -> list[Path]:
    try:
        return sorted(path for path in folder.path.glob("VIA*") if _is_ours(path))
    except OSError:
        return []


def _is_ours(path: Path) -> bool:
    try:
        return SIGNATURE in path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise OutputError(
            f"cannot write {path} ({error.strerror}); "
            "install for yourself, without --all-users, or as administrator"
        ) from error


def _remove(paths: list[Path]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    removed, kept = [], []
    for path in paths:
        try:
            path.unlink()
            removed.append(path)
        except OSError:
            kept.append(path)
    return tuple(removed), tuple(kept)
