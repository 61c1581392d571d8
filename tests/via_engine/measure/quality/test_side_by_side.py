"""Clips measured in several processes at once."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from via_engine.errors import RequestError
from via_engine.measure.quality.bench import QualityOptions, quality
from via_engine.measure.quality.figures import Figure
from via_engine.measure.quality.report import AblationReport
from via_engine.measure.quality.side_by_side import run_side_by_side

LONGEST_WAIT_S = 600


def leave(path: Path) -> None:
    path.touch()


def fail() -> None:
    raise RequestError("this part cannot be measured")


def linger() -> None:
    threading.Event().wait(LONGEST_WAIT_S)


def test_all_parts_run_and_are_watched(tmp_path: Path) -> None:
    looks: list[int] = []
    paths = [tmp_path / "one", tmp_path / "two"]
    run_side_by_side([partial(leave, path) for path in paths], lambda: looks.append(1))
    assert all(path.exists() for path in paths)
    assert looks


@pytest.mark.timeout(120)
def test_a_part_that_fails_stops_the_others() -> None:
    with pytest.raises(RequestError, match="cannot be measured"):
        run_side_by_side([linger, fail], lambda: None)


def test_clips_measured_side_by_side_make_one_table(tmp_path: Path) -> None:
    options = QualityOptions(scenes=2, frames=2, variants=("per-frame",), processes=2)
    together = quality(0, replace(options, keep=tmp_path))
    alone = quality(0, replace(options, processes=1))
    assert isinstance(together, AblationReport)
    assert isinstance(alone, AblationReport)
    assert len(list(tmp_path.glob("clip_*.json"))) == 2
    found, expected = (
        {clip.name: clip.by_variant["per-frame"][Figure.OUTSIDE] for clip in report.ablation.clips}
        for report in (together, alone)
    )
    assert found == pytest.approx(expected, rel=0.02)
