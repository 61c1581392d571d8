"""The Lua entry in a real Lua interpreter: same requests, same answers as in Python."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from resolve_scripts.resolve_menu.mailbox import Mailbox, RemoteObject
from tests.conftest import require_program
from tests.resolve_scripts.fake_resolve.build import build
from tests.resolve_scripts.fake_resolve.lua_session import lua_session
from tests.resolve_scripts.fake_resolve.scene import ClipAt, Scene
from tests.resolve_scripts.in_resolve.conftest import Movie, ask

ROOT = Path(__file__).parents[3]
JSON_LUA = ROOT / "resolve_scripts" / "in_resolve" / "menu" / "json.lua"


@pytest.fixture(params=["lua5.1", "luajit"])
def lua(request: pytest.FixtureRequest) -> str:
    """Path of a Lua interpreter of the kind Resolve has inside."""
    return require_program(request.param)


@pytest.fixture
def scene(movie: Movie) -> Scene:
    clip = ClipAt(
        media=str(movie("24", 48)),
        start=10,
        frame_count=24,
        source_start=8,
        is_selected=True,
        markers={"9": "VIA: make it night"},
    )
    return Scene(clips=(clip,), playhead=12, width=64, height=36)


def replayed(tmp_path: Path, requests: list[dict[str, Any]]) -> str:
    """Shell line: the mailbox's bridge with a panel that sends these requests."""
    lines = tmp_path / "lines"
    lines.write_text("".join(json.dumps(one) + "\n" for one in requests), encoding="utf-8")
    code = (
        "import sys; from pathlib import Path;"
        "from resolve_scripts.resolve_menu.entries import this_installation;"
        "from resolve_scripts.resolve_menu.sessions import serve_mailbox;"
        f"installed = this_installation(Path({str(tmp_path)!r}), {{}});"
        "command = [sys.executable, '-m', 'tests.resolve_scripts.fake_resolve.child',"
        f"{str(lines)!r}, {str(tmp_path / 'answers')!r}];"
        "serve_mailbox(installed, sys.argv[1], command)"
    )
    command = shlex.join([sys.executable, "-c", code])
    return f"cd {shlex.quote(str(ROOT))} && {command} @SESSION@ >{tmp_path}/err 2>&1 </dev/null &"


def answers_in(folder: Path) -> list[dict[str, Any]]:
    told = [json.loads(line) for line in (folder / "answers").read_text().splitlines()]
    return [one for one in told if "event" not in one]


def without_ids(value: Any) -> Any:
    """An answer without what differs from run to run: ids and temporary names."""
    if isinstance(value, dict):
        return {
            key: None if key in {"id", "item_id"} else without_ids(one)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [without_ids(one) for one in value]
    return re.sub(r"via_[0-9a-f]{12}", "via_", value) if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("program", "version"),
    [("lua5.1", (18, 5, 1, 6)), ("luajit", (19, 1, 3, 7)), ("luajit", (21, 1, 0, 1))],
)
def test_the_same_requests_get_the_same_answers(
    program: str, version: tuple[int, ...], scene: Scene, movie: Movie, tmp_path: Path
) -> None:
    lua = require_program(program)
    scene = replace(scene, version=version, edition="free")
    result, second = movie("24", 24), movie("24", 25)
    render = movie("24", 12)
    tags = {"job": "jobs/ä", "instruction": 'make it "night"\n', "seed": 3, "version": 1}
    placed = {
        "id": "lua-0002",
        "path": str(result),
        "record_start_frame": 86410,
        "frame_count": 24,
        "tags": tags,
    }
    rendered = {"id": "lua-0002", "folder": str(tmp_path), "route": "render"}
    requests: list[tuple[str, dict[str, Any]]] = [
        ("describe", {}),
        ("list_clips", {"by": "auto"}),
        ("list_clips", {"by": "selection"}),
        ("export_clip", {**rendered, "route": "media", "handles_frames": 4}),
        ("export_clip", {**rendered, "frame_range": [86412, 86424]}),
        ("place_clip", placed),
        ("place_clip", {**placed, "path": str(second), "as": "take"}),
        ("list_clips", {"by": "playhead"}),
        ("focus", {"frame": 86420}),
        ("place_clip", {**placed, "id": "no such id"}),
    ]
    numbered = [
        {"id": number, "call": call, "arguments": arguments}
        for number, (call, arguments) in enumerate(requests)
    ]
    line = replayed(tmp_path, [*numbered, {"id": 99, "call": "close"}])
    with lua_session(
        lua, scene, tmp_path, files=[result, second], render_file=render, command=line
    ) as session:
        assert session.process.wait(120) == 0, session.process.stdout
    told = answers_in(tmp_path)
    fake = build(scene)
    for (call, arguments), by_lua in zip(requests, told[:-1], strict=True):
        own_id = {"id": fake.item().id} if arguments.get("id") == "lua-0002" else {}
        try:
            by_python: dict[str, Any] = {"result": ask(fake, call, **{**arguments, **own_id})}
        except Exception as error:
            by_python = {"error": error.to_json()}  # type: ignore[attr-defined]
        expected = {"id": None, **without_ids(by_python)}
        assert without_ids(by_lua) == expected, f"{call}\n{by_lua}\n{by_python}"
    last = session.items()[-1]
    assert last[:4] == ["VIA", "86410", "24", "0"]
    assert last[4:] == [str(second), "2"]
    assert list(session.installed.mailbox_folder.iterdir()) == []


