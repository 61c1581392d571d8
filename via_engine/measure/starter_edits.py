"""Edits of the starter editor on held-out scenes, judged against the true answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from diffusers import StableDiffusionInstructPix2PixPipeline

from via_engine.half_products import fast_products
from via_engine.starter.evaluation.cases import Case, Frame, Mask, Sampling, held_out_cases
from via_engine.starter.evaluation.editing import BATCH, edit_cases, several_answers
from via_engine.starter.evaluation.scores import (
    distinct_colours,
    mask_overlap,
    nearest_colour,
    psnr,
)
from via_engine.starter.evaluation.sheet import Example
from via_engine.starter.world.vocabulary import Edit, held_out_words

EXAMPLES_PER_FORM = 3
LOOKS = ("night", "sunset", "winter", "fog", "sketch", "sepia", "poster")

MaskReader = Callable[[Case, Frame], Mask]


@dataclass(frozen=True, kw_only=True)
class Form:
    """One form of edit as the table counts it: a look is a form of its own."""

    name: str
    edit: Edit
    value: str = ""


FORMS = (
    Form(name="recolour", edit="recolour"),
    Form(name="kind change", edit="kind"),
    *(Form(name=look, edit="time", value=look) for look in LOOKS[:4]),
    *(Form(name=look, edit="style", value=look) for look in LOOKS[4:]),
    Form(name="remove", edit="remove"),
    Form(name="background", edit="background"),
    Form(name="material", edit="material"),
    Form(name="vague recolour", edit="vague_recolour"),
)


@dataclass(frozen=True, kw_only=True)
class EditorBench:
    """What every measurement of the editor needs.

    `advance` is told the number of pictures judged. `readers` find an object's mask in a frame,
    by name; they judge changes of kind.
    """

    pipeline: StableDiffusionInstructPix2PixPipeline
    sampling: Sampling
    seed: int
    scenes: int
    advance: Callable[[int], None]
    readers: Mapping[str, MaskReader]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How one edit came out; PSNR in dB.

    `outside_psnr` is against the source, over pixels that the true edit leaves alone. `overlaps`
    and `truth_overlaps` are, per mask reader, the overlap of the mask read with the true one, in
    the edited and in the true frame. `colours` counts distinct answers to a vague recolour.
    """

    truth_psnr: float
    outside_psnr: float
    colour_is_right: bool
    words_are_new: bool
    overlaps: Mapping[str, float] = field(default_factory=dict)
    truth_overlaps: Mapping[str, float] = field(default_factory=dict)
    colours: int = 0


@dataclass(frozen=True, kw_only=True)
class FormResult:
    """All figures of one form, and some pictures for the sheet."""

    form: Form
    figures: tuple[Figures, ...]
    examples: tuple[Example, ...]


def judged_forms(bench: EditorBench) -> dict[str, FormResult]:
    """Every form of edit on `bench.scenes` held-out scenes of its own, by name."""
    return {form.name: _judged_form(bench, form) for form in FORMS}


def pictures_to_judge(scenes: int) -> int:
    """How many pictures `judged_forms` tells `advance` of."""
    return scenes * len(FORMS)


def _judged_form(bench: EditorBench, form: Form) -> FormResult:
    cases = held_out_cases(form.edit, bench.scenes, bench.seed, bench.sampling, value=form.value)
    figures: list[Figures] = []
    examples: list[Example] = []
    for start in range(0, len(cases), BATCH):
        batch = cases[start : start + BATCH]
        for case, answers in zip(batch, _answers(bench, batch, start), strict=True):
            figures.append(_figures(bench, case, answers))
            if len(examples) < EXAMPLES_PER_FORM:
                verdict = _verdict(case, figures[-1])
                examples.append(Example(case=case, made=answers[0], verdict=verdict))
        bench.advance(len(batch))
    return FormResult(form=form, figures=tuple(figures), examples=tuple(examples))


def _answers(bench: EditorBench, cases: Sequence[Case], start: int) -> list[list[Frame]]:
    """Eight frames for each vague case, one for each of the others."""
    seed = bench.seed + start
    # Over 40 scenes of three forms bfloat16 moved no mean by more than 0.02 dB or 0.001 of overlap,
    # and took three fifths of the time.
    with fast_products(torch.device("cpu")):
        if cases[0].instruction.edit == "vague_recolour":
            return [several_answers(bench.pipeline, case, bench.sampling, seed) for case in cases]
        return [[frame] for frame in edit_cases(bench.pipeline, cases, bench.sampling, seed)]


def _figures(bench: EditorBench, case: Case, answers: Sequence[Frame]) -> Figures:
    made = answers[0]
    edit = case.instruction.edit
    readers = bench.readers if edit == "kind" else {}
    overlaps, truth_overlaps = (
        {name: mask_overlap(read(case, frame), case.mask) for name, read in readers.items()}
        for frame in (made, case.truth)
    )
    return Figures(
        truth_psnr=psnr(made, case.truth),
        outside_psnr=psnr(made, case.source, ~case.changed),
        colour_is_right=nearest_colour(made, case.mask) == case.instruction.value,
        words_are_new=held_out_words(case.instruction),
        overlaps=overlaps,
        truth_overlaps=truth_overlaps,
        colours=len(distinct_colours(case, answers)) if edit == "vague_recolour" else 0,
    )


def _verdict(case: Case, figures: Figures) -> str:
    edit = case.instruction.edit
    if edit == "vague_recolour":
        return f"{figures.colours} colours in 8 answers"
    verdict = f"{figures.truth_psnr:.1f} dB"
    if edit == "recolour":
        verdict += ", right colour" if figures.colour_is_right else ", WRONG COLOUR"
    for name, overlap in figures.overlaps.items():
        verdict += f", IoU {overlap:.2f} ({name})"
    return verdict
