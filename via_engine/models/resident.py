"""Editors that stay in memory between edits."""

from __future__ import annotations

import gc

import torch

from via_engine.models.catalog import ModelCatalog
from via_engine.models.editors import InstructPix2PixEditor, load_editor
from via_engine.models.library.library import Library


class ResidentEditors:
    """Loads each editor of the catalog when it is first asked for and keeps it until freed."""

    def __init__(
        self,
        catalog: ModelCatalog,
        device: torch.device,
        dtype: torch.dtype,
        library: Library | None = None,
    ) -> None:
        self.catalog = catalog
        self.library = library
        self.device = device
        self.dtype = dtype
        self._editors: dict[str, InstructPix2PixEditor] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the loaded editors, in the order they were loaded."""
        return tuple(self._editors)

    def get(self, name: str) -> InstructPix2PixEditor:
        """The editor of that name, loaded now if it is not yet.

        Raises:
            UnknownModelError: the catalog has no such model.
            ModelError: it cannot be loaded.
            ModelIntegrityError: a file is not the one the library recorded.
        """
        card = self.catalog.card(name)
        if name not in self._editors:
            if self.library is not None:
                self.library.check(card.folder)
            self._editors[name] = load_editor(card, device=self.device, dtype=self.dtype)
        return self._editors[name]

    def free(self, name: str) -> None:
        """Gives the editor's memory back; nothing happens when it is not loaded.

        Raises:
            UnknownModelError: the catalog has no such model.
        """
        self.catalog.card(name)
        self._editors.pop(name, None)
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
