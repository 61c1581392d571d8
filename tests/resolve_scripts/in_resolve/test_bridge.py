"""The bridge outlives whatever its partner sends, and leaves no process behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolve_scripts.in_resolve.bridge import serve
from resolve_scripts.in_resolve.calls import FINDING_WAYS
from resolve_scripts.in_resolve.place import WAYS
from resolve_scripts.in_resolve.workstation import Workstation, workstation_environment
from resolve_scripts.resolve_menu.entries import REPEAT
from tests.resolve_scripts.fake_resolve.build import build
from tests.resolve_scripts.fake_resolve.scene import ClipAt, Scene
from tests.resolve_scripts.fake_resolve.session import menu_session
from tests.resolve_scripts.in_resolve.conftest import Movie

SCENE = Scene(
    clips=(
        ClipAt(name="a.mov", media="/m/a.mov", media_rate="24", media_frames=48),
        ClipAt(kind="title", track=2, frame_count=20),
    )
)
FAKE = build(SCENE)
CALLS = ["describe", "list_clips", "export_clip", "export_still", "place_clip", "focus", "cancel"]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
NAMES = (
    "by color id frame folder path frame_range as tags route record_start_frame frame_count "
    "handles_frames message anchor_frame"
)
arguments = st.dictionaries(
    st.sampled_from(NAMES.split(" ")),
    json_values | st.sampled_from([FAKE.item().id, "auto", "markers", "render", "media", 86400]),
    max_size=4,
)
frames = st.integers(-5, 2**60) | st.integers(86390, 86450)
ranges = st.lists(frames, min_size=2, max_size=2)
ids = st.just(FAKE.item().id) | st.just(FAKE.item(2).id) | st.text(max_size=3)
paths = st.text(max_size=8) | st.sampled_from(["/dev/null", "/no/such", "/a\0b", "."])
likely = {
    "list_clips": {"by": st.sampled_from(FINDING_WAYS), "color": st.text(max_size=3)},
    "export_clip": {
        "id": ids,
        "folder": paths,
        "frame_range": ranges | st.none(),
        "anchor_frame": frames | st.none(),
        "handles_frames": frames,
        "route": st.sampled_from(["auto", "media", "render"]),
    },
    "export_still": {"frame": frames, "folder": paths},
    "place_clip": {
        "id": ids,
        "path": paths,
        "record_start_frame": frames,
        "frame_count": frames,
        "anchor_frame": frames | st.none(),
        "as": st.sampled_from(WAYS),
    },
    "focus": {"frame": frames},
    "describe": {},
}
well_formed = st.sampled_from(sorted(likely)).flatmap(
    lambda call: st.fixed_dictionaries(
        {
            "id": st.integers(0, 99),
            "call": st.just(call),
            "arguments": st.fixed_dictionaries(likely[call]),
        }
    )
)
wild = st.fixed_dictionaries(
    {
        "id": st.integers(0, 99),
        "call": st.sampled_from(CALLS) | st.text(max_size=6),
        "arguments": arguments,
    }
)
requests = (well_formed | wild).map(lambda one: json.dumps(one).encode())
broken = st.binary(max_size=40).map(lambda data: data.replace(b"\n", b" "))
half = requests.map(lambda line: line[: len(line) // 2])
lines = st.lists(requests | broken | half, max_size=5)


class Kept:
    """A partner that keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def send(self, line: bytes) -> bool:
        assert line.endswith(b"\n")
        self.messages.append(json.loads(line))
        return True


@settings(max_examples=1000)
@given(lines=lines, tail=half)
def test_any_sequence_of_messages_is_answered_line_by_line(lines: list[bytes], tail: bytes) -> None:
    partner = Kept()
    stream = io.BytesIO(b"".join(line + b"\n" for line in lines) + tail)
    serve(FAKE.resolve, stream, partner, sleep=lambda _s: None)
    hello, *answers, closing = partner.messages
    assert hello == {"event": "hello", "protocol": 1, "via": "in Resolve"}
    assert closing["event"] == "closing"
    answers = [one for one in answers if "event" not in one]
    asked = [line for line in lines if line.strip()]
    assert len(answers) == len(asked)
    for line, answer in zip(asked, answers, strict=True):
        assert ("result" in answer) != ("error" in answer)
        assert answer["id"] is None or answer["id"] == json.loads(line)["id"]
        if "error" in answer:
            assert set(answer["error"]) == {"reason", "message", "next_step"}
            assert answer["error"]["reason"] != "BRIDGE_FAILED"
    assert FAKE.timeline.video[0].items[0].id == FAKE.item().id


