"""The user's models: a folder each, with a record of what lies where and what it may do. No torch.

FOLDER/NAME/via_library.json    the record
FOLDER/NAME/...                 the model itself, unless it was added where it lies
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from via_engine.errors import ModelError, RequestError, UnknownModelError
from via_engine.models.library.integrity import FileRecord, check_file
from via_engine.models.library.manifest import Role

RECORD_NAME = "via_library.json"
_NAME_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A model of the library.

    Attributes:
        name: what it is called in commands.
        role: what it does in an edit.
        content: folder or file of the model, as loaders take it.
        licence: of the weights.
        commercial_use: whether that allows it; None when nobody said.
        origin: where it came from, for people.
        revision: commit it was fetched at; empty when it was not.
        files: what was recorded of its files, by their path inside `content`.
    """

    name: str
    role: Role
    content: Path
    licence: str = "unknown"
    commercial_use: bool | None = None
    origin: str = ""
    revision: str = ""
    files: dict[str, FileRecord] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Bytes of all its files."""
        return sum(record.size_bytes for record in self.files.values())

    def path_of(self, name: str) -> Path:
        """Where a recorded file lies."""
        return self.content if self.content.name == name else self.content / name

    def check(self, *, thorough: bool = False) -> None:
        """Refuses the model when a file is not the recorded one; `thorough` reads all of them.

        Raises:
            ModelIntegrityError: a file is missing, cut short or altered; with both hashes.
        """
        remedy = f"Remove the model and add it again (via models rm {self.name})."
        for name, recorded in self.files.items():
            check_file(self.path_of(name), recorded, remedy=remedy, thorough=thorough)


@dataclass(frozen=True)
class Library:
    """All models below one folder, which is made when the first one comes."""

    folder: Path

    def entries(self) -> tuple[Entry, ...]:
        """All models, by name.

        Raises:
            ModelError: a record cannot be read.
        """
        return tuple(self._read(path) for path in sorted(self.folder.glob(f"*/{RECORD_NAME}")))

    def of_role(self, role: Role) -> tuple[Entry, ...]:
        """The models that do this, by name."""
        return tuple(entry for entry in self.entries() if entry.role is role)

    def entry(self, name: str) -> Entry:
        """The model of that name.

        Raises:
            UnknownModelError: there is none; the message lists those there are.
        """
        for entry in self.entries():
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in self.entries()) or "none yet"
        raise UnknownModelError(f"{self.folder} holds no model {name!r}; there are: {known}")

    def place(self, name: str) -> Path:
        """The folder of a new model, not made yet.

        Raises:
            RequestError: the name cannot be used, or is taken.
        """
        if not _NAME_FORM.fullmatch(name):
            raise RequestError(
                f"a model cannot be called {name!r}; use letters, digits, points and dashes"
            )
        place = self.folder / name
        if place.exists():
            raise RequestError(
                f"a model {name!r} is there already; remove it first (via models rm {name}), or "
                "choose another name"
            )
        return place

    def keep(self, entry: Entry) -> None:
        """Writes the record; the model's own files are in place already."""
        place = self.folder / entry.name
        place.mkdir(parents=True, exist_ok=True)
        is_inside = entry.content.is_relative_to(place)
        content = entry.content.relative_to(place).as_posix() if is_inside else str(entry.content)
        values = {**asdict(entry), "role": entry.role.value, "content": content}
        scratch = place / f"{RECORD_NAME}.partial"
        scratch.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        scratch.replace(place / RECORD_NAME)

    def remove(self, name: str) -> int:
        """Takes a model out, and gives the bytes that are free now; files added where they lie
        stay there.
        """
        entry = self.entry(name)
        place = self.folder / name
        freed = entry.size_bytes if entry.content.is_relative_to(place) else 0
        shutil.rmtree(place)
        return freed

    def check(self, content: Path) -> None:
        """Refuses a model of this library whose files are not the recorded ones.

        What is not of this library passes. Raises as `Entry.check`.
        """
        for entry in self.entries():
            if entry.content == content:
                entry.check()

    def _read(self, path: Path) -> Entry:
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            files = {name: FileRecord(**one) for name, one in values["files"].items()}
            content = (path.parent / values["content"]).absolute()
            role = Role(values["role"])
            return Entry(**{**values, "files": files, "content": content, "role": role})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(
                f"{path} cannot be read ({error}); remove its folder and add the model again"
            ) from error
