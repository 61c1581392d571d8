"""`python -m via_engine.measure NAME [--seed N] [--json] [--check]`, which `via bench` calls."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from via_engine.errors import ViaEngineError
from via_engine.measure.memory import memory
from via_engine.measure.rows import Row, as_json, print_table
from via_engine.measure.speed import speed
from via_engine.measure.starter import MODELS, SCENES, starter

BENCHMARKS: dict[str, Callable[..., list[Row]]] = {
    "memory": memory,
    "speed": speed,
    "starter": starter,
}


def parser() -> argparse.ArgumentParser:
    """The command line: one sub-command for each benchmark, some with options of their own."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--seed", type=_natural, default=0, help="another seed gives fresh scenes")
    shared.add_argument("--json", action="store_true", help="rows as JSON on stdout")
    shared.add_argument("--check", action="store_true", help="end with 1 when a bar is missed")
    found = argparse.ArgumentParser(prog="via bench", description="Measures Via on this machine.")
    names = found.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, run in BENCHMARKS.items():
        summary = (run.__doc__ or "").strip().splitlines()[0]
        command = names.add_parser(name, parents=[shared], help=summary, description=summary)
        if run is starter:
            _add_starter_options(command)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Runs one benchmark; 0, or 1 when it cannot run or, under `--check`, misses a bar."""
    asked = vars(parser().parse_args(arguments))
    name, as_values, check = asked.pop("name"), asked.pop("json"), asked.pop("check")
    try:
        rows = BENCHMARKS[name](**asked)
    except ViaEngineError as error:
        print(f"via bench: {error}", file=sys.stderr)
        return 1
    if as_values:
        print(as_json(rows))
    else:
        print_table(f"via bench {name} --seed {asked['seed']}", rows)
    return int(check and not all(row.holds for row in rows))


def _add_starter_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--scenes",
        type=_positive,
        default=SCENES,
        metavar="N",
        help=f"held-out scenes for each row; fewer for a quick look (default: {SCENES})",
    )
    command.add_argument(
        "--models",
        nargs="+",
        choices=MODELS,
        default=MODELS,
        metavar="MODEL",
        help=f"only rows that need no models but these, of {', '.join(MODELS)}",
    )
    command.add_argument(
        "--sheet",
        type=_picture_path,
        metavar="FILE.png",
        help="write source, model and truth of some edits there",
    )


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of scenes; give 1 or more")
    return number


def _picture_path(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"{text} does not end in .png, the format that is written")
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"the folder of {text} does not exist; make it first")
    return path


if __name__ == "__main__":
    sys.exit(main())
