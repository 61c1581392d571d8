"""Where Resolve looks for menu scripts on the three systems; pure, from platform and home.

Resolve's readme, and for the App Store build the public reports of davinci-resolve-mcp (issue 104):
on two machines with one version opposite trees worked, so both count.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

COMPANY = "Blackmagic Design/DaVinci Resolve"
APP_STORE_CONTAINERS = (
    "com.blackmagic-design.DaVinciResolve",
    "com.blackmagic-design.DaVinciResolveLite",
)
APP_STORE_TREES = (f"{COMPANY}/Fusion/Scripts", "Fusion/Scripts")
UTILITY = "Utility"  # its scripts show on every page


class Scope(Enum):
    """For whom a folder is."""

    USER = "this user"
    ALL_USERS = "all users"
    APP_STORE = "App Store build"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A computer, as far as folders go.

    Attributes:
        platform: as `sys.platform` says it.
        home: the user's home folder.
        environment: its variables.
        root: what absolute system paths hang from.
    """

    platform: str
    home: Path
    environment: Mapping[str, str]
    root: Path = Path("/")

    def system(self, path: str) -> Path:
        """An absolute system path."""
        return self.root / path.lstrip("/")


@dataclass(frozen=True, kw_only=True)
class ScriptFolder:
    """A folder that Resolve reads menu scripts from."""

    path: Path
    scope: Scope


def this_machine() -> Machine:
    """The computer this runs on."""
    return Machine(platform=sys.platform, home=Path.home(), environment=os.environ)


def script_folders(machine: Machine) -> list[ScriptFolder]:
    """All folders whose scripts any build of Resolve on this machine shows, the user's first."""
    find = {"darwin": _mac_folders, "win32": _windows_folders}.get(machine.platform, _linux_folders)
    return [ScriptFolder(path=path / UTILITY, scope=scope) for scope, path in find(machine)]


def chosen_folders(machine: Machine, *, for_all_users: bool) -> list[ScriptFolder]:
    """The folders to install into: one, and the App Store's trees where that build has been run."""
    wanted = Scope.ALL_USERS if for_all_users else Scope.USER
    folders = script_folders(machine)
    main = next(one for one in folders if one.scope is wanted)
    app_store = [one for one in folders if one.scope is Scope.APP_STORE]
    return [main, *app_store]


def _mac_folders(machine: Machine) -> list[tuple[Scope, Path]]:
    support = "Library/Application Support"
    folders = [
        (Scope.USER, machine.home / support / COMPANY / "Fusion/Scripts"),
        (Scope.ALL_USERS, machine.system(f"/{support}/{COMPANY}/Fusion/Scripts")),
    ]
    for container in APP_STORE_CONTAINERS:
        data = machine.home / "Library/Containers" / container / "Data"
        if data.is_dir():
            folders += [(Scope.APP_STORE, data / support / tree) for tree in APP_STORE_TREES]
    return folders


def _windows_folders(machine: Machine) -> list[tuple[Scope, Path]]:
    roaming = machine.environment.get("APPDATA") or str(machine.home / "AppData/Roaming")
    shared = machine.environment.get("PROGRAMDATA") or "C:/ProgramData"
    return [
        (Scope.USER, Path(roaming) / COMPANY / "Support/Fusion/Scripts"),
        (Scope.ALL_USERS, Path(shared) / COMPANY / "Fusion/Scripts"),
    ]


def _linux_folders(machine: Machine) -> list[tuple[Scope, Path]]:
    folders = [
        (Scope.USER, machine.home / ".local/share/DaVinciResolve/Fusion/Scripts"),
        (Scope.ALL_USERS, machine.system("/opt/resolve/Fusion/Scripts")),
    ]
    other = machine.system("/home/resolve")
    if other.is_dir():
        folders.append((Scope.ALL_USERS, other / "Fusion/Scripts"))
    return folders
