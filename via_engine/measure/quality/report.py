"""The ablation for people and for machines: a table, and JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice

import torch
from rich.console import Console
from rich.table import Table

from via_engine.measure.quality.ablation import Ablation
from via_engine.measure.quality.figures import Figure, Spread
from via_engine.measure.rows import Row, as_json

# So that a table fits into 80 characters.
_COLUMNS_PER_TABLE = 3


@dataclass(frozen=True, kw_only=True)
class AblationReport:
    """All that `via bench quality` has to say of an ablation; `rows` are the verdicts."""

    ablation: Ablation
    rows: list[Row]

    def as_json(self) -> str:
        """JSON: the machine, each variant's medians with quartiles, every clip, the verdicts."""
        variants = {
            name: {
                figure.name.lower(): asdict(spread) | {"unit": figure.unit}
                for figure in Figure
                if (spread := self.ablation.spread(name, figure)) is not None
            }
            for name, _ in self.ablation.row_titles
        }
        clips = [
            {
                "name": clip.name,
                "instruction": clip.text,
                "figures": {
                    name: {figure.name.lower(): value for figure, value in figures.items()}
                    for name, figures in clip.by_variant.items()
                },
            }
            for clip in self.ablation.clips
        ]
        return json.dumps(
            {
                "machine": _machine(),
                "variants": variants,
                "clips": clips,
                "verdicts": json.loads(as_json(self.rows)),
            },
            indent=2,
            allow_nan=False,
        )

    def print_tables(self) -> None:
        """The figures on stdout, medians with quartiles below them."""
        shown = [
            figure
            for figure in Figure
            if any(self.ablation.spread(name, figure) for name, _ in self.ablation.row_titles)
        ]
        remaining = iter(shown)
        while columns := list(islice(remaining, _COLUMNS_PER_TABLE)):
            Console().print(_table(self.ablation, columns))


def _table(ablation: Ablation, figures: Sequence[Figure]) -> Table:
    title = f"clips: {len(ablation.clips)}; medians, quartiles below"
    table = Table(title=title, title_justify="left")
    table.add_column("variant", no_wrap=True)
    for figure in figures:
        arrow = "↑" if figure.higher_is_better else "↓"
        table.add_column(f"{figure.title}\n{figure.unit} {arrow}", justify="right")
    for name, row_title in ablation.row_titles:
        cells = [_cell(ablation.spread(name, figure)) for figure in figures]
        table.add_row(row_title, *cells)
    return table


def _cell(spread: Spread | None) -> str:
    if spread is None:
        return ""
    quartiles = f"{spread.first_quartile:.3g}–{spread.third_quartile:.3g}"
    return f"{spread.median:.3g}\n[dim]{quartiles}[/dim]"


def _machine() -> dict[str, str | int | None]:
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "torch_threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
