"""`python -m via_engine.models COMMAND`, which `via models` calls: the models of this machine.

stdout carries results only, stderr progress and notes. Exit codes: 0 ok, 1 failed, 2 the command
as given cannot be carried out, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

from via_engine.config import EngineConfig
from via_engine.errors import RequestError, ViaEngineError
from via_engine.models.catalog import load_catalog
from via_engine.models.library.adding import Addition, add, convert_entry
from via_engine.models.library.library import Entry, Library
from via_engine.models.library.manifest import Role, known_manifests, manifest
from via_engine.models.library.telling import (
    entry_line,
    entry_values,
    known_line,
    known_values,
    part_line,
    plan_values,
    repositories,
    size_text,
)
from via_engine.models.memory_plan import plan_memory

FOLDER_VARIABLE = "VIA_MODELS_FOLDER"
EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


class Told(NamedTuple):
    """What a command answers: values for programs, lines for people."""

    values: Any
    lines: Sequence[str]


def models_folder(environment: Mapping[str, str]) -> Path:
    """Where the user's models lie."""
    named = environment.get(FOLDER_VARIABLE)
    return Path(named).absolute() if named else platformdirs.user_data_path("via") / "models"


def main(arguments: Sequence[str] | None = None) -> int:
    """Carries out one command; gives the exit code."""
    given = _parser().parse_args(arguments)
    try:
        told = given.run(Library(models_folder(os.environ)), given)
    except ViaEngineError as error:
        code = EXIT_USAGE if isinstance(error, RequestError) else EXIT_FAILED
        problem = {"reason": error.reason, "message": str(error), "exit_code": code}
        text = json.dumps({"error": problem}) if given.json else f"via: {error}"
        print(text, file=sys.stderr, flush=True)
        return code
    except KeyboardInterrupt:
        print("via: stopped; what has arrived is kept", file=sys.stderr)
        return EXIT_INTERRUPTED
    print(json.dumps(told.values, indent=2) if given.json else "\n".join(told.lines))
    return EXIT_OK


def _list(library: Library, _given: argparse.Namespace) -> Told:
    """The models of this machine, and the known ones that can be fetched."""
    entries = library.entries()
    others = [known for known in known_manifests() if known.name not in {e.name for e in entries}]
    values = {
        "folder": str(library.folder),
        "models": [entry_values(entry) for entry in entries],
        "known": [known_values(known) for known in others],
    }
    lines = [f"In {library.folder}:"]
    lines += [entry_line(entry) for entry in entries] or ["  none yet"]
    lines += ["", "Known, not here (via models pull NAME):"]
    lines += [known_line(known) for known in others]
    return Told(values, lines)


def _add(library: Library, given: argparse.Namespace) -> Told:
    """Add a model that lies on this machine; pickled files are converted once."""
    addition = Addition(
        name=given.name,
        path=given.path.absolute(),
        helper=given.helper,
        base=_base(library, given.base),
        accept_noncommercial=given.accept_noncommercial,
        licence=given.licence,
    )
    _say(f"reading and recording {addition.path}")
    return _told_entry(add(library, addition))


def _pull(library: Library, given: argparse.Namespace) -> Told:
    """Fetch a known model, once its size and licence are confirmed."""
    # Loaded only here: no other command may reach for the network.
    from via_engine.models.library.fetching import accept, offer  # noqa: PLC0415

    offered = offer(library, manifest(given.name))
    known = offered.known
    _say(f"{known.title}, {size_text(offered.size_bytes)}, from {repositories(known)}")
    _say(f"commit {offered.revision}")
    _say(f"licence: {known.licence}. {known.use}")
    if not given.yes:
        _confirm()
    return _told_entry(accept(library, offered, _say))


def _verify(library: Library, given: argparse.Namespace) -> Told:
    """Read every file of a model, or of all, and compare it with what was recorded."""
    entries = [library.entry(given.name)] if given.name else list(library.entries())
    for entry in entries:
        _say(f"reading {entry.name} ({size_text(entry.size_bytes)})")
        entry.check(thorough=True)
    lines = [f"{entry.name}: {len(entry.files)} files as recorded" for entry in entries]
    return Told([entry_values(entry) for entry in entries], lines)


def _convert(library: Library, given: argparse.Namespace) -> Told:
    """Make a model that was added where it lies the library's own, as safetensors."""
    return _told_entry(convert_entry(library, given.name, helper=given.helper))


def _remove(library: Library, given: argparse.Namespace) -> Told:
    """Take a model out of the library; files that were added where they lie stay there."""
    freed = library.remove(given.name)
    return Told(
        {"removed": given.name, "freed_bytes": freed},
        [f"{given.name} removed, {size_text(freed)} freed"],
    )


