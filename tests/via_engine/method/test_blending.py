from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.via_engine.models.tiny_pipeline import EPSILON, ZERO_SNR
from via_engine.edit_settings import BlendSchedule
from via_engine.method.blending import LatentBlend, blend_weight, invert

SHAPE = (2, 4, 16, 24)
STEPS = 10
SCHEDULES = pytest.mark.parametrize(
    "settings", [EPSILON, ZERO_SNR], ids=["epsilon", "v, trailing, zero SNR"]
)


def scheduler(settings: dict[str, Any], steps: int = STEPS) -> DDIMScheduler:
    made = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", **settings
    )
    made.set_timesteps(steps)
    return made


def randn(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def local_blend(mask: Tensor, schedule: BlendSchedule, **changes: Any) -> LatentBlend:
    settings: dict[str, Any] = {
        "source_latents": randn(*SHAPE, seed=1),
        "noise": randn(1, *SHAPE[1:], seed=2),
        "mask": mask,
        "schedule": schedule,
    }
    return LatentBlend(**{**settings, **changes})


def mask_of(value: float) -> Tensor:
    return torch.full((SHAPE[0], 1, *SHAPE[2:]), value)


@pytest.mark.parametrize(
    ("schedule", "weights"),
    [
        (BlendSchedule.LINEAR, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]),
        (BlendSchedule.CONSTANT, [1] * 10),
        (BlendSchedule.DELAYED, [0, 0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6, 1, 1, 1]),
    ],
)
def test_weights_of_ten_steps(schedule: BlendSchedule, weights: list[float]) -> None:
    found = [blend_weight(schedule, index, 10) for index in range(10)]

    assert found == pytest.approx(weights)


@given(schedule=st.sampled_from(BlendSchedule), steps=st.integers(1, 1000))
def test_weights_rise_to_exactly_one(schedule: BlendSchedule, steps: int) -> None:
    weights = [blend_weight(schedule, index, steps) for index in range(steps)]

    assert weights == sorted(weights)
    assert weights[0] >= 0
    assert weights[-1] == 1


@SCHEDULES
@pytest.mark.parametrize("schedule", BlendSchedule)
def test_the_last_step_has_exact_ends(settings: dict[str, Any], schedule: BlendSchedule) -> None:
    mask = mask_of(0)
    mask[..., 5:] = 1
    blend, edit = local_blend(mask, schedule), randn(*SHAPE, seed=3)

    latents = blend.after_step(edit, STEPS - 1, scheduler(settings))

    assert torch.equal(latents[..., :5], blend.source_latents[..., :5])
    assert torch.equal(latents[..., 5:], edit[..., 5:])


@SCHEDULES
def test_before_it_the_source_stands_at_the_next_noise_level(settings: dict[str, Any]) -> None:
    made = scheduler(settings)
    blend = local_blend(mask_of(0), BlendSchedule.LINEAR)

    for step_index in range(STEPS - 1):
        kept = made.alphas_cumprod[made.timesteps[step_index + 1]]
        expected = kept.sqrt() * blend.source_latents + (1 - kept).sqrt() * blend.noise
        latents = blend.after_step(randn(*SHAPE, seed=3), step_index, made)
        torch.testing.assert_close(latents, expected)


def test_last_step_schedule_leaves_the_edit_alone_until_then() -> None:
    blend, edit = local_blend(mask_of(0), BlendSchedule.LAST_STEP), randn(*SHAPE, seed=3)

    assert torch.equal(blend.after_step(edit, STEPS - 2, scheduler(EPSILON)), edit)


@SCHEDULES
def test_an_anchor_stands_at_its_source_after_every_step_of_the_last_step_schedule(
    settings: dict[str, Any],
) -> None:
    blend = local_blend(mask_of(0), BlendSchedule.LAST_STEP, anchors=1)
    held = local_blend(mask_of(0), BlendSchedule.CONSTANT)
    made, edit = scheduler(settings), randn(*SHAPE, seed=3)

    for step_index in range(STEPS - 1):
        anchor, other = blend.after_step(edit, step_index, made)
        assert torch.equal(anchor, held.after_step(edit, step_index, made)[0])
        assert torch.equal(other, edit[1])


