"""Finds the `resolve` object: injected into a menu entry, or asked for from outside (Studio)."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from resolve_scripts.in_resolve.errors import NotAnsweringError

MODULE_NAME = "DaVinciResolveScript"
API_FOLDERS = {
    "darwin": "/Library/Application Support/Blackmagic Design/DaVinci Resolve/Developer/Scripting",
    "linux": "/opt/resolve/Developer/Scripting",
}
WINDOWS_API_FOLDER = "Blackmagic Design/DaVinci Resolve/Support/Developer/Scripting"
LIBRARIES = {
    "darwin": "/Applications/DaVinci Resolve/DaVinci Resolve.app/Contents/Libraries/Fusion/"
    "fusionscript.so",
    "win32": "C:\\Program Files\\Blackmagic Design\\DaVinci Resolve\\fusionscript.dll",
    "linux": "/opt/resolve/libs/Fusion/fusionscript.so",
}


def find_resolve(names: Mapping[str, Any]) -> Any:
    """The `resolve` object, by the first way that gives one.

    Args:
        names: globals of the menu entry; empty outside Resolve.

    Raises:
        NotAnsweringError: no way gives one.
    """
    for give in (_injected, _from_app, _from_bmd, _from_outside):
        found = give(names)
        if found is not None:
            return found
    raise NotAnsweringError(
        "no running DaVinci Resolve lets Via in",
        next_step="Start it from Workspace > Scripts > VIA; from outside, Resolve Studio must run "
        "with Preferences > System > General > External scripting set to Local.",
        reason="RESOLVE_NOT_FOUND",
    )


def _injected(names: Mapping[str, Any]) -> Any:
    return names.get("resolve")


def _from_app(names: Mapping[str, Any]) -> Any:
    app = names.get("app")
    return app.GetResolve() if app is not None and "GetResolve" in dir(app) else None


def _from_bmd(names: Mapping[str, Any]) -> Any:
    bmd = names.get("bmd")
    return bmd.scriptapp("Resolve") if bmd is not None else None


def _from_outside(_names: Mapping[str, Any]) -> Any:
    module = _scripting_module()
    return None if module is None else module.scriptapp("Resolve")


def api_folder(platform: str, environment: Mapping[str, str]) -> Path:
    """Folder of Resolve's scripting interface, which holds `Modules`."""
    said = environment.get("RESOLVE_SCRIPT_API")
    if said:
        return Path(said)
    if platform == "win32":
        return Path(environment.get("PROGRAMDATA", "C:/ProgramData")) / WINDOWS_API_FOLDER
    return Path(API_FOLDERS.get(platform, API_FOLDERS["linux"]))


def _scripting_module() -> ModuleType | None:
    """Resolve's own module, loaded from where Resolve installs it."""
    path = api_folder(sys.platform, os.environ) / "Modules" / f"{MODULE_NAME}.py"
    library = LIBRARIES.get(sys.platform)
    if library is not None and Path(library).exists():
        os.environ.setdefault("RESOLVE_SCRIPT_LIB", library)
    spec = importlib.util.spec_from_file_location(MODULE_NAME, path)
    if not path.is_file() or spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (ImportError, OSError):
        return None
    # Resolve's module puts its compiled half in its own place.
    return sys.modules.get(MODULE_NAME, module)