def _plan(library: Library, given: argparse.Namespace) -> Told:
    """Say what of each editor stays on the device, what leaves it after use, and what is left."""
    # Loaded only here: it takes seconds, and nothing else needs it.
    from via_engine.models.placement import resolve_device, resolve_dtype  # noqa: PLC0415
    from via_engine.models.residence import memory_bytes  # noqa: PLC0415

    device = resolve_device(given.device)
    dtype = resolve_dtype(given.dtype, device)
    total = int(given.memory_gb * 1e9) if given.memory_gb else memory_bytes(device)
    config = _served(library)
    cards = load_catalog(config).cards
    chosen = [card for card in cards if given.name in (None, card.name)]
    if not chosen:
        names = ", ".join(card.name for card in cards)
        raise RequestError(f"no editor is called {given.name!r}; there are: {names}")
    plans = {
        card.name: plan_memory(
            config,
            card,
            total_bytes=total,
            weight_bytes=dtype.itemsize,
            # A size that is given is a graphics card's.
            has_main_memory=device.type != "cpu" or given.memory_gb is not None,
        )
        for card in chosen
    }
    name = str(dtype).removeprefix("torch.")
    lines = [f"{device}, {size_text(total)}, {name}:"]
    for editor, plan in plans.items():
        lines += [f"  {editor}", *(part_line(part) for part in plan.parts)]
        lines.append(
            f"    {'room for attention groups':<38} {size_text(plan.group_cache_bytes):>8}"
        )
    values = {"device": str(device), "dtype": name, "total_bytes": total}
    return Told(values | {"plans": {n: plan_values(plan) for n, plan in plans.items()}}, lines)


def _served(library: Library) -> EngineConfig:
    """The settings with which `via serve` uses the models of this library."""

    def first(role: Role) -> Path | None:
        found = library.of_role(role)
        return found[0].content if found else None

    return EngineConfig(
        models_folder=library.folder,
        model_folders=tuple((one.name, one.content) for one in library.of_role(Role.EDITOR)),
        grounder_folder=first(Role.GROUNDER),
        segmenter_path=first(Role.SEGMENTER),
        tracker_folder=first(Role.TRACKER),
        critic_folder=first(Role.CRITIC),
    )


_COMMANDS: dict[str, Callable[[Library, argparse.Namespace], Told]] = {
    "ls": _list,
    "add": _add,
    "pull": _pull,
    "verify": _verify,
    "convert": _convert,
    "rm": _remove,
    "plan": _plan,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="via models",
        description="The models of this machine.",
        epilog=f"{FOLDER_VARIABLE} names another folder for them.",
    )
    names = parser.add_subparsers(required=True, metavar="COMMAND")
    found = {}
    for name, run in _COMMANDS.items():
        summary = (run.__doc__ or "").strip()
        found[name] = names.add_parser(name, help=summary, description=summary)
        found[name].set_defaults(run=run)
        found[name].add_argument("--json", action="store_true", help="answer and errors as JSON")
    for name in ("add", "pull", "convert", "rm"):
        found[name].add_argument("name", metavar="NAME")
    found["verify"].add_argument("name", metavar="NAME", nargs="?", help="default: all")
    found["pull"].add_argument("--yes", action="store_true", help="size and licence are agreed to")
    for name in ("add", "convert"):
        found[name].add_argument(
            "--helper",
            type=Path,
            metavar="DIR",
            help="tokenizer files that a one-file checkpoint or a Grounding DINO does not hold",
        )
    _add_options(found["add"])
    plan = found["plan"]
    plan.add_argument("name", metavar="NAME", nargs="?", help="an editor; default: all")
    plan.add_argument("--device", default="auto", help="torch device (%(default)s)")
    plan.add_argument("--dtype", default="auto", help="precision of the editor (%(default)s)")
    plan.add_argument(
        "--memory-gb", type=float, metavar="N", help="as if the device had so much, such as 24"
    )
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="PATH", help="a checkpoint file or a folder")
    parser.add_argument("--licence", default="unknown", help="of the weights, for your lists")
    parser.add_argument(
        "--base", metavar="NAME|DIR", help="MGIE: the InstructPix2Pix it borrows the rest from"
    )
    parser.add_argument(
        "--accept-noncommercial",
        action="store_true",
        help="MGIE: its weights are for research only, and so is what I do with them",
    )


def _base(library: Library, named: str | None) -> Path | None:
    if named is None:
        return None
    return Path(named).absolute() if Path(named).is_dir() else library.entry(named).content


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise RequestError("nobody is here to agree to size and licence; add --yes if you do")
    print("Fetch it? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise RequestError("nothing was fetched")


def _told_entry(entry: Entry) -> Told:
    return Told(entry_values(entry), [entry_line(entry).strip()])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