def test_a_running_export_tells_its_progress_and_can_be_cancelled(
    movie: Movie, tmp_path: Path
) -> None:
    fake = build(replace(SCENE, clips=(ClipAt(media=str(movie("24", 48))),)))
    reading, writing = os.pipe()

    def send(message: dict[str, Any]) -> None:
        os.write(writing, json.dumps(message).encode() + b"\n")

    class Closing(Kept):
        """Closes the bridge once the export is answered."""

        def send(self, line: bytes) -> bool:
            super().send(line)
            if self.messages[-1].get("id") == 1 and "event" not in self.messages[-1]:
                send({"id": 3, "call": "close"})
            return True

    def sleep(_seconds: float) -> None:
        job = fake.project.jobs[str(fake.project.running)]
        if job.percent == 40:
            send({"id": 2, "call": "cancel", "arguments": {"id": 1}})
        job.percent = 41  # it never gets further

    arguments = {"id": fake.item().id, "folder": str(tmp_path), "route": "render"}
    send({"id": 1, "call": "export_clip", "arguments": arguments})
    partner = Closing()
    with os.fdopen(reading, "rb") as stream:
        serve(fake.resolve, stream, partner, sleep=sleep)
        os.close(writing)
    progress = {"event": "progress", "id": 1, "stage": "rendering", "percent": 40}
    assert progress in partner.messages
    (answered,) = [one for one in partner.messages if one.get("id") == 1 and "event" not in one]
    assert answered["error"]["reason"] == "CANCELLED"
    assert fake.project.running is None
    assert list(fake.project.jobs) == []


def test_a_call_that_is_taken_back_before_its_turn_is_not_carried_out() -> None:
    fake = build(SCENE)
    are_all_read = threading.Event()

    class Lines(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            line = super().readline(size)
            if not line:
                are_all_read.set()
            return line

    calls = [
        {"id": 1, "call": "say", "arguments": {"message": "busy"}},
        {"id": 2, "call": "focus", "arguments": {"frame": 86410}},
        {"id": 3, "call": "cancel", "arguments": {"id": 2}},
    ]
    stream = Lines(b"".join(json.dumps(call).encode() + b"\n" for call in calls))
    partner = Kept()
    serve(fake.resolve, stream, partner, say=lambda _text: are_all_read.wait(10) and None)
    answers = {one["id"]: one for one in partner.messages if "id" in one}
    assert answers[2]["error"]["reason"] == "CANCELLED"
    assert (answers[1]["result"], answers[3]["result"]) == ({}, {})
    assert fake.timeline.playhead == 0


def child(lines: list[bytes], folder: Path) -> list[str]:
    """Command of a workstation process that sends lines and writes the answers down."""
    (folder / "lines").write_bytes(b"".join(lines))
    module = "tests.resolve_scripts.fake_resolve.child"
    return [sys.executable, "-m", module, str(folder / "lines"), str(folder / "answers")]


def answers_in(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "answers").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_menu_entry_serves_the_workstation_process(tmp_path: Path) -> None:
    lines = [b'{"id": 1, "call": "describe"}\n', b'{"id": 2, "call": "close"}\n']
    with menu_session(SCENE, tmp_path, command=child(lines, tmp_path)) as session:
        assert session.process.wait(60) == 0
    hello, described, closed = answers_in(tmp_path)
    assert hello["event"] == "hello"
    assert described["result"]["timeline"] == "Timeline 1"
    assert closed == {"id": 2, "result": {}}
    assert session.state()["faults"] == []


def test_lines_of_ten_megabytes_and_broken_ones_are_survived(tmp_path: Path) -> None:
    ten_mb = 10 << 20
    lines = [
        b"x" * ten_mb + b"\n",
        b"[" * ten_mb + b"\n",
        json.dumps({"id": 3, "call": "focus", "arguments": {"frame": "9" * ten_mb}}).encode()
        + b"\n",
        b'{"id": 4, "call": "list_clips"\n',
        b"\xff\xfe\n",
        b'{"id": 6, "call": "describe"}\n',
        b'{"id": 7, "call": "close"}\n',
    ]
    with menu_session(SCENE, tmp_path, command=child(lines, tmp_path)) as session:
        assert session.process.wait(120) == 0
    told = answers_in(tmp_path)
    reasons = [one.get("error", {}).get("reason") for one in told[1:]]
    unreadable = "MESSAGE_UNREADABLE"
    assert reasons == [
        unreadable,
        unreadable,
        "ARGUMENT_INVALID",
        unreadable,
        unreadable,
        None,
        None,
    ]


def waiting(folder: Path, *, stubborn: bool = False) -> list[str]:
    """Command of a process that says it is there and waits for the end of its stdin."""
    os.mkfifo(folder / "there")
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN);" if stubborn else ""
    wait = "signal.pause()" if stubborn else "sys.stdin.buffer.read()"
    code = (
        f"import os, pathlib, signal, sys;{ignore}"
        f"pathlib.Path({str(folder / 'there')!r}).write_text(str(os.getpid()));"
        'sys.stdout.write(\'{"id": 1, "call\'); sys.stdout.flush();'
        f"{wait}"
    )
    return [sys.executable, "-c", code]


