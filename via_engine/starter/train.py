"""`python -m via_engine.starter.train MODEL`: trains and packages the starter models.

Training resumes where it stopped, shows its progress, and writes the model's folder under
`weights/` at the end; `training.json` there says what the packaged weights took.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch.multiprocessing.spawn import ProcessRaisedException, spawn

from via_engine.errors import ModelError, OutputError, ViaEngineError
from via_engine.starter.bundle import RECORD_NAME, packaged_folder, starter_folder
from via_engine.starter.training.process_group import process_group
from via_engine.starter.training.training_run import TrainingRun
from via_engine.starter.training.trainings import ABOUT, Training, training_of

_COUNTS = ("steps", "batch_size", "families", "prompts", "fresh", "scenes")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, train, and package the model once all its parts are there.

    Raises:
        OutputError: where the model is to go lies something else.
        ModelError: the cache holds another training's checkpoint, or not what this one needs.
        ModelIntegrityError: packaged weights to go on from are missing or altered.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    parsed = _parser(asked=next(iter(given), "")).parse_args(given)
    training = training_of(parsed.model)
    parsed.cache = parsed.cache or _platform_cache()
    parsed.into = (parsed.into or packaged_folder(training.part_of)).absolute()
    _check_place(parsed.into)
    if parsed.from_packaged and not parsed.export_only:
        training.unpack(starter_folder(training.part_of), parsed.cache)
    if parsed.export_only:
        _check_trained(parsed)
    else:
        _train_in_all(parsed)
        reached = _run(0, parsed).steps_reached()
        if reached < parsed.steps:
            sys.stderr.write(
                f"stopped at step {reached} of {parsed.steps}, and nothing is packaged; run the "
                "same again to go on, or with --export-only to package it as it is\n"
            )
            return 0
    lacking = training.export(parsed.cache, parsed.into)
    done = f"trained {parsed.model}; {lacking}" if lacking else f"wrote {parsed.into}"
    sys.stderr.write(f"{done}\n")
    return 0


def _check_place(folder: Path) -> None:
    """Packaging replaces the folder with all that is in it, so that may only be a model."""
    if folder.is_dir() and ((folder / RECORD_NAME).exists() or not any(folder.iterdir())):
        return
    if folder.exists():
        raise OutputError(
            f"{folder} is there and holds no trained model; give --into a folder that is new, "
            "empty, or a model's"
        )


def _train_in_all(parsed: argparse.Namespace) -> None:
    """Train in one process or several; an error of several comes back as one.

    Raises:
        ModelError: as `main` does.
    """
    if parsed.processes == 1:
        _train(0, parsed)
        return
    try:
        spawn(_train, (parsed,), nprocs=parsed.processes)  # type: ignore[no-untyped-call]
    except ProcessRaisedException as error:
        kind, _, message = str(error).strip().splitlines()[-1].partition(": ")
        if kind.startswith(ViaEngineError.__module__):
            raise ModelError(message) from error
        raise


def _check_trained(parsed: argparse.Namespace) -> None:
    if not (parsed.cache / f"{parsed.model}_weights.pt").exists():
        raise ModelError(
            f"{parsed.cache} holds no trained {parsed.model}; train it into this cache first"
        )


def _train(rank: int, parsed: argparse.Namespace) -> None:
    """Train in this process, number `rank` of `parsed.processes`."""
    if parsed.processes > 1:
        torch.set_num_threads(1)
    with process_group(rank, parsed.processes, f"tcp://127.0.0.1:{parsed.port}"):
        training = training_of(parsed.model)
        training.train(_settings(training, parsed), _run(rank, parsed))


def _run(rank: int, parsed: argparse.Namespace) -> TrainingRun:
    return TrainingRun(
        name=parsed.model,
        folder=parsed.cache,
        device=torch.device(parsed.device),
        rank=rank,
        seed=parsed.seed,
        processes=parsed.processes,
        command=_command(parsed),
        time_limit_s=parsed.time_limit_s,
        start=_start(parsed),
    )


def _start(parsed: argparse.Namespace) -> Path | None:
    """Weights to begin from: the packaged ones if asked, and for the decoder its autoencoder.

    Raises:
        ModelError: a decoder is to be trained and there is no autoencoder yet.
    """
    if parsed.from_packaged:
        part = "vae" if parsed.model == "decoder" else parsed.model
        return Path(parsed.cache) / f"packaged_{part}_weights.pt"
    if parsed.model != "decoder":
        return None
    autoencoder = Path(parsed.cache) / "vae_weights.pt"
    if not autoencoder.exists():
        raise ModelError(
            f"{autoencoder} is missing: a decoder is trained for an autoencoder; train vae into "
            "this cache first, or go on from the packaged one with --from-packaged"
        )
    return autoencoder


def _settings(training: Training, parsed: argparse.Namespace) -> Any:
    names = [one.name for one in fields(training.settings)]
    return training.settings(**{name: getattr(parsed, name) for name in names})


def _command(parsed: argparse.Namespace) -> str:
    """The command line that trains these weights, without what only this machine knows."""
    settings = asdict(_settings(training_of(parsed.model), parsed))
    flags = [f"{_flag(name)} {value}" for name, value in sorted(settings.items())]
    flags.append(f"--processes {parsed.processes}")
    flags += ["--from-packaged"] if parsed.from_packaged else []
    return " ".join(["python -m via_engine.starter.train", parsed.model, *flags])


def _parser(*, asked: str) -> argparse.ArgumentParser:
    """A sub-command a model; only the one asked for knows its flags."""
    parser = argparse.ArgumentParser(prog="python -m via_engine.starter.train")
    models = parser.add_subparsers(dest="model", required=True, metavar="MODEL")
    for name, about in ABOUT.items():
        model = models.add_parser(name, help=about, description=f"Trains {about}.")
        if name == asked:
            _add_settings(model, training_of(name).settings)
            _add_shared(model)
    return parser


def _add_settings(parser: argparse.ArgumentParser, settings: type[Any]) -> None:
    for one in fields(settings):
        kind = _counted if one.name in _COUNTS else type(one.default)
        parser.add_argument(_flag(one.name), type=kind, default=one.default, help=f"{one.default}")


def _add_shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cache", type=_cache_path, help="checkpoints and encoded pairs live here")
    parser.add_argument("--into", type=Path, help="where the model goes; default: the package")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device, help=f"where to train; default: {device}")
    parser.add_argument(
        "--processes", type=_counted, default=1, help="on CPUs, one per core trains fastest"
    )
    parser.add_argument("--port", type=int, default=29517, help="where processes meet")
    parser.add_argument(
        "--from-packaged", action="store_true", help="go on from the packaged weights"
    )
    parser.add_argument(
        "--time-limit-s", type=float, default=float("inf"), help="stop then; run again to go on"
    )
    parser.add_argument("--export-only", action="store_true", help="package what was trained last")


def _counted(text: str) -> int:
    """1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is too few; give 1 or more")
    return number


def _cache_path(text: str) -> Path:
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no folder")
    return path


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _platform_cache() -> Path:
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "via" / "starter"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ViaEngineError as error:
        sys.exit(f"error: {error}")
