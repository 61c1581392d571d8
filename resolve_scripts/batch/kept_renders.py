"""What earlier batches rendered into a folder, so that a rerun makes only what changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from resolve_scripts.batch_destinations import written

FILE_NAME = "via_renders.json"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class KeptRender:
    """A finished render.

    Attributes:
        file_name: in the folder.
        size_bytes, modified_ns: of the file as it was written.
        sha256: of its bytes, hex.
        record: `job_record` of its job.
    """

    file_name: str
    size_bytes: int
    modified_ns: int
    sha256: str
    record: dict[str, Any]


class KeptRenders:
    """The finished renders of a folder, by their keys, and the file in it that lists them.

    A list that cannot be read counts as empty: what it named is rendered again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE_NAME
        self._kept = _read(self._path)

    def find(self, key: str) -> tuple[Path, dict[str, Any]] | None:
        """The file and the record of a render, if it still lies there as it was written."""
        kept = self._kept.get(key)
        if kept is None or not self._is_untouched(kept):
            return None
        return self._folder / kept.file_name, kept.record

    def keep(self, key: str, path: Path, record: dict[str, Any]) -> None:
        """Remembers a render that is complete in the folder.

        Raises:
            OutputError: the list cannot be written.
        """
        status = path.stat()
        # Another batch may have added its own.
        self._kept = {**_read(self._path), **self._kept}
        self._kept[key] = KeptRender(
            file_name=path.name,
            size_bytes=status.st_size,
            modified_ns=status.st_mtime_ns,
            sha256=record["sha256"],
            record=record,
        )
        values = {key: asdict(kept) for key, kept in self._kept.items()}
        with written(self._path) as partial:
            text = json.dumps({"version": VERSION, "renders": values}, indent=1)
            partial.write_text(text, encoding="utf-8")

    def _is_untouched(self, kept: KeptRender) -> bool:
        path = self._folder / kept.file_name
        try:
            status = path.stat()
            if status.st_size != kept.size_bytes:
                return False
            if status.st_mtime_ns == kept.modified_ns:
                return True
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == kept.sha256
        except OSError:
            return False


def _read(path: Path) -> dict[str, KeptRender]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["version"] != VERSION:
            return {}
        return {key: KeptRender(**kept) for key, kept in values["renders"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
