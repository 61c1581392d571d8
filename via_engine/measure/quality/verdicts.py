"""The claims of the method as rows with bars: each holds or is missed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from via_engine.measure.quality.ablation import Ablation
from via_engine.measure.quality.figures import Figure
from via_engine.measure.quality.variants import (
    ADAPTED,
    CROSS_FRAME,
    FULL,
    GATHER_ONLY,
    GATHER_SWAP,
    LOCAL,
    LOCAL_ADAPTED,
    PER_FRAME,
    SAME_NOISE,
    SELF_ONLY,
    Variant,
)
from via_engine.measure.rows import Bar, Row

_AT_LEAST_AS_MUCH = Bar(comparison=">=", limit=1)


def verdicts(found: Ablation) -> list[Row]:
    """A row for every claim that can be told from the variants that ran.

    Shares of frames are means over the vague recolours, other figures medians over clips.
    """
    return [
        *_majority(found, PER_FRAME, Bar(comparison="<=", limit=60)),
        *_majority(found, SAME_NOISE, None),
        *_majority(found, FULL, Bar(comparison=">=", limit=99)),
        *_spread_ratio(found, FULL, PER_FRAME, Bar(comparison="<=", limit=1 / 8)),
        *_warp_ratio(found, LOCAL_ADAPTED, None),
        *_warp_ratio(found, FULL, Bar(comparison="<=", limit=1.5)),
        *_edited(found, GATHER_SWAP),
        *_edited(found, FULL),
        *_better_inside(found, ADAPTED, GATHER_SWAP, Bar(comparison=">=", limit=80)),
        *_better_inside(found, LOCAL_ADAPTED, LOCAL, None),
        *_better_inside(found, FULL, LOCAL_ADAPTED, None),
        *_spread_ratio(found, CROSS_FRAME, GATHER_SWAP, _AT_LEAST_AS_MUCH),
        *_spread_ratio(found, GATHER_ONLY, GATHER_SWAP, _AT_LEAST_AS_MUCH),
        *_gain(found, Figure.OUTSIDE, LOCAL, GATHER_SWAP, Bar(comparison=">=", limit=0)),
        *_gain(found, Figure.INSIDE, GATHER_SWAP, SELF_ONLY, None),
        *_not_found(found),
    ]


def _majority(found: Ablation, variant: Variant, bar: Bar | None) -> Iterator[Row]:
    shares = found.values(variant.name, Figure.MAJORITY)
    if shares:
        yield Row(
            name=f"vague recolour: frames of the clip's majority colour, {variant.title}",
            value=float(np.mean(shares)),
            unit="%",
            bar=bar,
            cases=len(shares),
        )


def _spread_ratio(found: Ablation, variant: Variant, other: Variant, bar: Bar) -> Iterator[Row]:
    pairs = found.pairs(variant.name, other.name, Figure.COLOUR_SPREAD, only_vague=True)
    if pairs:
        spread, reference = np.median(pairs, axis=0)
        yield Row(
            name=f"vague recolour: colour spread, {variant.title} / {other.title}",
            value=float(spread / reference),
            unit="ratio",
            bar=bar,
            cases=len(pairs),
        )


def _warp_ratio(found: Ablation, variant: Variant, bar: Bar | None) -> Iterator[Row]:
    ratios = found.values(variant.name, Figure.WARP_RATIO)
    if ratios:
        yield Row(
            name=f"warp error / that of the true edit, {variant.title}",
            value=float(np.median(ratios)),
            unit="ratio",
            bar=bar,
            cases=len(ratios),
        )


def _edited(found: Ablation, variant: Variant) -> Iterator[Row]:
    """Consistency is cheap where nothing happens, so this stands beside it."""
    gains = found.values(variant.name, Figure.GAIN)
    if gains:
        yield Row(
            name=f"clips nearer to the truth than their source, {variant.title}",
            value=100 * float(np.mean([gain > 0 for gain in gains])),
            unit="%",
            cases=len(gains),
        )


def _better_inside(
    found: Ablation, variant: Variant, other: Variant, bar: Bar | None
) -> Iterator[Row]:
    pairs = found.pairs(variant.name, other.name, Figure.INSIDE)
    if pairs:
        yield Row(
            name=f"clips nearer to the truth inside the mask, {variant.title} than {other.title}",
            value=100 * float(np.mean([one > two for one, two in pairs])),
            unit="%",
            bar=bar,
            cases=len(pairs),
        )


def _gain(
    found: Ablation, figure: Figure, variant: Variant, other: Variant, bar: Bar | None
) -> Iterator[Row]:
    pairs = found.pairs(variant.name, other.name, figure)
    if pairs:
        yield Row(
            name=f"{figure.title}, {variant.title} less {other.title}",
            value=float(np.median([one - two for one, two in pairs])),
            unit=figure.unit,
            bar=bar,
            cases=len(pairs),
        )


def _not_found(found: Ablation) -> Iterator[Row]:
    for variant in found.variants:
        if variant.is_local:
            lacking = sum(variant.name not in clip.by_variant for clip in found.clips)
            yield Row(
                name=f"clips whose subject was not found, {variant.title}",
                value=lacking,
                unit="clips",
                cases=len(found.clips),
            )
