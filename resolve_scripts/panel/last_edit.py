"""The last edit, remembered for `VIA - repeat last edit on selection` and for the next page."""

from __future__ import annotations

import json
from pathlib import Path

from resolve_scripts.errors import UsageError
from resolve_scripts.panel.draft import EditDraft, draft_values, read_draft
from resolve_scripts.panel.edit_book import write_json

FILE_NAME = "last_edit.json"


def remember(state_folder: Path, draft: EditDraft) -> None:
    """Keeps what of the edit holds for other clips too."""
    content = {"version": 1, "edit": draft_values(draft.without_places())}
    write_json(state_folder / FILE_NAME, json.dumps(content, indent=2).encode())


def last_edit(state_folder: Path) -> EditDraft | None:
    """The remembered edit; None when there is none that can be read."""
    try:
        content = json.loads((state_folder / FILE_NAME).read_bytes())
        return read_draft(content["edit"])
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        return None
