"""VIA in Resolve's Scripts menu. Written by `via resolve install`, which fills in the values."""

import importlib
import importlib.util
import sys
from pathlib import Path

PACKAGE_FOLDER = ""
COMMAND = []  # type: ignore[var-annotated]
LOG_PATH = ""


def main(names):  # type: ignore[no-untyped-def]
    """Runs Via's bridge; of Via's environment only its own package is made importable here."""
    package = Path(PACKAGE_FOLDER) / "__init__.py"
    if not package.is_file():
        print("VIA: Via is no longer at " + ascii(PACKAGE_FOLDER) + "; run: via resolve install")
        return
    # Where Resolve keeps its Python alive, an earlier version may still be loaded.
    for name in [one for one in sys.modules if one.split(".")[0] == "resolve_scripts"]:
        del sys.modules[name]
    spec = importlib.util.spec_from_file_location(
        "resolve_scripts", str(package), submodule_search_locations=[PACKAGE_FOLDER]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["resolve_scripts"] = module
    spec.loader.exec_module(module)
    launch = importlib.import_module("resolve_scripts.in_resolve.launch")
    launch.run(names, COMMAND, LOG_PATH)


if __name__ == "__main__":
    main(globals())
