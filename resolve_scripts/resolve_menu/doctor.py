"""`via resolve doctor`: what stands between the editor and VIA in Resolve's menu."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resolve_scripts.client import ViaClient
from resolve_scripts.connect import ServerChoice, running_server
from resolve_scripts.doctor import Finding
from resolve_scripts.errors import ViaClientError
from resolve_scripts.resolve_menu.entries import WITHOUT_PYTHON, Installed
from resolve_scripts.resolve_menu.folders import Machine
from resolve_scripts.resolve_menu.install import EntryState, found_entries

RESOLVE_PLACES = {
    "darwin": (
        "/Applications/DaVinci Resolve/DaVinci Resolve.app",
        "/Applications/DaVinci Resolve.app",
    ),
    "win32": ("/Program Files/Blackmagic Design/DaVinci Resolve/Resolve.exe",),
    "linux": ("/opt/resolve/bin/resolve", "/home/resolve/bin/resolve"),
}
OLDEST_VERSION = (18, 5)
SELECTION_SINCE = (21, 0, 4)
FREE_PYTHON_UNTIL = (21, 1)
START_IT = "in Resolve choose Workspace > Scripts > VIA"


def examine_resolve(machine: Machine, installed: Installed, choice: ServerChoice) -> list[Finding]:
    """Looks at everything between the editor and an edit; starts nothing."""
    seen = _seen(installed.seen_path)
    return [
        _application(machine),
        *_edition_and_version(seen),
        *_entries(machine, installed),
        _python(machine, seen),
        _environment(installed),
        *_server(choice),
    ]


def _application(machine: Machine) -> Finding:
    places = RESOLVE_PLACES.get(machine.platform, RESOLVE_PLACES["linux"])
    found = next((place for place in places if machine.system(place).exists()), None)
    return Finding(
        name="resolve",
        found=f"DaVinci Resolve at {found}" if found else "no DaVinci Resolve in its usual place",
        remedy="" if found else "install DaVinci Resolve on this machine, unless it lies elsewhere",
    )


def _seen(path: Path) -> dict[str, Any]:
    """What the entries noted of the Resolve that ran them last."""
    try:
        seen = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return seen if isinstance(seen, dict) else {}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _edition_and_version(seen: dict[str, Any]) -> Iterator[Finding]:
    if not seen:
        found = "no Resolve has run VIA yet, so edition and version are unknown"
        yield Finding(name="edition", found=found, remedy=f"{START_IT} once, then ask again")
        return
    product, version = str(seen.get("product")), str(seen.get("version"))
    day = datetime.fromtimestamp(int(seen.get("unix_time_s", 0)), tz=UTC).date()
    is_free = "studio" not in product.lower()
    ends = is_free and _numbers(version) >= FREE_PYTHON_UNTIL
    yield Finding(
        name="edition",
        found=f"{product}, last run on {day} {seen.get('via', '')}".rstrip(),
        remedy=f"its menu runs Lua only: use the entry {WITHOUT_PYTHON}" if ends else "",
    )
    yield _version_finding(version)


def _version_finding(version: str) -> Finding:
    numbers = _numbers(version)
    if numbers < OLDEST_VERSION:
        remedy = "update Resolve to 18.5 or newer; VIA cannot place results in this one"
        return Finding(name="version", found=version, remedy=remedy, is_problem=True)
    remedy = (
        ""
        if numbers >= SELECTION_SINCE
        else (
            "it does not tell scripts what is selected: set in and out marks, or park the playhead"
        )
    )
    return Finding(name="version", found=version, remedy=remedy)


def _entries(machine: Machine, installed: Installed) -> Iterator[Finding]:
    found = found_entries(machine, installed)
    if not found:
        yield Finding(
            name="menu entries",
            found="VIA is in none of the menu folders",
            remedy="run: via resolve install",
            is_problem=True,
        )
    for folder in sorted({entry.path.parent for entry in found}):
        inside = [entry for entry in found if entry.path.parent == folder]
        is_old = any(entry.state is EntryState.OUTDATED for entry in inside)
        yield Finding(
            name="menu entries",
            found=f"{len(inside)} in {folder}{', written by another Via' if is_old else ''}",
            remedy="run: via resolve install" if is_old else "",
            is_problem=is_old,
        )
    if len({entry.scope for entry in found} - {"App Store build"}) > 1:
        remedy = "run: via resolve install (as administrator if it says so)"
        yield Finding(name="menu entries", found="VIA shows twice in the menu", remedy=remedy)


def _python(machine: Machine, seen: dict[str, Any]) -> Finding:
    """The Python that Resolve's menu would run; without one it hides the .py entries."""
    if seen.get("via") == "in Resolve":
        return Finding(name="python", found=f"Resolve runs Python {seen.get('python')}")
    found = _findable_python(machine)
    remedy = {
        "darwin": "install Python 3 from python.org, which puts /usr/local/bin/python3 in place",
        "win32": "install Python 3 from python.org for all users, then start Resolve anew",
    }.get(machine.platform, "install your system's python3 package, then start Resolve anew")
    return Finding(
        name="python",
        found=f"Resolve should find {found}" if found else "Resolve finds no Python for its menu",
        remedy="" if found else f"{remedy}; until then use the entry {WITHOUT_PYTHON}",
    )


def _findable_python(machine: Machine) -> str | None:
    """Where Resolve looks, system by system; pyenv, conda and Homebrew on Apple silicon are not."""
    if machine.platform == "darwin":
        home = machine.environment.get("PYTHON3HOME") or _launchctl("PYTHON3HOME")
        places = [*([f"{home}/bin/python3"] if home else []), "/usr/local/bin/python3"]
        return next((place for place in places if machine.system(place).exists()), None)
    if machine.platform == "win32":
        return machine.environment.get("FUSION_PYTHON3_HOME") or shutil.which("py")
    places = ["/usr/bin/python3", "/usr/local/bin/python3"]
    return next((place for place in places if machine.system(place).exists()), None)


def _launchctl(name: str) -> str:
    """A variable of the Mac's graphical session, which terminals do not show."""
    program = shutil.which("launchctl")
    if program is None:
        return ""
    done = subprocess.run([program, "getenv", name], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _environment(installed: Installed) -> Finding:
    missing = [
        str(path) for path in (installed.python, installed.package_folder) if not path.exists()
    ]
    return Finding(
        name="via",
        found=f"missing: {', '.join(missing)}" if missing else str(installed.package_folder),
        remedy="install Via again, then run: via resolve install" if missing else "",
        is_problem=bool(missing),
    )


def _server(choice: ServerChoice) -> Iterator[Finding]:
    address = choice.address or running_server(choice)
    if address is None:
        yield Finding(name="server", found="none runs here; VIA starts one for your first edit")
        return
    try:
        with ViaClient(address, token=choice.token, trusted=choice.trusted) as client:
            info = client.server_info()
    except ViaClientError as error:
        told = f"{address}: {error.reason}"
        yield Finding(name="server", found=told, remedy=str(error), is_problem=True)
        return
    yield Finding(name="server", found=f"Via {info.version} at {address}")
    yield Finding(name="token", found="accepted" if choice.token else "none is needed")
