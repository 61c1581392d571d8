"""The panel's parts, joined: the server on one side, Resolve on the other, pages in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resolve_scripts.connect import Say, ServerChoice
from resolve_scripts.panel.bridge_link import Bridge
from resolve_scripts.panel.clip_list import ClipList
from resolve_scripts.panel.edit_book import EditBook
from resolve_scripts.panel.editing import Editing
from resolve_scripts.panel.keeper import Keeper
from resolve_scripts.panel.looking import Looking
from resolve_scripts.panel.materials import Materials
from resolve_scripts.panel.placing import Placing
from resolve_scripts.panel.server_link import ServerLink
from resolve_scripts.panel.telling import snapshot

MAX_RECENT = 8


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One person's panel."""

    state_folder: Path
    server: ServerLink
    bridge: Bridge | None
    clips: ClipList
    materials: Materials
    book: EditBook
    looking: Looking
    editing: Editing
    placing: Placing
    keeper: Keeper

    @property
    def mattes_folder(self) -> Path:
        """Where mattes go that were dropped onto the page."""
        return self.state_folder / "panel" / "mattes"

    def snapshot(self) -> dict[str, Any]:
        """Everything on the page that changes by itself, as plain JSON values."""
        return snapshot(
            server=self.server,
            bridge=self.bridge,
            clips=self.clips,
            materials=self.materials,
            book=self.book,
            keeper=self.keeper,
        )

    def offer_files(self, files: Sequence[Path]) -> None:
        """Offers these media files, and below them those that were edited lately.

        Raises:
            MissingMediaError: one of `files` is not there.
        """
        edited = [edit.clip.media for edit in self.book.all() if edit.clip.spot is None]
        recent = list(dict.fromkeys(path for path in reversed(edited) if path and path.is_file()))
        # The one opened last stands first.
        for path in [*reversed(recent[:MAX_RECENT]), *reversed(files)]:
            self.clips.open_file(path)

    def start_server(self) -> None:
        """Starts a server here that reads the media of the clips on offer.

        Raises:
            ViaClientError: it did not start.
        """
        media = [clip.media for clip in self.clips.shown if clip.media is not None]
        known = [edit.material.path for edit in self.book.all()]
        folders = {path.resolve().parent for path in (*media, *known)}
        self.server.start([folder for folder in folders if folder.is_dir()])


def make_panel(choice: ServerChoice, bridge: Bridge | None, say: Say) -> Panel:
    """A panel with its parts; nothing runs yet."""
    folder = choice.state_folder / "panel"
    server = ServerLink(choice, say)
    materials = Materials(bridge, folder / "rendered")
    book = EditBook(folder / "edits")
    looking = Looking(server=server, materials=materials)
    placing = Placing(server=server, book=book, bridge=bridge)
    editing = Editing(
        looking=looking, materials=materials, book=book, state_folder=choice.state_folder
    )
    return Panel(
        state_folder=choice.state_folder,
        server=server,
        bridge=bridge,
        clips=ClipList(bridge),
        materials=materials,
        book=book,
        looking=looking,
        editing=editing,
        placing=placing,
        keeper=Keeper(server=server, book=book, placing=placing, bridge=bridge),
    )
