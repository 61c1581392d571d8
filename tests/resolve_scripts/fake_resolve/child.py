"""A workstation process for tests: sends the lines of a file, writes down what comes back.

`python -m tests.resolve_scripts.fake_resolve.child LINES ANSWERS`
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    lines, answers = Path(sys.argv[1]), Path(sys.argv[2])
    with answers.open("wb") as written:
        written.write(sys.stdin.buffer.readline())
        for line in lines.read_bytes().splitlines(keepends=True):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            while b'"event"' in (answer := sys.stdin.buffer.readline()):
                written.write(answer)
            written.write(answer)
            written.flush()


if __name__ == "__main__":
    main()
