"""The installed command against the real server, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import opentimelineio as otio
import pytest
from via.v1 import job_service_pb2

from tests.resolve_scripts.conftest import RealServer
from tests.resolve_scripts.fake_server import FakeServer

REAL_CLIPS = ["wolf.mp4", "man-skiing.mp4", "realshort.mp4", "cockatoo.mp4"]

Command = Callable[..., subprocess.CompletedProcess[str]]


def via_command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "resolve_scripts.cli", *(str(each) for each in arguments)]


@pytest.fixture
def via(real_server: RealServer) -> Command:
    """Runs `via` on this machine, where a real server with the fake engine already runs."""
    environment = {**os.environ, "VIA_STATE_FOLDER": str(real_server.state_folder)}
    environment.pop("VIA_SERVER", None)

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = via_command(*arguments)
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    return run


@pytest.mark.parametrize("name", REAL_CLIPS)
def test_a_range_of_every_real_clip_is_edited(
    via: Command, shared_media: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out.mov"
    options = ["--range", "0:24", "-o", out, "--json"]
    done = via("edit", shared_media / name, "make it night", *options)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["path"] == str(out)
    # The fake engine writes a line per frame.
    lines = out.read_text().splitlines()
    assert [line.split()[1] for line in lines] == [str(frame) for frame in range(24)]


def test_a_real_timeline_is_edited_in_place(
    via: Command, shared_media: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.otio"
    timeline = shared_media / "tlrender" / "Gap.otio"
    done = via("batch", timeline, "--instruction", "make it night", "--track", "1", "-o", out)
    assert (done.returncode, done.stdout) == (0, f"{out}\n"), done.stderr
    track = otio.adapters.read_from_file(str(out)).tracks[-1]
    assert (track.name, [item.duration().value for item in track]) == ("VIA", [30, 30, 30])
    edited = [Path(item.media_reference.target_url).read_text() for item in track.find_clips()]
    assert [text.split()[1] for text in edited] == ["90", "150"]


@pytest.mark.parametrize(
    ("instruction", "words"),
    [("x" * 10_000, "10000 characters"), ("fail now", "no space is left")],
)
def test_what_goes_wrong_on_the_server_is_told(
    via: Command, shared_media: Path, tmp_path: Path, instruction: str, words: str
) -> None:
    done = via("edit", shared_media / "wolf.mp4", instruction, "-o", tmp_path / "out.mov")
    assert done.returncode in {1, 2}
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_text_file_named_mp4_is_refused(via: Command, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("hello")
    done = via("edit", tmp_path / "text.mp4", "make it night")
    assert (done.returncode, "cannot be read as a video" in done.stderr) == (2, True)


def test_doctor_finds_the_server_and_its_models(via: Command) -> None:
    done = via("doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert "model first" in findings
    assert findings["gpu"]["found"] == "none; the server computes on fake"
    assert done.returncode == 0


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_once_detaches_and_twice_cancels(fake: FakeServer, clip: Path, presses: int) -> None:
    fake.endless_instructions = {"forever"}
    process = subprocess.Popen(
        via_command("edit", clip, "forever", "--server", fake.address),
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        # Where the tests run in the background, SIGINT is ignored and would stay so.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - one line
    )  # fmt: skip
    assert process.stderr is not None
    for awaited in ["frame 100/100", "Ctrl-C again"][:presses]:
        for line in process.stderr:
            if awaited in line:
                break
        process.send_signal(signal.SIGINT)
    stdout, told = process.communicate(timeout=60)
    (job,) = fake.jobs.values()
    assert (process.returncode, stdout) == (130, "")
    if presses == 1:
        assert job.state == job_service_pb2.JOB_STATE_QUEUED
        assert "via jobs watch jobs/1 -o FILE" in told
    else:
        assert job.state == job_service_pb2.JOB_STATE_CANCELLED
        assert "cancelled jobs/1" in told
