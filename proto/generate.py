"""Regenerates the committed stubs: `python proto/generate.py`; with `--check`, fails when stale."""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent
STUB_PATTERNS = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py")


def generate(target: Path) -> None:
    """Compiles every `via/v1/*.proto` into `target`, laid out as the package `via.v1`."""
    sources = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("via/v1/*.proto"))
    well_known = str(files("grpc_tools") / "_proto")
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    status = protoc.main(["protoc", f"-I{ROOT}", f"-I{well_known}", *outputs, *sources])
    if status != 0:
        raise SystemExit(status)


def stubs(folder: Path) -> dict[str, str]:
    """Relative path and text of every stub below `folder`."""
    found = (path for pattern in STUB_PATTERNS for path in folder.glob(f"via/v1/{pattern}"))
    return {str(path.relative_to(folder)): path.read_text() for path in found}


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    if not parser.parse_args().check:
        generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = stubs(Path(folder))
    stale = {name for name, text in fresh.items() if stubs(ROOT).get(name) != text}
    stale |= stubs(ROOT).keys() - fresh.keys()
    if stale:
        print(f"stale stubs: {', '.join(sorted(stale))}; run: make stubs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
