"""The known models: where they are published, what they weigh and what they may be used for.

One JSON file each in `via_engine/models/manifests/`. No torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from via_engine.errors import UnknownModelError

_FOLDER = Path(__file__).resolve().parent.parent / "manifests"


class Role(Enum):
    """What a model does in an edit."""

    EDITOR = "editor"
    SEGMENTER = "segmenter"
    GROUNDER = "grounder"
    TRACKER = "tracker"
    CRITIC = "critic"


@dataclass(frozen=True, kw_only=True)
class WantedFile:
    """Files of a repository: one path, or a pattern with `*`.

    `size_bytes` and `sha256` are those of the published file, None where they are not known.
    """

    pattern: str
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where files come from.

    Attributes:
        repository: name on the model hub.
        revision: commit, or None: then the newest is asked for once and noted with the model.
        files: those that are needed.
        folder: where they go inside the model's folder; "" is the folder itself.
    """

    repository: str
    revision: str | None
    files: tuple[WantedFile, ...]
    folder: str = ""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A known model.

    Attributes:
        name: what it is called in commands.
        title: what its makers call it.
        role: what it does.
        licence: of the weights.
        commercial_use: whether the licence allows it.
        use: what it may be used for, in one sentence.
        sources: where it is fetched; empty when it must be brought by hand.
        by_hand: how to bring it, where it cannot be fetched.
    """

    name: str
    title: str
    role: Role
    licence: str
    commercial_use: bool
    use: str
    sources: tuple[Source, ...] = ()
    by_hand: str = ""

    @property
    def size_bytes(self) -> int | None:
        """Bytes of the files whose size is known beforehand; None when none is."""
        sizes = [file.size_bytes for source in self.sources for file in source.files]
        known = [size for size in sizes if size is not None]
        return sum(known) if known else None


@cache
def known_manifests() -> tuple[Manifest, ...]:
    """All known models, by name."""
    return tuple(read_manifest(path) for path in sorted(_FOLDER.glob("*.json")))


def manifest(name: str) -> Manifest:
    """The known model of that name.

    Raises:
        UnknownModelError: there is none; the message lists those there are.
    """
    for one in known_manifests():
        if one.name == name:
            return one
    known = ", ".join(one.name for one in known_manifests())
    raise UnknownModelError(
        f"no known model is called {name!r}; there are: {known}. Other checkpoints: via models add"
    )


def read_manifest(path: Path) -> Manifest:
    """The manifest of a file. Raises ValueError, KeyError or TypeError when it is none."""
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    sources = tuple(_source(one) for one in values.pop("sources", ()))
    return Manifest(**{**values, "role": Role(values["role"])}, sources=sources)


def _source(values: dict[str, Any]) -> Source:
    files = tuple(WantedFile(**one) for one in values["files"])
    return Source(**{**values, "files": files})
