"""Finding a server: named, running here, or started for the duration."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psutil
import pytest

from resolve_scripts import connect as connecting
from resolve_scripts.connect import ServerChoice, connect, is_loopback, running_server
from resolve_scripts.errors import PartMissingError, ServerStartError
from resolve_scripts.parts import part_command
from tests.resolve_scripts.conftest import ROOT
from tests.resolve_scripts.fake_server import FakeServer


@pytest.fixture
def choice(tmp_path: Path) -> ServerChoice:
    return ServerChoice(address=None, state_folder=tmp_path / "state")


def write_note(choice: ServerChoice, content: object) -> None:
    choice.state_folder.mkdir(exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (choice.state_folder / "server.json").write_text(text, encoding="utf-8")


@pytest.fixture
def startable(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is started is the real server, with an engine that needs no model."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(
        connecting,
        "part_command",
        lambda _, arguments: [sys.executable, "-m", "tests.server.fake_engine_server", *arguments],
    )


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1:7860", True),
        ("127.8.8.8:1", True),
        ("[::1]:7860", True),
        ("localhost:7860", True),
        ("unix:/run/via.sock", True),
        ("192.168.1.20:7860", False),
        ("localhost.example.org:7860", False),
        ("gpu-box:7860", False),
        ("[2001:db8::1]:7860", False),
    ],
)
def test_only_this_machine_shares_its_disk(address: str, local: bool) -> None:
    assert is_loopback(address) == local


def test_a_running_server_is_found_by_its_note(fake: FakeServer, choice: ServerChoice) -> None:
    write_note(choice, {"address": fake.address, "process_id": os.getpid()})
    said: list[str] = []
    with connect(choice, said.append) as connection:
        assert connection.client.server_info().version == "9.9"
        assert connection.shares_disk
    assert said == []


@pytest.mark.parametrize("kind", ["none", "garbage", "wrong shape", "dead process", "reused port"])
def test_a_stale_note_is_not_believed(fake: FakeServer, choice: ServerChoice, kind: str) -> None:
    dead = max(psutil.pids()) + 10_000
    notes = {
        "garbage": "{",
        "wrong shape": [1],
        "dead process": {"address": fake.address, "process_id": dead},
        # Another process answers there now: ours is alive, but it is not the server.
        "reused port": {"address": fake.address, "process_id": os.getppid()},
    }
    if kind in notes:
        write_note(choice, notes[kind])
    assert running_server(choice) is None


def test_a_named_server_wins_over_one_that_runs_here(
    fake: FakeServer, choice: ServerChoice
) -> None:
    write_note(choice, {"address": "127.0.0.1:1", "process_id": os.getpid()})
    named = ServerChoice(address=fake.address, state_folder=choice.state_folder)
    with connect(named, print) as connection:
        assert connection.client.address == fake.address


@pytest.mark.usefixtures("startable")
def test_a_server_is_started_for_the_duration_and_stopped(choice: ServerChoice) -> None:
    said: list[str] = []
    with connect(choice, said.append) as connection:
        info = connection.client.server_info()
        assert {root.root_id for root in info.media_roots} == {"home"}
        # A second command finds it while it runs, and leaves it alone.
        with connect(choice, said.append) as second:
            assert second.client.address == connection.client.address
        assert connection.client.server_info().process_id == info.process_id
    assert said == ["no Via server runs on this machine; starting one for the duration"]
    assert not psutil.pid_exists(info.process_id)


def test_a_server_that_cannot_start_says_why(
    choice: ServerChoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import sys; sys.exit('the GPU is on holiday')"
    monkeypatch.setattr(connecting, "part_command", lambda *_: [sys.executable, "-c", code])
    with (
        pytest.raises(ServerStartError, match="the GPU is on holiday") as caught,
        connect(choice, print),
    ):
        pass
    assert caught.value.exit_code == 3


def test_a_part_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "torch" else object()
    )
    with pytest.raises(PartMissingError, match=r"torch.*via-editor\[server\]"):
        part_command("server", [])
