"""Verdicts from figures made up so that each bar is met or missed by a known amount."""

from __future__ import annotations

from collections.abc import Mapping

from via_engine.measure.quality.ablation import Ablation, ClipFigures
from via_engine.measure.quality.figures import Figure, Figures
from via_engine.measure.quality.variants import (
    ADAPTED,
    CROSS_FRAME,
    FULL,
    GATHER_ONLY,
    GATHER_SWAP,
    LOCAL,
    PER_FRAME,
    VARIANTS,
)
from via_engine.measure.quality.verdicts import verdicts
from via_engine.measure.rows import Row


def clip(figures: Mapping[str, Figures], *, is_vague: bool = True) -> ClipFigures:
    return ClipFigures(name="", text="", is_vague=is_vague, by_variant=figures)


def verdicts_of(*clips: ClipFigures) -> dict[str, Row]:
    rows = verdicts(Ablation(variants=VARIANTS, clips=clips))
    return {row.name: row for row in rows}


def test_majority_is_the_share_of_all_frames_not_of_the_middle_clip() -> None:
    rows = verdicts_of(
        *(clip({FULL.name: {Figure.MAJORITY: share}}) for share in (100.0, 100.0, 94.0))
    )
    row = rows["vague recolour: frames of the clip's majority colour, full"]
    assert row.value == 98
    assert not row.holds


def test_spread_is_compared_on_vague_recolours_alone() -> None:
    rows = verdicts_of(
        clip(
            {FULL.name: {Figure.COLOUR_SPREAD: 1.0}, PER_FRAME.name: {Figure.COLOUR_SPREAD: 16.0}}
        ),
        clip(
            {FULL.name: {Figure.COLOUR_SPREAD: 5.0}, PER_FRAME.name: {Figure.COLOUR_SPREAD: 5.0}},
            is_vague=False,
        ),
    )
    row = rows["vague recolour: colour spread, full / per frame"]
    assert (row.value, row.holds, row.cases) == (1 / 16, True, 1)


def test_left_out_parts_must_cost_consistency() -> None:
    spreads = {CROSS_FRAME: 2.0, GATHER_ONLY: 0.5, GATHER_SWAP: 1.0}
    rows = verdicts_of(
        clip({variant.name: {Figure.COLOUR_SPREAD: value} for variant, value in spreads.items()})
    )
    assert rows["vague recolour: colour spread, cross-frame, no gather / gather + swap"].holds
    assert not rows["vague recolour: colour spread, gather, no swap / gather + swap"].holds


def test_adaptation_is_judged_clip_by_clip() -> None:
    pairs = ((20.0, 19.0), (21.0, 20.9), (22.0, 22.0), (30.0, 10.0))
    rows = verdicts_of(
        *(
            clip({ADAPTED.name: {Figure.INSIDE: one}, GATHER_SWAP.name: {Figure.INSIDE: two}})
            for one, two in pairs
        ),
        clip({GATHER_SWAP.name: {Figure.INSIDE: 50.0}}),
    )
    row = rows["clips nearer to the truth inside the mask, + adaptation than gather + swap"]
    assert (row.value, row.cases, row.holds) == (75, 4, False)


def test_gain_outside_is_the_median_of_pairs() -> None:
    outside = ((40.0, 30.0), (35.0, 34.0), (33.0, 31.0))
    rows = verdicts_of(
        *(
            clip({LOCAL.name: {Figure.OUTSIDE: one}, GATHER_SWAP.name: {Figure.OUTSIDE: two}})
            for one, two in outside
        )
    )
    row = rows["PSNR outside, + local control less gather + swap"]
    assert (row.value, row.unit, row.holds) == (2, "dB", True)


def test_nothing_is_said_of_variants_that_did_not_run() -> None:
    found = Ablation(
        variants=(PER_FRAME,), clips=(clip({PER_FRAME.name: {Figure.MAJORITY: 55.0}}),)
    )
    (row,) = verdicts(found)
    assert row.name.endswith("per frame")
    assert row.holds
