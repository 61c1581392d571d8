"""Figures of each clip in a folder, so that hours of measuring can stop, go on, and be shared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from via_engine.measure.quality.ablation import ClipFigures
from via_engine.measure.quality.figures import Figure
from via_engine.picture.durable_file import durable_file


@dataclass(frozen=True, kw_only=True)
class KeptFigures:
    """One file for each clip measured.

    Attributes:
        folder: holds them; it exists.
        asked: all that decides a clip's figures, beside its number. What was measured under
            anything else is not found.
        noted: what else is written down with the figures, and has no say in finding them.
    """

    folder: Path
    asked: Mapping[str, str]
    noted: Mapping[str, str] = field(default_factory=dict)

    def find(self, number: int) -> ClipFigures | None:
        """The figures of a clip measured earlier; None when it was not."""
        path = self._path(number)
        if not path.exists():
            return None
        kept = json.loads(path.read_text(encoding="utf-8"))
        return ClipFigures(
            name=kept["name"],
            text=kept["text"],
            is_vague=kept["is_vague"],
            by_variant={
                variant: {Figure[name]: value for name, value in figures.items()}
                for variant, figures in kept["by_variant"].items()
            },
        )

    def keep(self, number: int, figures: ClipFigures) -> None:
        """Writes the figures of a clip.

        Raises:
            OutputError: the folder cannot be written.
        """
        kept = {
            "asked": dict(self.asked),
            "noted": dict(self.noted),
            "name": figures.name,
            "text": figures.text,
            "is_vague": figures.is_vague,
            "by_variant": {
                variant: {figure.name: value for figure, value in found.items()}
                for variant, found in figures.by_variant.items()
            },
        }
        with durable_file(self._path(number)) as path:
            path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")

    def _path(self, number: int) -> Path:
        key = hashlib.sha256(json.dumps(sorted(self.asked.items())).encode()).hexdigest()[:12]
        return self.folder / f"clip_{number:03d}_{key}.json"
