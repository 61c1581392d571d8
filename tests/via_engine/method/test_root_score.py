from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from via_engine.method.root_score import RootFigures, RootPictures, fault, scores

SOUND = RootFigures(
    is_picture=True,
    likeness=0.9,
    change=0.2,
    direction=0.5,
    background_change=0.02,
    doubt=-2.0,
)


def pictures(edited: torch.Tensor, inside: torch.Tensor | None = None) -> RootPictures:
    whole = torch.ones((1, 1, 24, 32))
    return RootPictures(
        source=torch.full((1, 3, 24, 32), 0.5),
        edited=edited,
        inside=whole if inside is None else inside,
    )


def left_half() -> torch.Tensor:
    inside = torch.zeros((1, 1, 24, 32))
    inside[..., :16] = 1
    return inside


def test_changes_are_told_apart_by_the_mask() -> None:
    edited = torch.full((2, 3, 24, 32), 0.5)
    edited[0, :, :, :16] = 0.8
    edited[1, 0, :, 16:] = 0.2

    measured = pictures(edited, left_half())

    assert measured.changes() == pytest.approx([0.3, 0], abs=1e-6)
    # A third of the samples by 0.3.
    assert measured.background_changes() == pytest.approx([0, 0.3 / math.sqrt(3)], abs=1e-6)


def test_how_far_an_edit_went_is_told_beside_those_of_the_same_answer_alone() -> None:
    redder, half_redder, a_bit_bluer, hardly_greener = torch.full((4, 3, 24, 32), 0.5)
    redder[0] = 0.9
    half_redder[0] = 0.7
    a_bit_bluer[2] = 0.7
    hardly_greener[1] = 0.52
    edited = torch.stack([redder, half_redder, a_bit_bluer, hardly_greener])

    # The median change is that of 0.2 in one sample of three; half of it is the least goal.
    assert pictures(edited).progress() == pytest.approx([1, 0.5, 1, 0.2], abs=1e-3)


def test_the_source_itself_made_no_progress_and_what_is_no_number_spoils_no_other() -> None:
    edited = torch.full((3, 3, 24, 32), 0.5)
    edited[1] = 0.8
    edited[2, 0, 3, 3] = torch.nan

    nothing, done, broken = pictures(edited).progress()

    assert (nothing, done) == (0, pytest.approx(1))
    assert math.isnan(broken)
    assert pictures(edited[:1]).progress() == [0]


def test_without_an_outside_there_is_no_background() -> None:
    assert pictures(torch.rand((2, 3, 24, 32))).background_changes() == [None, None]


def test_what_is_no_picture_is_known() -> None:
    edited = torch.rand((3, 3, 24, 32))
    edited[1] = 0
    edited[2, 0, 3, 3] = torch.nan

    assert pictures(edited).are_pictures() == [True, False, False]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"is_picture": False}, "no picture"),
        ({"likeness": 0.55}, "unlike the source"),
        ({"change": 0.01}, "hardly changed"),
        ({"direction": 0.05}, "not the change asked for"),
        ({"direction": None}, ""),
        ({"background_change": 0.2}, "the rest changed"),
        ({"background_change": None}, ""),
    ],
)
def test_each_gate_says_what_it_is_about(change: dict[str, Any], words: str) -> None:
    told = fault(replace(SOUND, **change), is_of_object=True)

    assert words in told
    assert bool(told) == bool(words)


def test_edits_of_more_than_an_object_may_go_further_from_the_source() -> None:
    assert fault(replace(SOUND, likeness=0.55), is_of_object=False) == ""


@pytest.mark.parametrize(
    "better",
    [{"background_change": 0.01}, {"doubt": -2.1}, {"change": 0.25}],
)
def test_what_is_better_in_one_thing_scores_higher(better: dict[str, Any]) -> None:
    first, second, third = scores([SOUND, replace(SOUND, **better), SOUND])

    assert second > first == pytest.approx(third)


def test_a_decibel_of_the_background_counts_half_a_decibel() -> None:
    quiet = replace(SOUND, background_change=SOUND.background_change / 10**0.05)

    loud, calm = scores([SOUND, quiet])

    assert calm - loud == pytest.approx(0.5, abs=0.03)


def test_what_is_no_number_comes_last_and_spoils_no_other() -> None:
    first, broken, best = scores(
        [SOUND, replace(SOUND, doubt=math.nan), replace(SOUND, doubt=-3.0)]
    )

    assert best > first > broken


def test_equal_candidates_score_alike() -> None:
    assert scores([SOUND, SOUND]) == [0, 0]


def test_scores_do_not_depend_on_the_order_of_candidates() -> None:
    several = [
        replace(SOUND, background_change=0.01 * number, doubt=-0.1 * number) for number in (5, 2, 9)
    ]

    assert scores(several[::-1]) == pytest.approx(scores(several)[::-1])
