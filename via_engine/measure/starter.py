"""The starter editor on scenes its training never saw, against the true answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from diffusers import StableDiffusionInstructPix2PixPipeline

from via_engine.measure.rows import Bar, Row
from via_engine.starter.bundle import starter_folder
from via_engine.starter.evaluate import (
    EditScores,
    Sampling,
    attention_witness,
    distinct_vague_colours,
    edit_cases,
    held_out_cases,
    load_editor,
    score_edits,
    vae_psnr,
)
from via_engine.starter.vocabulary import Edit

SCENES_PER_EDIT = 40
VAGUE_SCENES = 12
WITNESS_SCENES = 12
GLOBAL_LOOKS: tuple[tuple[Edit, str], ...] = (
    ("time", "night"),
    ("time", "sunset"),
    ("time", "winter"),
    ("time", "fog"),
    ("style", "sketch"),
    ("style", "sepia"),
)
WHOLE_PICTURE_BAR = Bar(comparison=">=", limit=24)
REPLACED_BAR = Bar(comparison=">=", limit=22)


def starter(seed: int) -> list[Row]:
    """The packaged editor in stock diffusers, 10 steps, on held-out scenes."""
    folder = starter_folder("editor")
    card = json.loads((folder / "via_model.json").read_text(encoding="utf-8"))
    sampling = Sampling(
        steps=card["steps"],
        guidance_scale=card["guidance_scale"],
        image_guidance_scale=card["image_guidance_scale"],
    )
    pipeline = load_editor(folder)
    return [
        *_reconstruction(pipeline, seed),
        *_local_edits(pipeline, seed, sampling),
        *_looks(pipeline, seed, sampling),
        *_attention(pipeline, seed, sampling),
    ]


def _reconstruction(pipeline: StableDiffusionInstructPix2PixPipeline, seed: int) -> Iterator[Row]:
    world, photos = vae_psnr(pipeline, 2 * SCENES_PER_EDIT, seed)
    bar = Bar(comparison=">=", limit=32)
    yield Row(name="VAE reconstruction, world scenes", value=world, unit="dB", bar=bar)
    yield Row(name="VAE reconstruction, photo-like pictures", value=photos, unit="dB")


def _local_edits(
    pipeline: StableDiffusionInstructPix2PixPipeline, seed: int, sampling: Sampling
) -> Iterator[Row]:
    recolour = _scores(pipeline, "recolour", "", seed, sampling)
    yield Row(
        name="recolour: the colour asked for",
        value=100 * recolour.colour_accuracy,
        unit="%",
        bar=Bar(comparison=">=", limit=95),
    )
    yield Row(
        name="recolour: outside the object, against the source",
        value=recolour.psnr_outside,
        unit="dB",
        bar=Bar(comparison=">=", limit=28),
    )
    edits: Sequence[tuple[Edit, str]] = (("remove", ""), ("background", ""))
    for edit, value in edits:
        scores = _scores(pipeline, edit, value, seed, sampling)
        yield Row(
            name=f"{edit}, against truth", value=scores.psnr_to_truth, unit="dB", bar=REPLACED_BAR
        )
    kind = _scores(pipeline, "kind", "", seed, sampling)
    yield Row(name="kind change, against truth", value=kind.psnr_to_truth, unit="dB")
    distinct = distinct_vague_colours(pipeline, VAGUE_SCENES, seed, sampling)
    yield Row(
        name="vague recolour: colours among 8 answers",
        value=distinct,
        unit="colours",
        bar=Bar(comparison=">=", limit=3),
    )


def _looks(
    pipeline: StableDiffusionInstructPix2PixPipeline, seed: int, sampling: Sampling
) -> Iterator[Row]:
    for edit, value in GLOBAL_LOOKS:
        scores = _scores(pipeline, edit, value, seed, sampling)
        yield Row(
            name=f"{value}, against truth",
            value=scores.psnr_to_truth,
            unit="dB",
            bar=WHOLE_PICTURE_BAR,
        )


def _attention(
    pipeline: StableDiffusionInstructPix2PixPipeline, seed: int, sampling: Sampling
) -> Iterator[Row]:
    witness = attention_witness(pipeline, WITNESS_SCENES, seed, sampling)
    for name, value in (
        ("self-attention silenced: change of the object", witness.removed_levels),
        ("vague recolour, two frames apart: colour spread", witness.spread_alone),
        ("the same, keys and values gathered", witness.spread_gathered),
    ):
        yield Row(name=name, value=value, unit="levels of 255")


def _scores(
    pipeline: StableDiffusionInstructPix2PixPipeline,
    edit: Edit,
    value: str,
    seed: int,
    sampling: Sampling,
) -> EditScores:
    cases = held_out_cases(edit, SCENES_PER_EDIT, seed, sampling, value=value)
    return score_edits(cases, edit_cases(pipeline, cases, sampling, seed))
