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
from via_engine.models.library.manifest import Manifest, Role, known_manifests, manifest
from via_engine.models.memory_plan import MemoryPlan, Part, plan_memory

FOLDER_VARIABLE = "VIA_MODELS_FOLDER"
EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


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
        "models": [_entry_values(entry) for entry in entries],
        "known": [_known_values(known) for known in others],
    }
    lines = [f"In {library.folder}:"]
    lines += [_entry_line(entry) for entry in entries] or ["  none yet"]
    lines += ["", "Known, not here (via models pull NAME):"]
    lines += [_known_line(known) for known in others]
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
    _say(f"{known.title}, {_size(offered.size_bytes)}, from {_repositories(known)}")
    _say(f"commit {offered.revision}")
    _say(f"licence: {known.licence}. {known.use}")
    if not given.yes:
        _confirm()
    return _told_entry(accept(library, offered, _say))


def _verify(library: Library, given: argparse.Namespace) -> Told:
    """Read every file of a model, or of all, and compare it with what was recorded."""
    entries = [library.entry(given.name)] if given.name else list(library.entries())
    for entry in entries:
        _say(f"reading {entry.name} ({_size(entry.size_bytes)})")
        entry.check(thorough=True)
    lines = [f"{entry.name}: {len(entry.files)} files as recorded" for entry in entries]
    return Told([_entry_values(entry) for entry in entries], lines)


def _convert(library: Library, given: argparse.Namespace) -> Told:
    """Make a model that was added where it lies the library's own, as safetensors."""
    return _told_entry(convert_entry(library, given.name, helper=given.helper))


def _remove(library: Library, given: argparse.Namespace) -> Told:
    """Take a model out of the library; files that were added where they lie stay there."""
    freed = library.remove(given.name)
    return Told(
        {"removed": given.name, "freed_bytes": freed},
        [f"{given.name} removed, {_size(freed)} freed"],
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
        card.name: plan_memory(config, card, total_bytes=total, weight_bytes=dtype.itemsize)
        for card in chosen
    }
    name = str(dtype).removeprefix("torch.")
    lines = [f"{device}, {_size(total)}, {name}:"]
    for editor, plan in plans.items():
        lines += [f"  {editor}", *(_part_line(part) for part in plan.parts)]
        lines.append(f"    {'room for attention groups':<38} {_size(plan.group_cache_bytes):>8}")
    values = {"device": str(device), "dtype": name, "total_bytes": total}
    return Told(values | {"plans": {n: _plan_values(plan) for n, plan in plans.items()}}, lines)


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


def _plan_values(plan: MemoryPlan) -> dict[str, Any]:
    return {
        "fits": plan.fits,
        "group_cache_bytes": plan.group_cache_bytes,
        "parts": [
            {"name": part.name, "size_bytes": part.size_bytes, "stay": part.stay.name.lower()}
            for part in plan.parts
        ],
    }


def _part_line(part: Part) -> str:
    return f"    {part.name:<38} {_size(part.size_bytes):>8}  {part.stay.value}"


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
    return Told(_entry_values(entry), [_entry_line(entry).strip()])


def _entry_values(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "role": entry.role.value,
        "path": str(entry.content),
        "size_bytes": entry.size_bytes,
        "licence": entry.licence,
        "commercial_use": entry.commercial_use,
        "origin": entry.origin,
        "revision": entry.revision,
        "sha256": {name: record.sha256 for name, record in entry.files.items()},
    }


def _known_values(known: Manifest) -> dict[str, Any]:
    return {
        "name": known.name,
        "title": known.title,
        "role": known.role.value,
        "size_bytes": known.size_bytes,
        "licence": known.licence,
        "commercial_use": known.commercial_use,
        "use": known.use,
        "repositories": [source.repository for source in known.sources],
        "by_hand": known.by_hand,
    }


def _entry_line(entry: Entry) -> str:
    size = _size(entry.size_bytes)
    return f"  {entry.name:<24} {entry.role.value:<10} {size:>8}  {entry.licence}  {entry.content}"


def _known_line(known: Manifest) -> str:
    size = _size(known.size_bytes) if known.size_bytes else "?"
    return f"  {known.name:<24} {known.role.value:<10} {size:>8}  {known.licence}"


def _repositories(known: Manifest) -> str:
    return ", ".join(source.repository for source in known.sources)


def _size(count: int) -> str:
    for unit, bytes_ in _UNITS:
        if count >= bytes_:
            return f"{count / bytes_:.1f} {unit}"
    return f"{count} bytes"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
