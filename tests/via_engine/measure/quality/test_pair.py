"""A source and an edit of it that are known: what moves, what flickers, what stays."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from via_engine.errors import MediaNotFoundError, RequestError
from via_engine.measure.metrics.fidelity import Clip
from via_engine.measure.quality.clips import BenchClip
from via_engine.measure.quality.pair import pair_rows
from via_engine.measure.scratch import write_clip
from via_engine.models.critic import Critic


def written(path: Path, frames: Clip) -> Path:
    return write_clip(path, frames, frame_count=len(frames), frame_rate=Fraction(24))


def test_a_flicker_and_a_changed_corner_show(
    clips: list[BenchClip], critic: Critic, tmp_path: Path
) -> None:
    frames = np.clip(clips[0].frames, 60, 190)
    edited = frames.copy()
    edited[:, :30, -40:] += 20
    edited[1::2, 60:] += 40
    source = written(tmp_path / "source.mov", frames)
    edit = written(tmp_path / "edit.mov", edited)
    rows = {row.name: row for row in pair_rows(source, edit, critic, frame_count=3)}
    assert rows["frames compared"].value == 3
    assert rows["change of the top right corner"].value == pytest.approx(20, abs=1.5)
    assert rows["change of the top left corner"].value == pytest.approx(0, abs=1.5)
    # Frame 1 of the three flickers in its lower part.
    assert rows["change of the bottom left corner"].value == pytest.approx(40 / 3, abs=1.5)
    assert rows["warp error of the edit"].value > 3 * rows["warp error of the source"].value
    assert rows["CLIP consistency, all pairs"].value <= 1


def test_an_edit_of_another_size_is_scaled_to_the_source(
    clips: list[BenchClip], critic: Critic, tmp_path: Path
) -> None:
    frames = clips[0].frames[:2]
    source = written(tmp_path / "source.mov", frames)
    edit = written(tmp_path / "edit.mov", frames.repeat(2, axis=1).repeat(2, axis=2))
    rows = {row.name: row.value for row in pair_rows(source, edit, critic, frame_count=9)}
    assert rows["change of the top left corner"] < 1.5
    assert rows["frames compared"] == 2


def test_a_still_and_a_missing_file_are_refused(
    clips: list[BenchClip], critic: Critic, tmp_path: Path
) -> None:
    still = written(tmp_path / "still.mov", clips[0].frames[:1])
    with pytest.raises(RequestError, match="motion needs two"):
        pair_rows(still, still, critic, frame_count=9)
    with pytest.raises(MediaNotFoundError):
        pair_rows(still, tmp_path / "none.mov", critic, frame_count=9)
