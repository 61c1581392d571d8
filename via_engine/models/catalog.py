"""The models this machine knows, read from their folders without loading them. No torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict, cast

from via_engine.config import EngineConfig
from via_engine.errors import ModelError, UnknownModelError
from via_engine.model_card import ModelCard
from via_engine.models.library.library import Library
from via_engine.starter.bundle import starter_folder

STARTER_NAME = "starter"
CARD_FILE = "via_model.json"


class _CardValues(TypedDict):
    """What a card file may say; the defaults are those of the InstructPix2Pix checkpoints."""

    name: str
    kind: str
    steps: int
    guidance_scale: float
    image_guidance_scale: float
    long_side_px: int
    multiple_px: int
    licence: str
    understands: list[str]
    adapt_steps: int
    adapt_learning_rate: float
    sampler: str
    accept_noncommercial: bool
    conditioner: str
    conditioner_bits: int


_DEFAULTS = _CardValues(
    name="",
    kind="instruct-pix2pix",
    steps=10,
    guidance_scale=7.5,
    image_guidance_scale=1.5,
    long_side_px=512,
    multiple_px=64,
    licence="unknown",
    understands=[],
    adapt_steps=200,
    adapt_learning_rate=1e-4,
    sampler="ddim",
    accept_noncommercial=False,
    conditioner="auto",
    conditioner_bits=16,
)
# What differs in the SDXL class.
_XL_DEFAULTS = _CardValues(
    **{
        **_DEFAULTS,
        "kind": "instruct-pix2pix-xl",
        "guidance_scale": 5.0,
        "long_side_px": 768,
    }
)
_CLASSES = {
    "StableDiffusionInstructPix2PixPipeline": _DEFAULTS,
    "StableDiffusionXLInstructPix2PixPipeline": _XL_DEFAULTS,
}
_CHOICES: dict[str, tuple[object, ...]] = {
    "sampler": ("ddim", "euler_ancestral"),
    "conditioner": ("auto", "resident", "unload"),
    "conditioner_bits": (16, 8, 4),
}


@dataclass(frozen=True, kw_only=True)
class ModelCatalog:
    """All models of this machine, the default first."""

    cards: tuple[ModelCard, ...]

    def card(self, name: str) -> ModelCard:
        """The card of that name.

        Raises:
            UnknownModelError: there is none; the message lists the names there are.
        """
        for card in self.cards:
            if card.name == name:
                return card
        known = ", ".join(card.name for card in self.cards)
        raise UnknownModelError(f"no model is called {name!r}; this machine knows: {known}")


def load_catalog(config: EngineConfig) -> ModelCatalog:
    """The starter and the models of `config.model_folders`, under the names given there.

    Raises:
        ModelIntegrityError: the starter's weights are missing or altered.
        ModelError: a folder is no diffusers pipeline, its card is faulty, or a name comes twice.
    """
    folders = ((STARTER_NAME, starter_folder("editor")), *config.model_folders)
    names = [name for name, _ in folders]
    for name in names:
        if names.count(name) > 1:
            raise ModelError(f"two models are called {name!r}; give each folder its own name")
    cards = [read_card(name, folder) for name, folder in folders]
    return ModelCatalog(cards=tuple(_with_licence(card, config) for card in cards))


def _with_licence(card: ModelCard, config: EngineConfig) -> ModelCard:
    """The card with the licence the user's library knows, where it says none itself."""
    if card.licence != _DEFAULTS["licence"] or config.models_folder is None:
        return card
    for entry in Library(config.models_folder).entries():
        if entry.content == card.folder:
            return replace(card, licence=entry.licence)
    return card


def read_card(name: str, folder: Path) -> ModelCard:
    """The card of one diffusers pipeline folder, with `via_model.json` where it has one.

    Raises:
        ModelError: the folder is no diffusers pipeline or its card is faulty.
    """
    if not (folder / "model_index.json").is_file():
        raise ModelError(
            f"model {name!r}: {folder} holds no model_index.json; "
            "point to a diffusers pipeline folder in safetensors format"
        )
    values = _card_values(folder / CARD_FILE, _class_defaults(folder / "model_index.json"))
    return ModelCard(
        name=name,
        kind=values["kind"],
        folder=folder,
        steps=values["steps"],
        guidance_scale=float(values["guidance_scale"]),
        image_guidance_scale=float(values["image_guidance_scale"]),
        long_side_px=values["long_side_px"],
        multiple_px=values["multiple_px"],
        licence=values["licence"],
        understands=tuple(values["understands"]),
        adapt_steps=values["adapt_steps"],
        adapt_learning_rate=float(values["adapt_learning_rate"]),
        sampler=values["sampler"],
        accept_noncommercial=values["accept_noncommercial"],
        conditioner=values["conditioner"],
        conditioner_bits=values["conditioner_bits"],
    )


def _class_defaults(index: Path) -> _CardValues:
    """What is usual for the pipeline class that an index names; without a name, SD 1.5's.

    Raises:
        ModelError: Via runs no such pipelines.
    """
    try:
        found = json.loads(index.read_text(encoding="utf-8")).get("_class_name")
    except (ValueError, AttributeError) as error:
        raise ModelError(f"{index} is no index of a diffusers pipeline: {error}") from error
    if found is not None and found not in _CLASSES:
        raise ModelError(
            f"{index.parent} holds a {found}; Via runs {', '.join(_CLASSES)}. Use an "
            "InstructPix2Pix or MagicBrush checkpoint"
        )
    return _CLASSES.get(found, _DEFAULTS)


def _card_values(path: Path, defaults: _CardValues) -> _CardValues:
    if not path.is_file():
        return defaults
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise ModelError(f"{path} holds no JSON object")
    for key, value in given.items():
        _check_value(path, key, value)
    return cast(_CardValues, {**defaults, **given})


def _check_value(path: Path, key: str, value: object) -> None:
    if key not in _DEFAULTS:
        raise ModelError(f"{path}: unknown key {key!r}; a card knows {', '.join(_DEFAULTS)}")
    if key in _CHOICES:
        if isinstance(value, bool) or value not in _CHOICES[key]:
            given = " or ".join(map(str, _CHOICES[key]))
            raise ModelError(f"{path}: {key} is {value!r}; give {given}")
        return
    default = cast(dict[str, object], _DEFAULTS)[key]
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ModelError(f"{path}: {key} is {value!r}; give true or false")
    elif isinstance(default, int | float):
        _check_number(path, key, value, default)
    elif isinstance(default, list):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ModelError(f"{path}: {key} is {value!r}; give a list of texts")
    elif not isinstance(value, str):
        raise ModelError(f"{path}: {key} is {value!r}; give a text")


def _check_number(path: Path, key: str, value: object, default: int | float) -> None:
    """Numbers are at least 1, but for those whose own default is a share of it: above 0."""
    kinds = int if isinstance(default, int) else int | float
    is_number = isinstance(value, kinds) and not isinstance(value, bool)
    if default < 1:
        if not is_number or not 0 < cast(float, value) < 1:
            raise ModelError(f"{path}: {key} is {value!r}; give a number above 0 and below 1")
    elif not is_number or cast(float, value) < 1:
        raise ModelError(f"{path}: {key} is {value!r}; give a number of at least 1")
