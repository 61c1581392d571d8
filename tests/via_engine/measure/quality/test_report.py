"""The ablation's tables as an 80-column terminal shows them."""

from __future__ import annotations

import pytest

from via_engine.measure.quality.ablation import Ablation, ClipFigures
from via_engine.measure.quality.figures import Figure
from via_engine.measure.quality.report import AblationReport
from via_engine.measure.quality.variants import VARIANTS


def test_no_figure_is_cut_off_in_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    clips = tuple(
        ClipFigures(
            name=f"{value}",
            text="make it night",
            is_vague=True,
            by_variant={one.name: dict.fromkeys(Figure, value) for one in VARIANTS},
        )
        for value in (0.01234, 0.05674)
    )
    AblationReport(ablation=Ablation(variants=VARIANTS, clips=clips), rows=[]).print_tables()
    told = capsys.readouterr().out
    assert told.count("0.0234–0.0456") == len(VARIANTS) * len(Figure)
    assert "…" not in told
