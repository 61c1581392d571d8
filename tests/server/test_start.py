"""Starting and stopping: what the command says, refuses, and leaves behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from via.v1 import model_service_pb2

from server.app import LEDGER_NAME, serve
from server.cli import main, read_config
from server.config import ServerConfig
from server.errors import ListenError, StartError, StateFolderBusyError
from server.jobs import JobState
from server.store import JobStore
from tests.server.conftest import (
    CATALOG,
    DEADLINE_S,
    MakeSpec,
    connected,
    is_chunk,
    open_gate,
    server_process,
    server_thread,
)


def test_the_server_process_never_loads_torch() -> None:
    code = "import sys, server.cli, server.app; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_ready_line_and_the_note_tell_where_the_server_is(config: ServerConfig) -> None:
    with server_process(config) as server:
        assert server.ready["process_id"] == server.process.pid
        assert server.ready["state_folder"] == str(config.state_folder)
        note = json.loads((config.state_folder / "server.json").read_text())
        assert note.items() <= server.ready.items()
        with connected(note["address"]) as client:
            info = client.models.GetServerInfo(model_service_pb2.GetServerInfoRequest())
            assert info.process_id == server.process.pid
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(DEADLINE_S) == 0
        assert server.process.stdout is not None
        assert server.process.stdout.read() == ""


def test_a_second_server_on_the_same_folder_is_refused(config: ServerConfig) -> None:
    with server_thread(config) as address:
        with pytest.raises(StateFolderBusyError, match=address), server_thread(config):
            pass
        # The first one is untouched, its note too.
        assert json.loads((config.state_folder / "server.json").read_text())["address"] == address
    with server_thread(config):
        pass


def test_a_second_server_on_the_same_port_is_refused(config: ServerConfig, tmp_path: Path) -> None:
    with server_thread(config) as address:
        port = int(address.rpartition(":")[2])
        other = replace(config, listen_port=port, state_folder=tmp_path / "other")
        with pytest.raises(ListenError, match=address), server_thread(other):
            pass


def test_a_server_nobody_uses_ends_by_itself(config: ServerConfig) -> None:
    told: list[dict[str, object]] = []
    idle = replace(config, idle_exit_s=0.05)
    asyncio.run(serve(idle, CATALOG, stopping=asyncio.Event(), on_ready=told.append))
    assert len(told) == 1
    assert not (config.state_folder / "server.json").exists()


def test_a_server_with_work_does_not_end_by_itself(
    config: ServerConfig, make_spec: MakeSpec
) -> None:
    with server_thread(config) as address, connected(address) as client:
        name = client.create(make_spec("slow")).name
        client.wait_for(name, is_chunk)

    told: list[dict[str, object]] = []

    def open_the_gate(content: dict[str, object]) -> None:
        told.append(content)
        # Only now can the job end, and with it the server.
        open_gate(config, name)

    idle = replace(config, idle_exit_s=0.01)
    asyncio.run(serve(idle, CATALOG, stopping=asyncio.Event(), on_ready=open_the_gate))
    store = JobStore(config.state_folder / LEDGER_NAME)
    assert [job.state for job in store.queue(frozenset(JobState))] == [JobState.SUCCEEDED]
    store.close()


def test_flags_win_over_the_environment_which_wins_over_the_defaults(tmp_path: Path) -> None:
    environment = {
        "VIA_STATE_FOLDER": str(tmp_path / "state"),
        "VIA_MEDIA_ROOT": f"a={tmp_path}{os.pathsep}b={tmp_path}",
        "VIA_DEVICE": "cuda:1",
        "VIA_IDLE_EXIT": "90",
    }
    config = read_config(["--device", "cpu", "--listen", "[::1]:7860"], environment)
    assert config.state_folder == tmp_path / "state"
    assert config.media_roots == (("a", tmp_path), ("b", tmp_path))
    assert (config.engine.device, config.idle_exit_s) == ("cpu", 90.0)
    assert (config.listen_host, config.listen_port) == ("::1", 7860)
    assert (config.max_queued_jobs, config.token) == (64, None)


def test_other_models_are_named_by_flags_and_the_key_only_by_the_environment(
    tmp_path: Path,
) -> None:
    state = ["--state-folder", str(tmp_path)]
    plain = read_config(state, {}).engine
    assert (plain.grounder_folder, plain.vision_language) == (None, None)
    environment = {"VIA_SEGMENTER": str(tmp_path), "VIA_VLM_API_KEY": "very secret"}
    vlm = ["--vlm-base-url", "http://127.0.0.1:8000/v1", "--vlm-model", "some-vl"]
    engine = read_config([*state, "--grounder", str(tmp_path), *vlm], environment).engine
    assert (engine.grounder_folder, engine.segmenter_path) == (tmp_path, tmp_path)
    assert engine.vision_language is not None
    assert (engine.vision_language.model, engine.vision_language.api_key) == (
        "some-vl",
        "very secret",
    )
    assert (engine.vision_language.timeout_s, engine.vision_language.max_calls) == (30, 8)
    limits = [*vlm, "--vlm-timeout", "5", "--vlm-calls", "3"]
    limited = read_config([*state, *limits], {}).engine.vision_language
    assert limited is not None and (limited.timeout_s, limited.max_calls) == (5, 3)
    assert "very secret" not in repr(engine)
    for wrong in (vlm[:2], vlm[2:], ["--critic", str(tmp_path / "gone")]):
        with pytest.raises(StartError, match=wrong[0]):
            read_config([*state, *wrong], {})


def test_without_media_roots_only_local_callers_reach_the_home_folder(tmp_path: Path) -> None:
    state = ["--state-folder", str(tmp_path)]
    assert read_config(state, {}).media_roots == (("home", Path.home()),)
    assert read_config([*state, "--listen", "0.0.0.0:1"], {}).media_roots == ()


def test_the_token_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0123456789abcdef\n")
    flags = ["--state-folder", str(tmp_path), "--token-file", str(tmp_path / "token")]
    assert read_config(flags, {}).token == "0123456789abcdef"


@pytest.fixture
def fake_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command starts without the weights of the real models."""
    monkeypatch.setattr("server.cli.load_catalog", lambda _: CATALOG)
    # What it sets up for this process would outlive the test.
    monkeypatch.setattr("server.cli.set_up_logging", lambda: None)


@pytest.mark.usefixtures("fake_models")
@pytest.mark.parametrize(
    "flags",
    [
        ["--listen", "7860"],
        ["--listen", "host:port"],
        ["--listen", "host:99999"],
        ["--model", "name"],
        ["--media-root", "=x"],
        ["--token-file", "/no/such/file"],
        ["--listen", "0.0.0.0:0"],
        ["--tls-cert", "/no/such/file"],
        ["--tls-cert", "/no/such/file", "--tls-key", "/no/such/file"],
    ],
)
def test_settings_that_cannot_be_used_end_with_the_code_for_it(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--state-folder", str(tmp_path / "state"), *flags]) == 2
    assert "via server:" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--max-queued-jobs", "0"], ["--idle-exit", "nan"], ["--x"]])
def test_flags_of_the_wrong_kind_end_with_the_code_for_it(flags: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_config(flags, {})
    assert ended.value.code == 2


@pytest.mark.usefixtures("fake_models")
def test_a_folder_in_use_has_a_code_of_its_own(config: ServerConfig) -> None:
    with server_thread(config):
        assert main(["--state-folder", str(config.state_folder)]) == 3


@pytest.mark.usefixtures("fake_models")
def test_a_state_folder_that_cannot_be_made_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["--state-folder", str(tmp_path / "file")]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err
