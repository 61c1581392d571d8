"""Drift rows from windows made up to stand still or to drift, and a short clip in three windows."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pytest

from tests.via_engine.measure.quality.fake_editor import KnowingEditor
from tests.via_engine.measure.quality.test_ablation import bench_of
from via_engine.errors import RequestError
from via_engine.measure.quality.clips import next_question
from via_engine.measure.quality.drift import Window, drift_rows, window_rows
from via_engine.measure.quality.figures import Figure
from via_engine.media_types import FrameRange
from via_engine.models.critic import Critic


def window(inside: float, names: str = "red red", a_star: float = 0.0) -> Window:
    return Window(
        figures={Figure.INSIDE: inside},
        colour_names=names.split(),
        colour_offset=np.array([0, a_star, 0]),
    )


def test_a_steady_clip_holds_every_bar() -> None:
    rows = window_rows([window(20), window(20.5), window(19.5), window(20.6)])
    inside, last, majority, colour = rows
    assert inside.value == pytest.approx(2.5)
    assert last.value == pytest.approx(3)
    assert majority.value == 100
    assert colour.value == 0
    assert inside.holds
    assert majority.holds


def test_worse_later_windows_and_another_colour_show() -> None:
    rows = window_rows([window(20), window(18), window(18, "red blue", a_star=3), window(18)])
    inside, _, majority, colour = rows
    assert inside.value == pytest.approx(10)
    assert majority.value == 100 * 7 / 8
    assert colour.value == 3
    assert not inside.holds
    assert not majority.holds


def test_a_slow_drift_shows_in_the_last_windows() -> None:
    inside, last, *_ = window_rows([window(20 - 0.1 * step) for step in range(13)])
    assert inside.holds
    assert not last.holds


def test_better_later_windows_are_apart_as_well() -> None:
    inside, *_ = window_rows([window(20), window(22)])
    assert not inside.holds


def test_a_clip_of_one_window_is_refused_before_it_is_edited(
    critic: Critic, tmp_path: Path
) -> None:
    bench = bench_of(KnowingEditor(clips=[]), critic, lambda: None)
    with pytest.raises(RequestError, match="48 frames hold one"):
        drift_rows(bench, tmp_path, frame_count=48)


def test_a_clip_of_three_windows(
    critic: Critic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("via_engine.measure.quality.drift.WINDOW_FRAMES", 2)
    # The seed of `bench_of` draws this scene.
    question = next_question("vague_recolour", count(7 * 100_000), 6)
    clip, _ = question.drawn(FrameRange(0, 6))
    bench = bench_of(KnowingEditor(clips=[clip]), critic, lambda: None)
    rows = {row.name: row for row in drift_rows(bench, tmp_path, frame_count=6)}
    assert all(row.cases in (1, 2, 6) for row in rows.values())
    assert rows["frames of the majority colour, whole clip"].value == 100
    assert rows["object's colour, furthest window from the first"].value < 1
    assert rows["PSNR inside: later windows against the first two seconds"].value < 5
