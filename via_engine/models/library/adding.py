"""How models get into the library: brought or fetched, and converted once. No torch."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from via_engine.errors import LicenceError, ModelError, RequestError
from via_engine.models.library.conversion import convert
from via_engine.models.library.integrity import model_files, record_folder
from via_engine.models.library.library import Entry, Library
from via_engine.models.library.manifest import Manifest, Role
from via_engine.weights.file_kind import FileKind, kind_of, tensor_header

CARD_NAME = "via_model.json"
CONTENT_NAME = "model"
MGIE_KIND = "mgie"


@dataclass(frozen=True, kw_only=True)
class Addition:
    """What the user says of a model to add.

    Attributes:
        name: what it shall be called.
        path: its file or folder.
        helper, base: see `layouts.Wish`.
        accept_noncommercial: whether the user has read that MGIE is for research only.
        licence: of the weights, as the user knows it.
    """

    name: str
    path: Path
    helper: Path | None = None
    base: Path | None = None
    accept_noncommercial: bool = False
    licence: str = "unknown"


def add(library: Library, addition: Addition) -> Entry:
    """Takes a model in: as it lies when it is a folder of safetensors, converted otherwise.

    Raises:
        RequestError: there is nothing at the path, or the name is taken or unusable.
        LicenceError: it is MGIE, and its licence was not accepted.
        ModelError: it is no model Via knows, or a part of it is missing.
        ModelIntegrityError: a file is damaged.
    """
    place = library.place(addition.name)
    if not addition.path.exists():
        raise RequestError(f"{addition.path}: nothing is there; name a checkpoint file or a folder")
    is_mgie = (addition.path / "llava").is_dir()
    if is_mgie and not addition.accept_noncommercial:
        raise LicenceError(
            "MGIE's weights are for research only (Apple CC-BY-NC, LLaVA and LLaVA's LLaMA for "
            "research): no commercial work may be made with them. If that is what you do, add "
            "--accept-noncommercial; for commercial work take instruct-pix2pix or magicbrush"
        )
    role = None if is_mgie else role_in_place(addition.path)
    if role is not None:
        return _kept(library, addition, role, addition.path.absolute())
    with _made(place) as scratch:
        content = scratch / CONTENT_NAME
        content.mkdir()
        role = convert(
            addition.path.absolute(), content, helper=addition.helper, base=addition.base
        )
        if is_mgie:
            card = {
                "kind": MGIE_KIND,
                "accept_noncommercial": True,
                "licence": "CC-BY-NC, research",
            }
            (content / CARD_NAME).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return _kept(library, addition, role, place / CONTENT_NAME)


def convert_entry(library: Library, name: str, helper: Path | None = None) -> Entry:
    """Makes a model that lies elsewhere the library's own, as safetensors.

    Raises:
        RequestError: it is the library's own already. Otherwise as `add`.
    """
    entry = library.entry(name)
    place = library.folder / name
    if entry.content.is_relative_to(place):
        raise RequestError(f"{name} is converted already; it lies in {entry.content}")
    entry.check()
    with tempfile.TemporaryDirectory(dir=library.folder, prefix=".converting-") as scratch:
        made = Path(scratch) / CONTENT_NAME
        made.mkdir()
        convert(entry.content, made, helper=helper)
        made.rename(place / CONTENT_NAME)
    addition = Addition(name=name, path=entry.content, licence=entry.licence)
    return _kept(library, addition, entry.role, place / CONTENT_NAME)


def take_in(library: Library, known: Manifest, fetched: Path, revision: str) -> Entry:
    """Makes a fetched model the library's own; `fetched` is used up.

    Raises as `add`.
    """
    place = library.place(known.name)
    with _made(place) as scratch:
        content = scratch / CONTENT_NAME
        if role_in_place(fetched) is known.role:
            shutil.rmtree(fetched / ".cache", ignore_errors=True)
            fetched.rename(content)
        else:
            content.mkdir()
            role = convert(fetched, content)
            if role is not known.role:
                raise ModelError(
                    f"what was fetched as {known.name} is a {role.value}, expected a "
                    f"{known.role.value}; this is a fault of Via's manifest, please report it"
                )
            shutil.rmtree(fetched)
    entry = Entry(
        name=known.name,
        role=known.role,
        content=place / CONTENT_NAME,
        licence=known.licence,
        commercial_use=known.commercial_use,
        origin=", ".join(source.repository for source in known.sources),
        revision=revision,
        files=record_folder(place / CONTENT_NAME),
    )
    library.keep(entry)
    return entry


def role_in_place(path: Path) -> Role | None:
    """What a model does that can be used where it lies; None when it must be converted first."""
    if path.is_file():
        return None
    weights = [file for _, file in model_files(path) if file.suffix not in (".json", ".txt")]
    kinds = {kind_of(file) for file in weights if file.stat().st_size}
    if FileKind.TORCH in kinds or FileKind.SAFETENSORS not in kinds:
        return None
    if (path / "model_index.json").is_file():
        return Role.EDITOR
    return _role_of_model(path / "model.safetensors", path / "config.json")


def _role_of_model(weights: Path, config: Path) -> Role | None:
    if not weights.is_file():
        return None
    names = tensor_header(weights)
    if "image_encoder.pos_embed" in names:
        return Role.SEGMENTER
    if not config.is_file():
        return None
    try:
        values = json.loads(config.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{config} is not JSON: {error}") from error
    roles = {"sam2_video": Role.TRACKER, "sam2": Role.TRACKER, "clip": Role.CRITIC}
    if values.get("modelname") == "groundingdino":
        return Role.GROUNDER
    return roles.get(values.get("model_type", ""))


@contextmanager
def _made(place: Path) -> Iterator[Path]:
    """A fresh folder that becomes `place` at the end; never half a model is left there."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".adding-") as scratch:
        fresh = Path(scratch) / place.name
        fresh.mkdir()
        yield fresh
        fresh.rename(place)


def _kept(library: Library, addition: Addition, role: Role, content: Path) -> Entry:
    is_mgie = addition.accept_noncommercial and (content / "llava").is_dir()
    entry = Entry(
        name=addition.name,
        role=role,
        content=content,
        licence="CC-BY-NC, research only" if is_mgie else addition.licence,
        commercial_use=False if is_mgie else None,
        origin=str(addition.path.absolute()),
        files=record_folder(content),
    )
    library.keep(entry)
    return entry
