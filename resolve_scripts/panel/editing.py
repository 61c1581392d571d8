"""Edits begun, changed and ended from the page."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from resolve_scripts.panel.clips import Clip
from resolve_scripts.panel.draft import EditDraft
from resolve_scripts.panel.edit_book import EditBook, Material, PanelEdit, Way
from resolve_scripts.panel.last_edit import remember
from resolve_scripts.panel.looking import Looking
from resolve_scripts.panel.materials import Materials

SEEDS = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Editing:
    """Hands edits to the server and remembers them."""

    looking: Looking
    materials: Materials
    book: EditBook
    state_folder: Path
    clock: Callable[[], float] = time.time

    def begin(self, clip: Clip, draft: EditDraft, wish: Way | None) -> PanelEdit:
        """Queues an edit of a clip; Resolve renders the clip first where it must.

        Raises:
            ViaClientError: it cannot be done; the message says why.
        """
        self.looking.check(draft)
        material = self.materials.get(clip, ungraded=draft.ungraded)
        edit = self._queue(clip, draft, material, wish)
        remember(self.state_folder, draft)
        return edit

    def redo(self, edit: PanelEdit, wish: Way | None, seed: int | None = None) -> PanelEdit:
        """The same edit once more with another seed, a further version of the shot.

        Raises:
            ViaClientError: it cannot be done; the message says why.
        """
        other = seed if seed is not None else _other_seed(edit.draft.seed)
        # A picked root belongs to the seed it was made with.
        draft = replace(edit.draft, seed=other, root=None)
        return self._queue(edit.clip, draft, edit.material, wish)

    def cancel(self, edit: PanelEdit) -> None:
        """Stops an edit; what is finished of it is kept.

        Raises:
            ViaClientError: the server does not know it, or does not answer.
        """
        self.looking.server.client.cancel_job(edit.job)

    def retry(self, edit: PanelEdit) -> None:
        """Goes on with an edit that failed or was cancelled.

        Raises:
            ViaClientError: the server does not know it, or does not answer.
        """
        self.looking.server.client.retry_job(edit.job)
        self.book.change(edit, problem=None)

    def _queue(
        self, clip: Clip, draft: EditDraft, material: Material, wish: Way | None
    ) -> PanelEdit:
        job = self.looking.server.client.create_job(self.looking.spec(material, draft))
        edit = PanelEdit(
            job=job.name,
            clip=clip,
            draft=draft,
            material=material,
            version=self.book.next_version(clip),
            wish=wish if clip.spot is not None else None,
            created_s=self.clock(),
        )
        self.book.add(edit)
        return edit


def _other_seed(seed: int) -> int:
    other = random.randrange(1, SEEDS)
    return other if other != seed else other + 1
