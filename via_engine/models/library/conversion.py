"""Conversion in a process of its own: what opens foreign files brings nothing else down. No torch.

`python -m via_engine.models.library.conversion SOURCE TARGET [HELPER] [BASE]` is that process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from via_engine import errors
from via_engine.errors import ModelError, ViaEngineError
from via_engine.models.library.manifest import Role

_LAST_WORDS = 300


def convert(
    source: Path, target: Path, *, helper: Path | None = None, base: Path | None = None
) -> Role:
    """Fills the empty folder `target` with what Via loads of `source`; says what it does.

    Args:
        source: file or folder as published; torch files are read with `weights_only`.
        helper, base: see `layouts.Wish`.

    Raises:
        ModelError: it is none of the known kinds, lacks a part, or brings the process down.
        ModelIntegrityError: a file is damaged.
    """
    arguments = [str(source), str(target), str(helper or ""), str(base or "")]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "via_engine.models.library.conversion", *arguments],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise ModelError(
            f"{source} brought down the process that converts it (exit code {done.returncode}); "
            f"fetch it again. Its last words: {done.stderr[-_LAST_WORDS:].strip()}"
        ) from None
    if "fault" in answer:
        kind = getattr(errors, str(answer["fault"]), ModelError)
        raise kind(str(answer["message"]))
    return Role(answer["role"])


def _main(source: str, target: str, helper: str, base: str) -> int:
    # Loaded here, in the process that opens the files.
    from via_engine.models.library.layouts import Wish, write_layout  # noqa: PLC0415

    wish = Wish(
        source=Path(source),
        target=Path(target),
        helper=Path(helper) if helper else None,
        base=Path(base) if base else None,
    )
    try:
        answer = {"role": write_layout(wish).value}
    except ViaEngineError as error:
        answer = {"fault": type(error).__name__, "message": str(error)}
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
