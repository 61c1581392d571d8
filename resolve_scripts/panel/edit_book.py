"""The edits the panel began, remembered on disk: which clip they belong to and what became of them.

The server keeps the jobs; this keeps what only the workstation knows, so that a result that was
finished while Resolve was closed still finds its clip.
"""

from __future__ import annotations

import os
import threading
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from resolve_scripts.panel.clips import Clip, Frames
from resolve_scripts.panel.draft import EditDraft

Way = Literal["track", "new_track", "take"]


@dataclass(frozen=True, kw_only=True)
class Material:
    """The media file an edit reads, and which of its frames; None means all."""

    path: Path
    frame_range: Frames | None


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Where a result lies on the timeline."""

    track_name: str
    start_frame: int
    end_frame_exclusive: int
    take_index: int | None = None
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What went wrong, in words for the page."""

    reason: str
    message: str
    next_step: str = ""


@dataclass(frozen=True, kw_only=True)
class PanelEdit:
    """One edit of one clip.

    Attributes:
        job: the server's name of it.
        version: number among the edits of the same shot, from 1.
        wish: how the result is placed by itself when it is finished; None waits to be told.
        result: the finished file on this machine, once fetched.
        placed: where it lies, once placed.
        problem: why fetching or placing failed last.
    """

    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    job: str
    clip: Clip
    draft: EditDraft
    material: Material
    version: int
    wish: Way | None = None
    result: Path | None = None
    placed: Placed | None = None
    problem: Problem | None = None
    created_s: float


_EDITS = TypeAdapter(PanelEdit)


class EditBook:
    """All remembered edits, oldest first, one small file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        found = (_read(path) for path in sorted(folder.glob("*.json")))
        edits = sorted((edit for edit in found if edit), key=lambda edit: edit.created_s)
        self._edits = {edit.id: edit for edit in edits}

    def all(self) -> tuple[PanelEdit, ...]:
        """Every edit, oldest first."""
        with self._lock:
            return tuple(self._edits.values())

    def get(self, edit_id: str) -> PanelEdit | None:
        """The edit of that id."""
        return self._edits.get(edit_id)

    def of_shot(self, clip: Clip) -> tuple[PanelEdit, ...]:
        """The edits of the clip's shot, oldest first."""
        return tuple(edit for edit in self.all() if edit.clip.shot == clip.shot)

    def next_version(self, clip: Clip) -> int:
        """Number of the shot's next edit; those on the timeline count too."""
        known = max((edit.version for edit in self.of_shot(clip)), default=0)
        return 1 + max(known, clip.version_count)

    def add(self, edit: PanelEdit) -> None:
        """Remembers an edit, or what has become of it."""
        with self._lock:
            write_json(self._folder / f"{edit.id}.json", _EDITS.dump_json(edit, indent=2))
            self._edits[edit.id] = edit

    def change(self, edit: PanelEdit, **changes: Any) -> PanelEdit:
        """Remembers the edit with these fields changed; gives it as it is now."""
        with self._lock:
            changed = replace(self._edits.get(edit.id, edit), **changes)
            self.add(changed)
            return changed

    def forget(self, edit: PanelEdit) -> None:
        """Takes an edit off the list; its job and its result stay."""
        with self._lock:
            (self._folder / f"{edit.id}.json").unlink(missing_ok=True)
            self._edits.pop(edit.id, None)


def write_json(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, for this user's eyes only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    partial.replace(path)


def _read(path: Path) -> PanelEdit | None:
    """What a file tells; None when it was damaged, or written by another version of Via."""
    try:
        return _EDITS.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
