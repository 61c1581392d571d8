"""The packaged editor runs in stock diffusers and moves pictures towards the truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline

from via_engine.starter.bundle import starter_folder
from via_engine.starter.evaluation.evaluate import (
    Sampling,
    attention_witness,
    edit_cases,
    held_out_cases,
    load_editor,
    psnr,
    score_edits,
    vae_psnr,
)
from via_engine.starter.evaluation.scores import nearest_colour
from via_engine.starter.world.vocabulary import Edit

SAMPLING = Sampling(steps=6)


@pytest.fixture(scope="module")
def editor() -> StableDiffusionInstructPix2PixPipeline:
    return load_editor(starter_folder("editor"))


def test_editor_is_small_and_stock(editor: StableDiffusionInstructPix2PixPipeline) -> None:
    parts = (editor.unet, editor.vae, editor.text_encoder)
    assert sum(one.numel() for part in parts for one in part.parameters()) < 15_000_000
    assert editor.unet.config.in_channels == 2 * editor.vae.config.latent_channels
    assert editor.vae.config.scaling_factor == 1.0


def test_latents_are_of_unit_size(editor: StableDiffusionInstructPix2PixPipeline) -> None:
    from via_engine.starter.training.train_vae import pixels_to_tensor

    frames = np.stack([case.source for case in held_out_cases("time", 8, 3, SAMPLING)])
    with torch.no_grad():
        latents = editor.vae.encode(pixels_to_tensor(frames)).latent_dist.mode()
    assert 0.6 < float(latents.std()) < 1.6


def test_autoencoder_keeps_pictures(editor: StableDiffusionInstructPix2PixPipeline) -> None:
    world_db, photo_db = vae_psnr(editor, 12, seed=4)
    assert world_db > 32
    assert photo_db > 29


@pytest.mark.parametrize(
    ("edit", "value", "least_db"),
    [
        ("time", "night", 27),
        ("time", "sunset", 27),
        ("time", "winter", 27),
        ("time", "fog", 27),
        ("style", "sketch", 24),
        ("style", "sepia", 26),
        ("kind", "", 23),
        ("remove", "", 22),
        ("background", "", 22),
        ("material", "", 25),
    ],
)
def test_an_edit_comes_close_to_the_truth(
    editor: StableDiffusionInstructPix2PixPipeline, edit: Edit, value: str, least_db: float
) -> None:
    cases = held_out_cases(edit, 6, 1, SAMPLING, value=value)
    made = edit_cases(editor, cases, SAMPLING, seed=1)
    untouched = np.median([psnr(case.source, case.truth) for case in cases])
    assert score_edits(cases, made).psnr_to_truth > max(least_db, untouched + 2)


def test_a_vague_recolour_has_several_answers(
    editor: StableDiffusionInstructPix2PixPipeline,
) -> None:
    [case] = held_out_cases("vague_recolour", 1, 1, SAMPLING)
    made = [edit_cases(editor, [case], SAMPLING, seed=seed)[0] for seed in range(8)]
    assert len({nearest_colour(frame, case.mask) for frame in made}) >= 3


def test_recolour_reaches_the_colour_and_keeps_the_rest(
    editor: StableDiffusionInstructPix2PixPipeline,
) -> None:
    cases = held_out_cases("recolour", 8, 1, SAMPLING)
    scores = score_edits(cases, edit_cases(editor, cases, SAMPLING, seed=1))
    assert scores.colour_accuracy >= 0.85
    assert scores.psnr_outside > 28


def test_attention_decides_appearance(editor: StableDiffusionInstructPix2PixPipeline) -> None:
    witness = attention_witness(editor, 2, seed=1, sampling=SAMPLING)
    assert witness.removed_levels > 10