def test_the_entry_explains_itself_in_the_console(lua: str, scene: Scene, tmp_path: Path) -> None:
    requests = [
        {"id": 1, "call": "say", "arguments": {"message": "Grüße"}},
        {"id": 2, "call": "close"},
    ]
    line = replayed(tmp_path, requests)
    with lua_session(lua, scene, tmp_path, command=line) as session:
        assert session.process.wait(60) == 0
        assert session.process.stdout is not None
        told = session.process.stdout.read()
    assert "via resolve doctor" in told
    assert "21.1" in told
    assert "Grüße" in told
    assert told.rstrip().endswith("VIA: done")


def waiting_line(tmp_path: Path) -> str:
    """Shell line: the mailbox's bridge with a panel that only waits; its process id in `pid`."""
    os.mkfifo(tmp_path / "pid")
    code = (
        "import os, sys; from pathlib import Path;"
        "from resolve_scripts.resolve_menu.entries import this_installation;"
        "from resolve_scripts.resolve_menu.sessions import serve_mailbox;"
        f"Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()));"
        f"installed = this_installation(Path({str(tmp_path)!r}), {{}});"
        "serve_mailbox(installed, sys.argv[1], [sys.executable, '-c', 'input()'], silent_s=3)"
    )
    command = shlex.join([sys.executable, "-c", code])
    return f"cd {shlex.quote(str(ROOT))} && {command} @SESSION@ >{tmp_path}/err 2>&1 </dev/null &"


def test_a_closed_resolve_ends_via_and_leaves_nothing(scene: Scene, tmp_path: Path) -> None:
    lua = require_program("lua5.1")
    with lua_session(lua, scene, tmp_path, command=waiting_line(tmp_path)) as session:
        process = psutil.Process(int((tmp_path / "pid").read_text()))
        os.kill(session.process.pid, signal.SIGKILL)
        session.process.wait(30)
        children = process.children(recursive=True)
        process.wait(60)
        assert not [child for child in children if child.is_running()]
    assert list(session.installed.mailbox_folder.iterdir()) == []


JSON_CASES = [
    None,
    True,
    False,
    0,
    -3,
    2**52 + 1,
    0.1,
    "",
    'quotes " and \\ and \n\t',
    "Grüße, мир, 映画, 🎬",
    "\x01",
]


def test_lua_reads_and_writes_json_as_python_does(lua: str, tmp_path: Path) -> None:
    program = tmp_path / "echo.lua"
    program.write_text(
        f"local json = dofile({json.dumps(str(JSON_LUA))})\n"
        "for line in io.lines(arg[1]) do print(json.encode(json.decode(line).value)) end\n",
        encoding="utf-8",
    )
    cases = tmp_path / "cases"
    for ascii_only in (True, False):
        # Beyond the basic plane escapes come in pairs, which Via never sends.
        sent = [one for one in JSON_CASES if not (ascii_only and "🎬" in str(one))]
        lines = [json.dumps({"value": one}, ensure_ascii=ascii_only) for one in sent]
        cases.write_text("\n".join(lines), encoding="utf-8")
        done = subprocess.run(
            [lua, str(program), str(cases)], capture_output=True, check=True
        ).stdout.decode("utf-8")
        assert [json.loads(line) for line in done.splitlines()] == sent


def test_a_killed_via_ends_the_entry(scene: Scene, tmp_path: Path) -> None:
    lua = require_program("luajit")
    line = waiting_line(tmp_path)
    with lua_session(lua, scene, tmp_path, command=line, silent_polls=100) as session:
        process = psutil.Process(int((tmp_path / "pid").read_text()))
        children = process.children(recursive=True)
        process.kill()
        assert session.process.wait(60) == 0
        assert session.process.stdout is not None
        assert "does not answer" in session.process.stdout.read()
        psutil.wait_procs(children, timeout=30)
        assert not [child for child in children if child.is_running()]


def test_what_fails_in_lua_fails_as_in_python(lua: str, scene: Scene, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "session")
    line = f"echo @SESSION@ > {tmp_path / 'session'} &"
    with lua_session(lua, scene, tmp_path, command=line) as session:
        name = (tmp_path / "session").read_text().strip()
        mailbox = Mailbox(session.installed.mailbox_folder, name)
        with mailbox.kept_alive():
            resolve = RemoteObject(mailbox, 0)
            assert resolve.GetProductName() == "DaVinci Resolve Studio"
            with pytest.raises(TypeError, match="nil value"):
                resolve.NoSuchCall()
            with pytest.raises(TypeError):
                mailbox.ask(do="call", object=99, method="GetName", arguments=[])
            with pytest.raises(TypeError):
                mailbox.ask(do="no such thing")
            assert resolve.GetCurrentPage() == "edit"
            assert mailbox.ask(do="close") is None
        assert session.process.wait(30) == 0
        assert list(session.installed.mailbox_folder.iterdir()) == []


def test_leftovers_of_killed_sessions_are_cleared(tmp_path: Path) -> None:
    folder = tmp_path / "mailbox"
    folder.mkdir()
    old, new = folder / "1-answer-7.json", folder / "2-answer-1.json"
    for path in (old, new):
        path.write_text("{}")
    os.utime(old, (0, 0))
    with Mailbox(folder, "3").kept_alive():
        pass
    assert list(folder.iterdir()) == [new]
