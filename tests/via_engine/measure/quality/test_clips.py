"""Held-out clips with truth: what may change, what may not, and where the object shows."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pytest

from tests.via_engine.measure.quality.fake_editor import truth_of
from via_engine.errors import RequestError
from via_engine.measure.quality.clips import (
    HEIGHT,
    MIX,
    WIDTH,
    BenchClip,
    footage_identity,
    footage_paths,
    held_out_clips,
    next_question,
)
from via_engine.media_types import FrameRange
from via_engine.starter.evaluation.scores import nearest_colour
from via_engine.starter.world.render import owner_map, render_frame
from via_engine.starter.world.scene import object_named
from via_engine.starter.world.vocabulary import PALETTE, parse_instruction


def test_clips_come_in_the_order_of_the_mix(clips: list[BenchClip]) -> None:
    assert [truth_of(clip).edit for clip in clips] == list(MIX[:3])
    for clip in clips:
        read = parse_instruction(clip.text)
        assert read is not None
        assert read.edit == truth_of(clip).edit


def test_the_same_seed_gives_the_same_clips_and_another_gives_others(
    clips: list[BenchClip],
) -> None:
    again, other = (
        draw() for seed in (0, 1) for draw in held_out_clips(1, frame_count=4, seed=seed)
    )
    assert again.text == clips[0].text
    assert np.array_equal(again.frames, clips[0].frames)
    assert not np.array_equal(other.frames, clips[0].frames)


def test_no_right_answer_changes_anything_outside(clips: list[BenchClip]) -> None:
    for clip in clips:
        truth = truth_of(clip)
        assert truth.subject[truth.subject].size > 0
        assert truth.inside[truth.subject].all()
        for answer in truth.answers:
            assert np.array_equal(answer[~truth.inside], clip.frames[~truth.inside])


def test_every_answer_to_a_vague_recolour_is_another_colour(clips: list[BenchClip]) -> None:
    vague, plain, _ = map(truth_of, clips)
    assert vague.is_vague
    assert not plain.is_vague
    found = {nearest_colour(answer[0], vague.subject[0]) for answer in vague.answers}
    assert len(found) == len(vague.answers) >= 7
    assert found <= set(PALETTE)


@pytest.mark.parametrize("edit", ["background", "time"])
def test_edits_that_name_no_object_have_no_subject(edit: str) -> None:
    question = next_question(edit, count(), 2)  # type: ignore[arg-type]
    clip, truth = question.drawn(FrameRange(0, 2))
    assert not truth.subject.any()
    assert not truth.is_vague
    if edit == "time":
        assert truth.inside.all()
    else:
        owners = owner_map(question.scene, 1, width=WIDTH, height=HEIGHT)
        assert truth.inside[1][owners == -1].all()
        assert np.array_equal(
            truth.answers[0][1][~truth.inside[1]], clip.frames[1][~truth.inside[1]]
        )


def test_a_later_stretch_is_the_scene_at_that_time() -> None:
    question = next_question("recolour", count(), 60)
    clip, truth = question.drawn(FrameRange(50, 52))
    expected = render_frame(question.scene, 51, width=WIDTH, height=HEIGHT)
    assert np.array_equal(clip.frames[1], expected)
    index = object_named(question.scene, question.instruction)
    owners = owner_map(question.scene, 51, width=WIDTH, height=HEIGHT)
    assert np.array_equal(truth.subject[1], owners == index)
    assert np.array_equal(next(question.frames(FrameRange(51, 52))), expected)


def test_a_folder_without_footage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(RequestError, match=r"holds no \.mov"):
        footage_paths(tmp_path)
    (tmp_path / "b.MOV").touch()
    (tmp_path / "a.mp4").touch()
    assert [path.name for path in footage_paths(tmp_path)] == ["a.mp4", "b.MOV"]


def test_figures_of_footage_are_kept_for_its_contents(tmp_path: Path) -> None:
    (tmp_path / "b.mov").write_bytes(b"one")
    first = footage_identity(tmp_path)
    (tmp_path / "b.mov").write_bytes(b"two")
    exported_again = footage_identity(tmp_path)
    (tmp_path / "a.mov").write_bytes(b"one")
    assert len({first, exported_again, footage_identity(tmp_path)}) == 3
