"""A menu entry running in the fake Resolve, in a process of its own as in the real one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import resolve_scripts
from resolve_scripts.resolve_menu.entries import EDIT, Installed, menu_entries
from tests.resolve_scripts.fake_resolve.scene import Scene

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, kw_only=True)
class MenuSession:
    """A running entry.

    Attributes:
        process: Resolve's Python host.
        dump_path: where the fake keeps its state.
    """

    process: subprocess.Popen[str]
    dump_path: Path

    def state(self) -> dict[str, Any]:
        """The fake's timeline as plain values: page, tracks with items, playhead, faults."""
        loaded: dict[str, Any] = json.loads(self.dump_path.read_text(encoding="utf-8"))
        return loaded


@contextmanager
def menu_session(
    scene: Scene,
    folder: Path,
    *,
    command: Sequence[str] | None = None,
    entry: str = EDIT,
    python: str = sys.executable,
    environment: dict[str, str] | None = None,
) -> Iterator[MenuSession]:
    """Clicks a menu entry in the fake Resolve; at the end Resolve is closed.

    Args:
        scene: what is open in Resolve.
        folder: takes scene, dump, log and entry.
        command: the workstation process; default: this environment's `via panel --bridge`.
        entry: name of the entry.
        python: Resolve's interpreter.
        environment: of the host; default: this process's.
    """
    paths = {name: folder / name for name in ("scene.json", "dump.json", f"{entry}.py")}
    installed = Installed(
        python=Path(sys.executable),
        package_folder=Path(str(resolve_scripts.__file__)).parent,
        state_folder=folder,
    )
    text = menu_entries(installed)[f"{entry}.py"]
    if command is not None:
        lines = [
            f"COMMAND = {list(command)!r}" if line.startswith("COMMAND") else line
            for line in text.splitlines()
        ]
        text = "\n".join(lines)
    paths["scene.json"].write_text(scene.to_json(), encoding="utf-8")
    paths[f"{entry}.py"].write_text(text, encoding="utf-8")
    host = [python, "-m", "tests.resolve_scripts.fake_resolve"]
    host += ["--scene", str(paths["scene.json"]), "--dump", str(paths["dump.json"])]
    with subprocess.Popen(
        [*host, str(paths[f"{entry}.py"])],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    ) as process:
        try:
            yield MenuSession(process=process, dump_path=paths["dump.json"])
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(30)
