"""`python -m via_engine.measure NAME [--seed N] [--json] [--check]`, which `via bench` calls."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from via_engine.errors import ViaEngineError
from via_engine.measure.adaptation import adaptation_gain
from via_engine.measure.arguments import picture_path, positive, seed
from via_engine.measure.masks_over_time import tracked_masks
from via_engine.measure.memory import memory
from via_engine.measure.quality.bench import QualityOptions, quality
from via_engine.measure.quality.options import add_quality_options
from via_engine.measure.quality.report import AblationReport
from via_engine.measure.roots import automatic_roots
from via_engine.measure.rows import Row, as_json, print_table
from via_engine.measure.speed import speed
from via_engine.measure.starter import MODELS, SCENES, starter

BENCHMARKS: dict[str, Callable[..., list[Row] | AblationReport]] = {
    "adaptation": adaptation_gain,
    "masks": tracked_masks,
    "memory": memory,
    "quality": quality,
    "roots": automatic_roots,
    "speed": speed,
    "starter": starter,
}
# What some are measured on: option, and how many there are unless it says otherwise.
COUNTS = {"adaptation": ("--clips", 20), "masks": ("--clips", 30), "roots": ("--cases", 40)}


def parser() -> argparse.ArgumentParser:
    """The command line: one sub-command for each benchmark, some with options of their own."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--seed", type=seed, default=0, help="another seed gives fresh scenes")
    shared.add_argument("--json", action="store_true", help="rows as JSON on stdout")
    shared.add_argument("--check", action="store_true", help="end with 1 when a bar is missed")
    found = argparse.ArgumentParser(prog="via bench", description="Measures Via on this machine.")
    names = found.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, run in BENCHMARKS.items():
        summary = (run.__doc__ or "").strip().splitlines()[0]
        command = names.add_parser(name, parents=[shared], help=summary, description=summary)
        if run is starter:
            _add_starter_options(command)
        if run is quality:
            add_quality_options(command)
        if name in COUNTS:
            option, count = COUNTS[name]
            command.add_argument(
                option,
                type=positive,
                default=count,
                metavar="N",
                help=f"how many to measure (default: {count})",
            )
    return found


def main(arguments: list[str] | None = None) -> int:
    """Runs one benchmark; 0, or 1 when it cannot run or, under `--check`, misses a bar."""
    asked = vars(parser().parse_args(arguments))
    name, as_values, check = asked.pop("name"), asked.pop("json"), asked.pop("check")
    try:
        found = _measured(name, asked)
    except ViaEngineError as error:
        print(f"via bench: {error}", file=sys.stderr)
        return 1
    rows = found.rows if isinstance(found, AblationReport) else found
    if as_values:
        print(found.as_json() if isinstance(found, AblationReport) else as_json(rows))
    else:
        if isinstance(found, AblationReport):
            found.print_tables()
        print_table(f"via bench {name} --seed {asked['seed']}", rows)
    return int(check and not all(row.holds for row in rows))


def _measured(name: str, asked: dict[str, Any]) -> list[Row] | AblationReport:
    if name != "quality":
        return BENCHMARKS[name](**asked)
    options = {key: value for key, value in asked.items() if key != "seed"}
    return BENCHMARKS[name](asked["seed"], QualityOptions(**options))


def _add_starter_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--scenes",
        type=positive,
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
        help=f"only rows that need no models but these, of {', '.join(MODELS)}; the "
        "conditioner needs the editor",
    )
    command.add_argument(
        "--sheet",
        type=picture_path,
        metavar="FILE.png",
        help="write source, model and truth of some edits there",
    )


if __name__ == "__main__":
    sys.exit(main())
