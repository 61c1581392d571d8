"""Runs a menu entry the way Resolve does: `python -m tests.resolve_scripts.fake_resolve ...`.

    --scene FILE   what is open, as JSON of a `Scene`
    --dump FILE    kept up to date with the timeline as plain values
    ENTRY          the menu entry, a Python file; it gets `resolve` among its globals

SIGUSR1 opens a dialog in the fake (nothing answers), SIGUSR2 closes it.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import signal
from pathlib import Path

from tests.resolve_scripts.fake_resolve.build import FakeResolve, build
from tests.resolve_scripts.fake_resolve.scene import read_scene


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scene", type=Path, required=True)
    parser.add_argument("--dump", type=Path)
    parser.add_argument("entry", type=Path)
    arguments = parser.parse_args()
    scene = read_scene(arguments.scene)
    if scene.edition == "free" and scene.version >= (21, 1):
        print("this menu lists Lua only")
        return
    fake = build(scene)
    if arguments.dump is not None:
        fake.switchboard.on_change = lambda: dump(fake, arguments.dump)
        dump(fake, arguments.dump)

    def set_modal(number: int, _frame: object) -> None:
        fake.switchboard.is_modal = number == signal.SIGUSR1

    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, set_modal)
    runpy.run_path(
        str(arguments.entry), init_globals={"resolve": fake.resolve}, run_name="__main__"
    )
    if arguments.dump is not None:
        dump(fake, arguments.dump)


def dump(fake: FakeResolve, path: Path) -> None:
    """Writes the state, all or nothing."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(fake.state()), encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    main()
