from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler

from tests.via_engine.models.tiny_pipeline import (
    EPSILON,
    ZERO_SNR,
    tiny_card,
    write_tiny_pipeline,
)
from via_engine.errors import ModelError
from via_engine.method.affine import tuning_affines
from via_engine.method.tuning_set import (
    TuningBatch,
    TuningSet,
    right_prediction,
    with_dropped_conditions,
)
from via_engine.models.editors import InstructPix2PixEditor, load_editor


def scheduler(settings: dict[str, Any]) -> DDIMScheduler:
    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", **settings
    )


def tuning_set(folder: Path, views: int = 5) -> tuple[InstructPix2PixEditor, TuningSet]:
    torch.manual_seed(0)
    card = tiny_card(write_tiny_pipeline(folder, ZERO_SNR))
    editor = load_editor(card, device=torch.device("cpu"), dtype=torch.float32)
    source, edited = torch.rand((2, 1, 3, 12, 16)).unbind()
    affines = tuning_affines(views, 0)
    return editor, TuningSet.of(editor, source, edited, "make it night", affines)


@pytest.mark.parametrize("settings", [EPSILON, ZERO_SNR])
@pytest.mark.parametrize("timestep", [0, 500, 999])
def test_one_step_with_the_right_prediction_gives_the_edit(
    settings: dict[str, Any], timestep: int
) -> None:
    if settings is EPSILON and timestep == 999:
        pytest.skip("nearly all noise: what is left of the edit drowns in rounding")
    latents, noise = torch.randn((2, 1, 4, 6, 8), generator=torch.Generator().manual_seed(0))
    known, timesteps = scheduler(settings), torch.tensor([timestep])
    known.set_timesteps(1)
    noisy = known.add_noise(latents, noise, timesteps)

    answer = right_prediction(known, latents, noise, timesteps)

    step = known.step(answer, timestep, noisy)
    torch.testing.assert_close(step.pred_original_sample, latents, rtol=0, atol=2e-4)


def test_a_checkpoint_that_predicts_something_else_is_refused() -> None:
    odd = scheduler({"prediction_type": "flow"})
    latents = torch.zeros((1, 4, 6, 8))

    with pytest.raises(ModelError, match="flow"):
        right_prediction(odd, latents, latents, torch.tensor([1]))


def test_conditions_are_dropped_as_the_public_trainer_drops_them() -> None:
    text, null_text = torch.ones((1, 3, 2)), torch.zeros((1, 3, 2))
    chances = torch.tensor([0.0, 0.049, 0.051, 0.099, 0.101, 0.149, 0.151, 0.999])

    texts, source = with_dropped_conditions(text, null_text, torch.ones((8, 4, 6, 8)), chances)

    assert texts.mean((1, 2)).tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert source.mean((1, 2, 3)).tolist() == [1, 1, 0, 0, 0, 0, 1, 1]


def test_sources_are_unscaled_and_edits_scaled_as_the_checkpoint_was_trained(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    card = tiny_card(write_tiny_pipeline(tmp_path))
    editor = load_editor(card, device=torch.device("cpu"), dtype=torch.float32)
    picture = torch.rand((1, 3, 12, 16))

    lessons = TuningSet.of(editor, picture, picture, "make it night", tuning_affines(3, 0))

    scale = editor.vae.config.scaling_factor
    assert scale != 1
    torch.testing.assert_close(lessons.source[:1], editor.encode_frames(picture))
    torch.testing.assert_close(lessons.edited, lessons.source * scale)


def test_a_draw_takes_one_timestep_of_each_part_and_repeats_with_its_generator(
    tmp_path: Path,
) -> None:
    _, lessons = tuning_set(tmp_path)

    first, again = (lessons.draw(4, torch.Generator().manual_seed(7)) for _ in range(2))

    assert [int(timestep) // 250 for timestep in first.timesteps] == [0, 1, 2, 3]
    assert torch.equal(first.noisy, again.noisy)
    assert not torch.equal(first.noisy, lessons.draw(4, torch.Generator().manual_seed(8)).noisy)


def test_the_judging_batch_is_one_view_with_all_conditions(tmp_path: Path) -> None:
    _, lessons = tuning_set(tmp_path)

    batch = lessons.judging_batch(4, torch.Generator().manual_seed(0))

    assert batch.timesteps.tolist() == [125, 375, 625, 875]
    assert torch.equal(batch.source, lessons.source[:1].expand(4, -1, -1, -1))
    assert torch.equal(batch.text, lessons.text.expand(4, -1, -1))


def test_the_loss_is_zero_for_a_unet_that_knows_and_that_sees_noise_before_source(
    tmp_path: Path,
) -> None:
    _, lessons = tuning_set(tmp_path)
    batch: TuningBatch = lessons.draw(4, torch.Generator().manual_seed(0))

    def knowing(latents: torch.Tensor, *_: object, **__: object) -> tuple[torch.Tensor]:
        assert torch.equal(latents[:, :4], batch.noisy)
        assert torch.equal(latents[:, 4:], batch.source)
        return (batch.answer,)

    stub: Any = knowing
    assert float(batch.loss(stub)) == 0
