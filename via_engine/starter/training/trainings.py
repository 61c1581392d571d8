"""What can be trained: the settings, training and packaging of each starter model.

A model's packages are imported when it is asked for, so that training one needs no other's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from via_engine.starter.bundle import StarterModel
from via_engine.starter.training.training_run import TrainingRun

ABOUT = {
    "vae": "the editor's autoencoder",
    "decoder": "the autoencoder's decoder alone, which keeps a trained editor valid",
    "editor": "UNet and text encoder, on pairs the autoencoder has encoded",
    "segmenter": "a box or clicks to a mask",
    "grounder": "a phrase to boxes",
    "critic": "tells which edited picture answers an instruction",
    "conditioner": "a picture and an instruction to what steers the editor, as MGIE does",
}


@dataclass(frozen=True, kw_only=True)
class Training:
    """How one model is trained: its settings, its training, and how it is packaged.

    `export` makes a packaged folder of what training left in a cache and returns why not, if it
    cannot yet; `unpack` brings a packaged folder's weights into a cache; `part_of` names the
    folder.
    """

    part_of: StarterModel
    settings: type[Any]
    train: Callable[[Any, TrainingRun], None]
    export: Callable[[Path, Path], str | None]
    unpack: Callable[[Path, Path], None]


def training_of(model: str) -> Training:
    """The training of one of the models in `ABOUT`; its packages are imported now."""
    module = import_module(f"via_engine.starter.training.{_MODULES[model]}")
    training: Training = module.TRAININGS[model]
    return training


_MODULES = {
    "vae": "export",
    "decoder": "export",
    "editor": "export",
    "segmenter": "train_segmenter",
    "grounder": "train_grounder",
    "critic": "train_critic",
    "conditioner": "train_conditioner",
}