@SCHEDULES
@pytest.mark.parametrize(("is_shared", "kept_share"), [(True, 1.0), (False, 0.5**0.5)])
def test_only_shared_noise_keeps_its_strength(
    settings: dict[str, Any], is_shared: bool, kept_share: float
) -> None:
    """Clean latents of 0 leave noise alone; half of the edit is mixed in half way."""
    made, half_way = scheduler(settings), STEPS // 2 - 1
    shape = (1, 4, 64, 64)
    noise = randn(*shape, seed=2)
    edit_noise = noise if is_shared else randn(*shape, seed=4)
    nothing = torch.zeros(shape)
    timestep = made.timesteps[half_way + 1 : half_way + 2]
    blend = LatentBlend(
        source_latents=nothing,
        noise=noise,
        mask=torch.ones(1, 1, 64, 64),
        schedule=BlendSchedule.LINEAR,
    )

    latents = blend.after_step(made.add_noise(nothing, edit_noise, timestep), half_way, made)

    level = (1 - made.alphas_cumprod[timestep]).sqrt().item()
    assert latents.std().item() / level == pytest.approx(kept_share, rel=0.05)


class BellCurveUnet:
    """The best prediction there is for pictures drawn from a normal distribution of that spread.

    Its source channels are ignored. DDIM's differential equation has a closed solution here: at
    every noise level the latents are the clean ones, scaled.
    """

    dtype = torch.float32

    def __init__(self, made: DDIMScheduler, spread: float) -> None:
        self.made = made
        self.spread = spread

    def scale(self, timestep: Tensor) -> Tensor:
        """Standard deviation of the latents at that level."""
        kept = self.made.alphas_cumprod[timestep]
        return (kept * self.spread**2 + 1 - kept).sqrt()

    def __call__(self, sample: Tensor, timestep: Tensor, **_: Any) -> tuple[Tensor]:
        kept, latents = self.made.alphas_cumprod[timestep], sample[:, :4]
        noise = (1 - kept).sqrt() * latents / self.scale(timestep) ** 2
        clean = kept.sqrt() * self.spread**2 * latents / self.scale(timestep) ** 2
        is_velocity = self.made.config.prediction_type == "v_prediction"
        return (kept.sqrt() * noise - (1 - kept).sqrt() * clean if is_velocity else noise,)


def inverted(made: DDIMScheduler, source: Tensor, spread: float) -> tuple[Tensor, ...]:
    return invert(
        BellCurveUnet(made, spread),
        made,
        source_latents=source,
        image_latents=source / 0.2,
        null_text=torch.zeros(1, 3, 5),
        check=lambda: None,
    )


@SCHEDULES
@pytest.mark.parametrize("spread", [1.0, 0.5])
def test_fine_steps_follow_the_closed_solution(settings: dict[str, Any], spread: float) -> None:
    made, source = scheduler(settings, 500), spread * randn(*SHAPE, seed=5)

    trajectory = inverted(made, source, spread)

    assert len(trajectory) == 500
    unet = BellCurveUnet(made, spread)
    for latents, timestep in zip(trajectory, made.timesteps, strict=True):
        expected = source / spread * unet.scale(timestep)
        torch.testing.assert_close(latents, expected, rtol=0.01, atol=0.01)


class ImageBranch(BellCurveUnet):
    """Keeps what it is given."""

    def __init__(self, made: DDIMScheduler) -> None:
        super().__init__(made, spread=1.0)
        self.calls: list[tuple[Tensor, int, Tensor]] = []

    def __call__(self, sample: Tensor, timestep: Tensor, **call: Any) -> tuple[Tensor]:
        self.calls.append((sample[:, 4:], int(timestep), call["encoder_hidden_states"]))
        return super().__call__(sample, timestep)


def test_inversion_asks_the_image_branch_from_the_clean_end() -> None:
    made, source = scheduler(ZERO_SNR, 4), randn(*SHAPE, seed=5)
    unet, checks = ImageBranch(made), []
    null_text = randn(1, 3, 5, seed=6)

    invert(
        unet,
        made,
        source_latents=source,
        image_latents=source / 0.2,
        null_text=null_text,
        check=lambda: checks.append("asked"),
    )

    assert [timestep for _, timestep, _ in unet.calls] == [0, 249, 499, 749]
    assert all(torch.equal(image, source / 0.2) for image, _, _ in unet.calls)
    assert all(torch.equal(text, null_text.expand(2, -1, -1)) for _, _, text in unet.calls)
    assert len(checks) == 4


def test_an_inverted_source_is_blended_at_each_level() -> None:
    made, source = scheduler(ZERO_SNR, 5), randn(*SHAPE, seed=5)
    trajectory = inverted(made, source, 1.0)
    blend = local_blend(
        mask_of(0), BlendSchedule.LINEAR, source_latents=source, trajectory=trajectory
    )

    edit = torch.ones(SHAPE)
    blended = [blend.after_step(edit, step_index, made) for step_index in range(5)]

    assert torch.equal(blend.start, trajectory[0])
    assert all(map(torch.equal, blended, [*trajectory[1:], source]))
