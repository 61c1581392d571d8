"""VIA in Resolve's Scripts menu. Written by `via resolve install`, which fills in the values."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path

PACKAGE_FOLDER = ""
COMMAND: list[str] = []
ENVIRONMENT: dict[str, str] = {}
LOG_PATH = ""


def main(names: dict[str, object]) -> None:
    """Runs Via's bridge; of Via's environment only its own package is made importable here."""
    package = Path(PACKAGE_FOLDER) / "__init__.py"
    # Where Resolve keeps its Python alive, an earlier version may still be loaded.
    for name in [one for one in sys.modules if one.split(".")[0] == "resolve_scripts"]:
        del sys.modules[name]
    spec = importlib.util.spec_from_file_location(
        "resolve_scripts", str(package), submodule_search_locations=[PACKAGE_FOLDER]
    )
    if not package.is_file() or spec is None or spec.loader is None:
        print("VIA: Via is no longer at " + ascii(PACKAGE_FOLDER) + "; run: via resolve install")
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules["resolve_scripts"] = module
    spec.loader.exec_module(module)
    launch = importlib.import_module("resolve_scripts.in_resolve.launch")
    os.environ.update(ENVIRONMENT)
    launch.run(names, COMMAND, LOG_PATH)


if __name__ == "__main__":
    main(globals())
