"""Without any network, a server starts, loads a model from local files, and edits with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.resolve_scripts.conftest import ROOT
from tests.resolve_scripts.test_starter_end_to_end import clip  # noqa: F401
from tests.via_engine.models.tiny_pipeline import write_tiny_pipeline
from via_engine.models.library.adding import Addition, add
from via_engine.models.library.library import Library

# Every Python of the test is cut off: whoever tries to reach another machine is noted and refused.
CUT_OFF = """
import sys

def refuse(event, args):
    if event == "socket.getaddrinfo" and args[0] not in (None, "", "127.0.0.1", "localhost"):
        told = args[0]
    elif event == "socket.connect" and isinstance(args[1], tuple) and args[1][0] != "127.0.0.1":
        told = args[1][0]
    else:
        return
    with open({noted!r}, "a") as file:
        print(told, file=file)
    raise OSError(f"no network: {{told}}")

sys.addaudithook(refuse)
"""


def test_serving_works_from_local_files_alone(clip: Path, tmp_path: Path) -> None:  # noqa: F811
    folder = write_tiny_pipeline(tmp_path / "pipeline")
    card = {"long_side_px": 16, "multiple_px": 4, "steps": 2}
    (folder / "via_model.json").write_text(json.dumps(card))
    add(Library(tmp_path / "models"), Addition(name="mine", path=folder))
    noted = tmp_path / "tried.txt"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(CUT_OFF.format(noted=str(noted)))
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(tmp_path / "site"),
        "VIA_MODELS_FOLDER": str(tmp_path / "models"),
        "VIA_STATE_FOLDER": str(tmp_path / "state"),
        "VIA_MEDIA_ROOT": f"clips={clip.parent}",
    }
    environment.pop("VIA_SERVER", None)
    out = tmp_path / "out.mov"
    done = subprocess.run(
        [sys.executable, "-m", "resolve_scripts.cli", "edit", str(clip), "make it night",
         "--model", "mine", "-o", str(out), "--json"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert out.stat().st_size > 0
    assert not noted.exists(), noted.read_text()


def test_the_network_of_that_test_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(CUT_OFF.format(noted=str(tmp_path / "tried.txt")))
    code = "import socket; socket.getaddrinfo('example.invalid', 80)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "no network: example.invalid" in done.stderr
    assert (tmp_path / "tried.txt").read_text() == "example.invalid\n"
