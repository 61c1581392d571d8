"""A Lua menu entry running in the Lua fake, with a real Lua interpreter."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from resolve_scripts.resolve_menu.entries import (
    WITHOUT_PYTHON,
    Installed,
    menu_entries,
    this_installation,
)
from tests.resolve_scripts.fake_resolve import frames
from tests.resolve_scripts.fake_resolve.media import probe
from tests.resolve_scripts.fake_resolve.scene import EDITIONS, Scene

FAKE = Path(__file__).parent / "lua" / "fake_resolve.lua"


@dataclass(frozen=True, kw_only=True)
class LuaSession:
    """A running entry: the interpreter, its installation, and what it leaves of the timeline."""

    process: subprocess.Popen[str]
    installed: Installed
    dump_path: Path

    def items(self) -> list[list[str]]:
        """Track, start, duration, source start, path and take of every item, at the end."""
        text = self.dump_path.read_text(encoding="utf-8")
        return [line.split("\t") for line in text.splitlines()]


def lua_literal(value: object) -> str:
    """A Python value as a Lua table constructor."""
    if isinstance(value, Mapping):
        pairs = (f"[{lua_literal(key)}] = {lua_literal(one)}" for key, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"{{{', '.join(map(lua_literal, value))}}}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"'
    return "nil" if value is None else repr(value)


def lua_scene(scene: Scene, files: list[Path], render_file: Path | None) -> str:
    """The part of a scene that the Lua fake knows; files it may be asked to import come along."""
    rate = frames.rate(scene.frame_rate)
    known = [Path(clip.media) for clip in scene.clips if clip.media] + files
    facts = {str(path): found for path in known if (found := probe(str(path))) is not None}
    values = {
        "version": scene.version,
        "product": EDITIONS[scene.edition],
        "page": scene.page,
        "playhead": scene.playhead,
        "rate": float(rate),
        "rate_text": scene.frame_rate,
        "start_frame": frames.timecode_to_frame(scene.start_timecode, rate, scene.drop_frame),
        "track_names": scene.track_names,
        "render_file": str(render_file) if render_file else None,
        "files": {
            path: {"fps": float(one.frame_rate), "frames": one.frame_count}
            for path, one in facts.items()
        },
        "clips": [
            {
                "media": clip.media,
                "start": clip.start,
                "frame_count": clip.frame_count,
                "source_start": clip.source_start,
                "track": clip.track,
                "is_selected": clip.is_selected,
                "markers": {int(at): name for at, name in clip.markers.items()},
            }
            for clip in scene.clips
        ],
    }
    return f"return {lua_literal(values)}\n"


@contextmanager
def lua_session(
    lua: str,
    scene: Scene,
    folder: Path,
    *,
    files: list[Path] | None = None,
    render_file: Path | None = None,
    command: str = "",
    silent_polls: int | None = None,
    entry: str = WITHOUT_PYTHON,
) -> Iterator[LuaSession]:
    """Clicks a Lua menu entry in the Lua fake; at the end Resolve is closed.

    Args:
        lua: the interpreter.
        scene: what is open in Resolve.
        folder: takes scene, dump, mailbox and entry.
        files: movies that may be imported.
        render_file: what a render gives.
        command: shell line that starts the other side; default: this environment's.
        silent_polls: after how many polls without a sign of Via's the entry ends.
        entry: name of the entry.
    """
    installed = this_installation(folder, {"VIA_STATE_FOLDER": str(folder)})
    installed.mailbox_folder.mkdir(parents=True, exist_ok=True)
    text = menu_entries(installed)[f"{entry}.lua"]
    if command:
        lines = [
            f"local COMMAND = {lua_literal(command)}" if line.startswith("local COMMAND") else line
            for line in text.splitlines()
        ]
        text = "\n".join(lines)
    if silent_polls is not None:
        text = text.replace("    wait = wait,", f"    wait = wait, silent_polls = {silent_polls},")
    script, dump = folder / f"{entry}.lua", folder / "dump.txt"
    script.write_text(text, encoding="utf-8")
    scene_path = folder / "scene.lua"
    scene_path.write_text(lua_scene(scene, files or [], render_file), encoding="utf-8")
    with subprocess.Popen(
        [lua, str(FAKE), str(scene_path), str(dump), str(script)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield LuaSession(process=process, installed=installed, dump_path=dump)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(30)
