"""Fixtures of the workstation's tests: a server without an engine, clips without pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from resolve_scripts.cli import app
from resolve_scripts.client import ViaClient
from tests.resolve_scripts.fake_server import FakeServer, serving

ROOT = Path(__file__).parents[2]

Via = Callable[..., Result]


@dataclass(frozen=True, kw_only=True)
class RealServer:
    """The real server in a process of its own, with an engine that needs no model."""

    address: str
    state_folder: Path


@pytest.fixture(scope="session")
def real_server(
    tmp_path_factory: pytest.TempPathFactory, shared_media: Path
) -> Iterator[RealServer]:
    """A server that accepts the real clips."""
    state = tmp_path_factory.mktemp("state")
    roots = ["--media-root", f"shared={shared_media}"]
    command = [sys.executable, "-m", "tests.server.fake_engine_server", *roots]
    with subprocess.Popen(
        [*command, "--state-folder", str(state)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield RealServer(address=told["address"], state_folder=state)
        process.terminate()
        assert process.wait(60) == 0


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """A running server that knows clip.mov (100 frames at 24) and tlRender's movies."""
    media = {
        "clip.mov": (100, 24, 1),
        "BART_2021-02-07.m4v": (704, 30, 1),
        "PSR63_2012-06-02.mov": (232, 24000, 1001),
    }
    with serving(FakeServer(media=media)) as server:
        yield server


@pytest.fixture
def client(fake: FakeServer) -> Iterator[ViaClient]:
    """A client of the fake that does not wait between its tries."""
    with ViaClient(fake.address, sleep=lambda _: None) as connected:
        yield connected


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A file the fake takes for a video."""
    path = tmp_path / "clip.mov"
    path.write_bytes(b"not really a video" * 1000)
    return path


@pytest.fixture
def via(fake: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Via:
    """Runs the `via` command against the fake and returns exit code, stdout and stderr."""
    monkeypatch.setenv("VIA_SERVER", fake.address)
    monkeypatch.setenv("VIA_STATE_FOLDER", str(tmp_path / "state"))

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [str(each) for each in arguments])

    return run
