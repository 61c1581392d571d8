"""Trains the starter's grounder: phrases to boxes, on pictures of the world."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from via_engine.half_products import fast_products
from via_engine.starter.bundle import read_record, rewritten, write_record
from via_engine.starter.networks.grounder_model import (
    STARTER_CONFIG,
    untrained_grounder,
    write_starter_text,
)
from via_engine.starter.networks.grounding_text import TEXT_FOLDER
from via_engine.starter.training.grounding_loss import grounding_loss
from via_engine.starter.training.grounding_pictures import picture_batches
from via_engine.starter.training.training_run import TrainingRun, write_state
from via_engine.starter.training.trainings import Training

_CACHED_TEXT = "grounder_text"


@dataclass(frozen=True, kw_only=True)
class GrounderSettings:
    """How the grounder is trained; `batch_size` is that of one process.

    Of each batch `fresh` pictures are drawn anew, the others have served before.
    """

    steps: int = 3200
    batch_size: int = 16
    learning_rate: float = 1e-3
    fresh: int = 4
    seed: int = 0


def train_grounder(settings: GrounderSettings, run: TrainingRun) -> None:
    """Fit the grounder, from the run's last checkpoint if it has one."""
    torch.manual_seed(settings.seed)
    text_folder = run.folder / _CACHED_TEXT
    if run.rank == 0:
        write_starter_text(text_folder)
    run.wait_for_all()
    model = untrained_grounder(text_folder)
    run.begin(model)
    model = model.train().to(run.device)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=settings.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=1e-4,
        fused=True,
    )
    run.resume(model, optimizer)
    batches = picture_batches(
        settings.seed + run.step + 1_000_003 * run.rank, settings.batch_size, fresh=settings.fresh
    )
    while run.continues(settings.steps):
        run.set_learning_rate(optimizer, settings.learning_rate, settings.steps)
        batch = next(batches).to(run.device)
        with fast_products(run.device):
            loss = grounding_loss(model, batch)
        run.learn(loss, model, optimizer)
        if run.advance(float(loss.detach()), settings.batch_size):
            run.save(model, optimizer)
    run.save(model, optimizer)
    run.finish(model)


def export_grounder(cache: Path, folder: Path) -> None:
    """Turn the trained weights in `cache` into `folder`, in one motion, in half precision."""
    state = torch.load(cache / "grounder_weights.pt", weights_only=True, map_location="cpu")
    with rewritten(folder) as fresh:
        shutil.copytree(cache / _CACHED_TEXT, fresh / TEXT_FOLDER)
        # Names that share a tensor are all written, as in the public checkpoints.
        weights = {
            name: value.half() if value.is_floating_point() else value.clone()
            for name, value in state["model"].items()
        }
        save_file(weights, fresh / "model.safetensors")
        (fresh / "config.json").write_text(json.dumps(STARTER_CONFIG, indent=2) + "\n")
        write_record(fresh, {"grounder": state["record"]})


def unpack_grounder(folder: Path, cache: Path) -> None:
    """Bring a packaged grounder into `cache`, so that its training can go on from there."""
    shutil.copytree(folder / TEXT_FOLDER, cache / _CACHED_TEXT, dirs_exist_ok=True)
    weights = load_file(folder / "model.safetensors")
    model = {
        name: value.float() if value.is_floating_point() else value
        for name, value in weights.items()
    }
    state = {"model": model, "record": read_record(folder)["grounder"]}
    write_state(state, cache / "packaged_grounder_weights.pt")


TRAININGS = {
    "grounder": Training(
        part_of="grounder",
        settings=GrounderSettings,
        train=train_grounder,
        export=export_grounder,
        unpack=unpack_grounder,
    )
}