def pid_of(folder: Path) -> int:
    """Process id that the waiting process tells once it is there."""
    return int((folder / "there").read_text())


def assert_gone(process_id: int) -> None:
    try:
        psutil.Process(process_id).wait(30)
    except psutil.NoSuchProcess:
        return


def test_a_killed_panel_ends_the_bridge(tmp_path: Path) -> None:
    with menu_session(SCENE, tmp_path, command=waiting(tmp_path)) as session:
        os.kill(pid_of(tmp_path), signal.SIGKILL)
        assert session.process.wait(60) == 0
        assert session.process.stdout is not None
        assert "ended" in session.process.stdout.read()


def test_a_killed_resolve_ends_the_panel(tmp_path: Path) -> None:
    with menu_session(SCENE, tmp_path, command=waiting(tmp_path)) as session:
        process_id = pid_of(tmp_path)
        session.process.kill()
        session.process.wait(60)
        assert_gone(process_id)


def test_a_stubborn_panel_is_ended(tmp_path: Path) -> None:
    with Workstation(waiting(tmp_path, stubborn=True), leave_s=0.2) as workstation:
        process_id = pid_of(tmp_path)
    assert workstation.process.returncode == -signal.SIGKILL
    assert not psutil.pid_exists(process_id)


def test_a_missing_environment_is_told_in_the_console(tmp_path: Path) -> None:
    with menu_session(SCENE, tmp_path, command=["/no/such/python"]) as session:
        assert session.process.wait(60) == 0
        assert session.process.stdout is not None
        assert "via resolve install" in session.process.stdout.read()


def test_the_second_entry_asks_for_a_repeat(tmp_path: Path) -> None:
    lines = [b'{"id": 1, "call": "close"}\n']
    entry_command = child(lines, tmp_path)
    with menu_session(SCENE, tmp_path, command=entry_command, entry=REPEAT) as session:
        assert session.process.wait(60) == 0
    from resolve_scripts.resolve_menu.entries import menu_entries, this_installation

    text = menu_entries(this_installation(tmp_path, {}))[f"{REPEAT}.py"]
    assert "'panel', '--bridge', '--repeat'" in text


def test_resolves_own_python_settings_do_not_reach_the_workstation() -> None:
    host = {"PYTHONHOME": "/r", "LD_LIBRARY_PATH": "/r", "PATH": "/bin", "VIA_SERVER": "a:1"}
    assert workstation_environment(host) == {"PATH": "/bin", "VIA_SERVER": "a:1"}


PYTHON_38 = """
import importlib, io, pathlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import resolve_scripts.in_resolve as package
for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(found.name)
from resolve_scripts.in_resolve.bridge import serve
class Silent:
    def GetProductName(self): return None
class Partner:
    def send(self, line): sys.stdout.write(line.decode()); return True
serve(Silent(), io.BytesIO(b'{"id": 1, "call": "list_clips"}\\n'), Partner())
"""


def test_the_oldest_python_of_resolve_can_run_it(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    vermin = [str(Path(sys.executable).with_name("vermin")), "--target=3.8-", "--violations"]
    done = subprocess.run(
        [*vermin, "--no-tips", str(root / "resolve_scripts" / "in_resolve")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    try:
        oldest = subprocess.run(
            ["python3.8", "-c", PYTHON_38, str(root)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
    except FileNotFoundError:
        pytest.skip("no python3.8 on this machine; its syntax and library are checked by vermin")
    if "command not found" in oldest.stderr:
        pytest.skip("python3.8 is a shim without a Python; checked by vermin")
    assert oldest.returncode == 0, oldest.stderr
    assert "MODAL_OPEN" in oldest.stdout
