"""The starter editor's share of `via bench starter`: the rows that its judged edits give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from via_engine.measure.rows import Bar, Row
from via_engine.measure.starter_edits import LOOKS, EditorBench, Figures, FormResult
from via_engine.starter.evaluation.cases import LOCAL_EDITS
from via_engine.starter.evaluation.evaluate import vae_psnr
from via_engine.starter.evaluation.scores import median
from via_engine.starter.evaluation.sheet import SheetRow
from via_engine.starter.evaluation.witness import attention_witness

WITNESS_SCENES = 12
LOOK_BAR = Bar(comparison=">=", limit=24)
REPLACED_BAR = Bar(comparison=">=", limit=22)


def reconstruction_rows(bench: EditorBench) -> Iterator[Row]:
    """The autoencoder alone."""
    world, photos = vae_psnr(bench.pipeline, bench.scenes, bench.seed)
    yield Row(
        name="VAE reconstruction, world scenes",
        value=world,
        unit="dB",
        bar=Bar(comparison=">=", limit=32),
        cases=bench.scenes,
    )
    yield Row(
        name="VAE reconstruction, photo-like pictures", value=photos, unit="dB", cases=bench.scenes
    )


def edit_rows(results: Mapping[str, FormResult]) -> Iterator[Row]:
    """The rows of the edits, in the table's order."""
    yield from _recolour_rows(results["recolour"].figures)
    yield from _kind_rows(results["kind change"].figures)
    for name in LOOKS:
        # The poster has no bar of its own.
        yield _truth_row(results[name], None if name == "poster" else LOOK_BAR)
    for name in ("remove", "background"):
        yield _truth_row(results[name], REPLACED_BAR)
    yield _truth_row(results["material"], None)
    yield _outside_row(results.values())
    yield from _vague_rows(results["vague recolour"].figures)


def attention_rows(bench: EditorBench) -> Iterator[Row]:
    """Whether appearance runs through self-attention, which gather-and-swap relies on."""
    scenes = min(WITNESS_SCENES, bench.scenes)
    witness = attention_witness(bench.pipeline, scenes, bench.seed, bench.sampling)
    for name, value in (
        ("self-attention silenced: change of the object", witness.removed_levels),
        ("vague recolour, two frames apart: colour spread", witness.spread_alone),
        ("the same, keys and values gathered", witness.spread_gathered),
    ):
        yield Row(name=name, value=value, unit="levels of 255", cases=scenes)


def sheet_rows(results: Mapping[str, FormResult]) -> list[SheetRow]:
    """The examples of every form, titled with what the whole form reached."""
    return [
        SheetRow(title=f"{name}: {_summary(result.figures)}", examples=result.examples)
        for name, result in results.items()
    ]


def _summary(figures: Sequence[Figures]) -> str:
    if any(one.colours for one in figures):
        colours = np.mean([one.colours for one in figures])
        return f"{colours:.1f} colours clearly given in 8 answers; the truth is one of seven"
    psnr_db = median(one.truth_psnr for one in figures)
    return f"{psnr_db:.1f} dB to the truth, median of {len(figures)} scenes"


def _recolour_rows(figures: Sequence[Figures]) -> Iterator[Row]:
    new = [one for one in figures if one.words_are_new]
    yield Row(
        name="recolour: the colour asked for",
        value=_share(one.colour_is_right for one in figures),
        unit="%",
        bar=Bar(comparison=">=", limit=95),
        cases=len(figures),
    )
    if new:
        yield Row(
            name="  of these, never asked for in training",
            value=_share(one.colour_is_right for one in new),
            unit="%",
            cases=len(new),
        )


def _kind_rows(figures: Sequence[Figures]) -> Iterator[Row]:
    """One row per mask reader; the bar is on the one that reads true frames best."""
    validity = {
        name: float(np.mean([one.truth_overlaps[name] for one in figures]))
        for name in figures[0].truth_overlaps
    }
    best = max(validity, key=validity.__getitem__)
    for name in sorted(validity, key=lambda one: one != best):
        yield Row(
            name=f"kind change: mask of the new object, by {name}",
            value=float(np.mean([one.overlaps[name] for one in figures])),
            unit="IoU",
            bar=Bar(comparison=">=", limit=0.80) if name == best else None,
            cases=len(figures),
        )
        yield Row(
            name=f"  the {name} on the true frame",
            value=validity[name],
            unit="IoU",
            bar=Bar(comparison=">=", limit=0.95) if name == best else None,
            cases=len(figures),
        )


def _truth_row(result: FormResult, bar: Bar | None) -> Row:
    return Row(
        name=f"{result.form.name}, against truth",
        value=median(one.truth_psnr for one in result.figures),
        unit="dB",
        bar=bar,
        cases=len(result.figures),
    )


def _outside_row(results: Iterable[FormResult]) -> Row:
    outside = [
        one.outside_psnr
        for result in results
        if result.form.edit in LOCAL_EDITS
        for one in result.figures
    ]
    return Row(
        name="local edits: outside the true mask, against the source",
        value=median(outside),
        unit="dB",
        bar=Bar(comparison=">=", limit=28),
        cases=len(outside),
    )


def _vague_rows(figures: Sequence[Figures]) -> Iterator[Row]:
    yield Row(
        name="vague recolour: palette colours clearly given in 8 answers",
        value=float(np.mean([one.colours for one in figures])),
        unit="colours",
        bar=Bar(comparison=">=", limit=3),
        cases=len(figures),
    )
    yield Row(
        name="  scenes with three or more",
        value=_share(one.colours >= 3 for one in figures),
        unit="%",
        cases=len(figures),
    )


def _share(holds: Iterable[bool]) -> float:
    return 100 * float(np.mean(list(holds)))
