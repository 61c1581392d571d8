"""`python -m via_engine.measure NAME [--seed N] [--json] [--check]`, which `via bench` calls."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from via_engine.measure.memory import memory
from via_engine.measure.rows import Row, as_json, print_table
from via_engine.measure.speed import speed
from via_engine.measure.starter import starter

BENCHMARKS: dict[str, Callable[[int], list[Row]]] = {
    "memory": memory,
    "speed": speed,
    "starter": starter,
}


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="via bench", description="Measures Via on this machine.")
    known = ", ".join(f"{name} ({(run.__doc__ or '').strip()})" for name, run in BENCHMARKS.items())
    parser.add_argument("name", choices=sorted(BENCHMARKS), help=known)
    parser.add_argument("--seed", type=int, default=0, help="another seed gives fresh scenes")
    parser.add_argument("--json", action="store_true", help="rows as JSON on stdout")
    parser.add_argument("--check", action="store_true", help="end with 1 when a bar is missed")
    return parser.parse_args()


def main() -> int:
    """Runs one benchmark; 0, or 1 under `--check` when a bar is missed."""
    asked = parse()
    rows = BENCHMARKS[asked.name](asked.seed)
    if asked.json:
        print(as_json(rows))
    else:
        print_table(f"via bench {asked.name} --seed {asked.seed}", rows)
    return int(asked.check and not all(row.holds for row in rows))


if __name__ == "__main__":
    sys.exit(main())
