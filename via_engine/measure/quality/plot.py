"""The ablation as a picture: a panel for every figure, a line for every variant."""

from __future__ import annotations

import math
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from via_engine.measure.quality.ablation import TRUTH, Ablation
from via_engine.measure.quality.figures import Figure
from via_engine.measure.quality.variants import FULL

_COLUMNS = 4
_INK, _FAINT, _FULL, _TRUTH = "#4a5568", "#d9dde3", "#c2410c", "#15803d"


def write_plot(ablation: Ablation, path: Path) -> None:
    """Writes a PNG: medians as dots, quartiles as bars, the truth as a dashed line."""
    shown = [
        figure
        for figure in Figure
        if any(ablation.spread(variant.name, figure) for variant in ablation.variants)
    ]
    rows = math.ceil(len(shown) / _COLUMNS)
    height = 0.8 + rows * (0.9 + 0.26 * len(ablation.variants))
    canvas = Canvas(figsize=(3.1 * _COLUMNS + 1.2, height), layout="constrained")
    panels = canvas.subplots(rows, _COLUMNS, sharey=True, squeeze=False).ravel()
    for panel, figure in zip(panels, shown, strict=False):
        _draw(panel, ablation, figure)
    for panel in panels[len(shown) :]:
        panel.set_axis_off()
    canvas.suptitle(f"Medians and quartiles, clips: {len(ablation.clips)}; dashed: the true edit")
    canvas.savefig(path, dpi=110)


def _draw(panel: Axes, ablation: Ablation, figure: Figure) -> None:
    for line, variant in enumerate(ablation.variants):
        spread = ablation.spread(variant.name, figure)
        if spread is None:
            continue
        colour = _FULL if variant == FULL else _INK
        quartiles = (spread.first_quartile, spread.third_quartile)
        panel.plot(quartiles, (line, line), color=colour, alpha=0.35, linewidth=5)
        panel.plot(spread.median, line, "o", color=colour, markersize=6)
    truth = ablation.spread(TRUTH, figure)
    if truth is not None:
        panel.axvline(truth.median, color=_TRUTH, linestyle="--", linewidth=1)
    arrow = "→" if figure.higher_is_better else "←"
    panel.set_title(f"{figure.title} ({figure.unit}), better {arrow}", fontsize=9)
    titles = [variant.title for variant in ablation.variants]
    panel.set_yticks(range(len(titles)), labels=titles, fontsize=8)
    panel.set_ylim(len(titles) - 0.5, -0.5)
    panel.tick_params(axis="x", labelsize=8)
    panel.grid(axis="x", color=_FAINT, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right", "left"]].set_visible(False)
