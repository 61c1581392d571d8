"""A client in another language, from the .proto files alone, against the real server."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import require_program
from tests.resolve_scripts.conftest import ROOT, RealServer

SOURCES = Path(__file__).parent / "node_client"


@pytest.fixture(scope="session")
def node_client(node: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client with its packages, outside the repository."""
    folder = tmp_path_factory.mktemp("node") / "client"
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("node_modules"))
    install = [require_program("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(install, cwd=folder, check=True, capture_output=True, timeout=240)
    return folder


def test_the_contract_is_enough_for_another_language(
    node: str, node_client: Path, real_server: RealServer, shared_media: Path
) -> None:
    arguments = [ROOT / "proto", real_server.address, shared_media / "wolf.mp4", "make it night"]
    done = subprocess.run(
        [node, "client.mjs", *map(str, arguments)],
        cwd=node_client, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    # What the fake engine writes for these frames, made here without any server.
    lines = [f"frame {frame} seed 0 make it night\n" for frame in range(24)]
    assert told["sha256"] == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert (told["sha256"], told["frames"]) == (told["promised"], 24)
    assert "JOB_STAGE_SWAP 24/24" in done.stderr


def test_the_lock_file_names_no_registry() -> None:
    packages = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    assert len(packages) > 2
    assert not [name for name, package in packages.items() if "resolved" in package]
