"""`via models` reaches the engine's part, and its answers and exit codes come back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.resolve_scripts.conftest import ROOT


def via_models(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "resolve_scripts.cli", "models", *arguments],
        cwd=ROOT, env={**os.environ, "VIA_MODELS_FOLDER": str(folder)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_answers_and_exit_codes_are_the_engines(tmp_path: Path) -> None:
    listed = via_models(tmp_path, "ls", "--json")
    assert listed.returncode == 0, listed.stderr
    values = json.loads(listed.stdout)
    assert (values["folder"], values["models"]) == (str(tmp_path), [])
    refused = via_models(tmp_path, "rm", "nothing", "--json")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert json.loads(refused.stderr)["error"]["reason"] == "MODEL_UNKNOWN"
