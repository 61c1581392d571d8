"""`python -m via_engine.starter.train {vae,decoder,editor}`: trains the starter models.

Training resumes where it stopped. On two CPU cores the autoencoder takes about a quarter of
an hour and the editor well over an hour; see `weights/editor/training.json` for what the
packaged weights took.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn

from via_engine.starter.bundle import Record
from via_engine.starter.export import (
    EditorSheet,
    export_editor,
    trained_editor,
    trained_vae,
    unpack_editor,
)
from via_engine.starter.train_editor import train_editor
from via_engine.starter.train_vae import train_decoder, train_vae
from via_engine.starter.training_run import EditorSettings, TrainingRun, VaeSettings

_PACKAGED = Path(__file__).parent / "weights" / "editor"


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What one command line asks for."""

    model: str
    cache: Path
    device: str
    processes: int
    port: int
    time_limit_s: float
    compiled: bool
    from_packaged: bool
    vae: VaeSettings
    editor: EditorSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, train, and write `weights/editor` once all its parts are there."""
    parsed = _parser().parse_args(arguments)
    cache = parsed.cache or _platform_cache()
    if parsed.from_packaged and not (cache / "editor_weights.pt").exists():
        unpack_editor(_PACKAGED, cache)
    if not parsed.export_only:
        order = _order(parsed, cache)
        if order.processes > 1:
            spawn(_train, (order,), nprocs=order.processes)  # type: ignore[no-untyped-call]
        else:
            _train(0, order)
    if (cache / "editor_weights.pt").exists():
        sheet = EditorSheet(
            guidance_scale=parsed.guidance_scale,
            image_guidance_scale=parsed.image_guidance_scale,
        )
        export_editor(cache, parsed.into, sheet)
        sys.stderr.write(f"wrote {parsed.into}\n")
    return 0


def _train(rank: int, order: _Order) -> None:
    """Train in this process, number `rank` of `order.processes`."""
    if order.processes > 1:
        torch.set_num_threads(1)
        distributed.init_process_group(
            "gloo",
            init_method=f"tcp://127.0.0.1:{order.port}",
            rank=rank,
            world_size=order.processes,
        )
    run = TrainingRun(
        name=order.model,
        folder=order.cache,
        device=torch.device(order.device),
        rank=rank,
        seed=order.editor.seed,
        processes=order.processes,
        command=_command(order),
        time_limit_s=order.time_limit_s,
    )
    if order.model == "vae":
        start_vae = None
        if order.from_packaged:
            start_vae, packaged = trained_vae(order.cache, "packaged_vae")
            run = _after(run, packaged)
        train_vae(order.vae, run, start=start_vae)
        return
    vae, vae_record = trained_vae(order.cache, "vae")
    if order.model == "decoder":
        train_decoder(order.vae, _after(run, vae_record), vae)
        return
    start = None
    if order.from_packaged:
        start, editor_record = trained_editor(order.cache, "packaged_editor")
        run = _after(run, editor_record)
    train_editor(order.editor, run, vae, start=start, compiled=order.compiled)


def _after(run: TrainingRun, record: Record) -> TrainingRun:
    """The run, counting what the weights it starts from have cost already."""
    return replace(
        run,
        command=f"{record['command']} && {run.command}",
        earlier_samples=int(record["samples"]),
        earlier_wall_time_s=float(record["wall_time_s"]),
    )


def _command(order: _Order) -> str:
    """The command line that trains these weights, without what only this machine knows."""
    settings = asdict(order.editor if order.model == "editor" else order.vae)
    flags = [f"--{name.replace('_', '-')} {value}" for name, value in sorted(settings.items())]
    flags = [flag for flag in flags if not flag.startswith("--kl-weight")]
    flags.append(f"--processes {order.processes}")
    flags += ["--from-packaged"] if order.from_packaged else []
    return " ".join(["python -m via_engine.starter.train", order.model, *flags])


def _order(parsed: argparse.Namespace, cache: Path) -> _Order:
    given = {
        name: getattr(parsed, name)
        for name in ("steps", "batch_size", "learning_rate", "seed")
        if getattr(parsed, name) is not None
    }
    families = {"families": parsed.families} if parsed.families is not None else {}
    return _Order(
        model=parsed.model,
        cache=cache,
        device=parsed.device,
        processes=parsed.processes,
        port=parsed.port,
        time_limit_s=parsed.time_limit_s,
        compiled=parsed.compile,
        from_packaged=parsed.from_packaged,
        vae=replace(VaeSettings(), **given),
        editor=replace(EditorSettings(), **given, **families),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m via_engine.starter.train")
    parser.add_argument("model", choices=("vae", "decoder", "editor"))
    parser.add_argument("--cache", type=Path, help="checkpoints and encoded pairs live here")
    parser.add_argument("--into", type=Path, default=_PACKAGED, help="where the editor goes")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--processes", type=int, default=1, help="on CPUs, one per core trains fastest"
    )
    parser.add_argument("--port", type=int, default=29517, help="where processes meet")
    parser.add_argument(
        "--from-packaged", action="store_true", help="go on from the packaged weights"
    )
    parser.add_argument("--compile", action="store_true", help="compile the UNet")
    parser.add_argument("--time-limit-s", type=float, default=float("inf"))
    parser.add_argument("--steps", type=int)
    parser.add_argument("--batch-size", type=int, help="per process")
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--families", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--guidance-scale", type=float, default=EditorSheet.guidance_scale)
    parser.add_argument(
        "--image-guidance-scale", type=float, default=EditorSheet.image_guidance_scale
    )
    parser.add_argument("--export-only", action="store_true", help="export the last checkpoint")
    return parser


def _platform_cache() -> Path:
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "via" / "starter"


if __name__ == "__main__":
    sys.exit(main())
