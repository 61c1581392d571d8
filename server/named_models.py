"""Models by the names they have in the user's library, or by paths. Opens no weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from server.errors import StartError
from via_engine.models.library.library import Entry, Library
from via_engine.models.library.manifest import Role
from via_engine.weights.file_kind import FileKind, kind_of


@dataclass(frozen=True, kw_only=True)
class NamedModels:
    """What the user's library holds when the server starts."""

    folder: Path
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, folder: Path) -> NamedModels:
        """Reads the records of a library.

        Raises:
            ModelError: one cannot be read.
        """
        return cls(folder=folder, entries=Library(folder).entries())

    def editors(self, named: Sequence[tuple[str, Path]]) -> tuple[tuple[str, Path], ...]:
        """Editors by name: those given, and the library's under names that are still free."""
        taken = {name for name, _ in named}
        own = [(one.name, one.content) for one in self._of(Role.EDITOR) if one.name not in taken]
        return (*named, *own)

    def chosen(self, given: str | None, role: Role) -> Path | None:
        """The model that was given by name or path; else the library's first one of that role.

        Raises:
            StartError: nothing of that name, nothing at the path, or a pickled file is there.
        """
        found = self._of(role)
        if not given:
            return found[0].content if found else None
        for entry in found:
            if entry.name == given:
                return entry.content
        path = Path(given)
        if not path.exists():
            raise StartError(
                f"--{role.value} {given}: nothing is there, and no {role.value} in {self.folder} "
                "has that name (via models ls shows them); name one, or leave it out"
            )
        if path.is_file() and kind_of(path) is FileKind.TORCH:
            raise StartError(
                f"--{role.value} {given}: this is a pickled torch file, which a server does not "
                f"open; take it in once with: via models add NAME {given}"
            )
        return path.absolute()

    def _of(self, role: Role) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.role is role)
