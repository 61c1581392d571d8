"""Warp error and its occlusion masks, on motion that is known and against torch's sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from via_engine.measure.metrics.warp_error import (
    Motion,
    clip_motion,
    dis_flow,
    visible,
    warp_error,
    warped,
)

HEIGHT, WIDTH = 48, 64


def texture(seed: int = 0) -> NDArray[np.uint8]:
    """A smooth random picture three frames wide, so that a window can slide over it."""
    coarse = torch.from_numpy(np.random.default_rng(seed).random((1, 3, 12, 24), np.float32))
    fine = functional.interpolate(coarse, (HEIGHT, 3 * WIDTH), mode="bicubic").clamp(0, 1)
    return np.asarray((fine[0].permute(1, 2, 0) * 255).round().numpy(), np.uint8)


def panning(shift: int, count: int = 4) -> NDArray[np.uint8]:
    """A window that moves right by `shift`, so the picture moves left."""
    whole = texture()
    return np.stack([whole[:, 20 + shift * t : 20 + shift * t + WIDTH] for t in range(count)])


def constant_flow(x: float, y: float = 0.0) -> NDArray[np.float32]:
    return np.broadcast_to(np.array([x, y], np.float32), (HEIGHT, WIDTH, 2)).copy()


def known_motion(shift: int, steps: int) -> list[Motion]:
    forward, backward = constant_flow(-shift), constant_flow(shift)
    return [Motion(flow=forward, is_visible=visible(forward, backward))] * steps


def test_a_clip_that_follows_the_motion_has_no_error() -> None:
    assert warp_error(panning(3), known_motion(3, 3)) == 0


def test_the_error_of_a_flicker_is_its_squared_height() -> None:
    # 51 levels are a fifth of full scale: 0.04 per sample, wherever the pixel went.
    frames = (panning(3) // 2).astype(np.uint8)
    frames[1::2] += 51
    assert warp_error(frames, known_motion(3, 3)) == pytest.approx(0.04, rel=1e-6)


def test_one_sample_of_three_off_counts_a_third() -> None:
    frames = (panning(0, 2) // 2).astype(np.uint8)
    frames[1, :, :, 0] += 51
    assert warp_error(frames, known_motion(0, 1)) == pytest.approx(0.04 / 3, rel=1e-6)


def test_hidden_pixels_do_not_count() -> None:
    frames = panning(0, 2)
    is_visible = np.ones((HEIGHT, WIDTH), np.bool_)
    is_visible[5:9] = False
    frames[1, 5:9] = 255 - frames[1, 5:9]
    assert warp_error(frames, [Motion(flow=constant_flow(0), is_visible=is_visible)]) == 0


def test_no_step_with_a_visible_pixel_gives_no_figure() -> None:
    hidden = Motion(flow=constant_flow(0), is_visible=np.zeros((HEIGHT, WIDTH), np.bool_))
    assert math.isnan(warp_error(panning(0, 2), [hidden]))
    assert math.isnan(warp_error(panning(0, 1), []))


def test_frames_and_motion_must_fit() -> None:
    with pytest.raises(ValueError, match="4 frames do not fit 2 steps"):
        warp_error(panning(1), known_motion(1, 2))


def test_warping_is_bilinear_sampling_as_torch_does_it() -> None:
    chance = np.random.default_rng(5)
    values = chance.random((HEIGHT, WIDTH, 3), np.float32)
    flow = chance.uniform(-6, 6, (HEIGHT, WIDTH, 2)).astype(np.float32)
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    grid = np.stack(
        [2 * (x + flow[..., 0]) / (WIDTH - 1) - 1, 2 * (y + flow[..., 1]) / (HEIGHT - 1) - 1],
        axis=2,
    )
    expected = functional.grid_sample(
        torch.from_numpy(values).permute(2, 0, 1)[None],
        torch.from_numpy(grid.astype(np.float32))[None],
        align_corners=True,
    )[0].permute(1, 2, 0)
    # cv2 samples between pixels in steps of 1/32.
    assert np.abs(warped(values, flow) - expected.numpy()).max() < 0.04


def test_what_leaves_the_frame_is_not_visible() -> None:
    seen = visible(constant_flow(-5), constant_flow(5))
    assert not seen[:, :5].any()
    assert seen[:, 5:].all()


def test_flows_that_do_not_cancel_are_occluded() -> None:
    # |F + F'|² = 1 with |F|² + |F'|² = 9 + 4: the limit is 0.01 * 13 + 0.5 = 0.63.
    assert not visible(constant_flow(3), constant_flow(-2)).any()
    # 0.49 against 0.01 * (9 + 5.29) + 0.5 = 0.643.
    assert visible(constant_flow(3), constant_flow(-2.3))[:, :-4].all()


def test_pixels_where_the_flow_breaks_are_left_out() -> None:
    forward, backward = constant_flow(0), constant_flow(0)
    # A step of 0.3 px: 0.09 against 0.01 * 0.09 + 0.002 on one side, 0.002 on the other.
    forward[:, 30:] = (0.3, 0)
    seen = visible(forward, backward)
    assert not seen[:-1, 29].any()
    assert seen[:-1, 30:-2].all()
    assert seen[:-1, :29].all()


def test_the_flow_of_a_pan_is_found() -> None:
    frames = panning(2, 2)
    flow = dis_flow(frames[0], frames[1])
    assert np.abs(flow[8:-8, 12:-12] - (-2, 0)).mean() < 0.25


def test_the_source_explains_itself_better_than_a_flickering_copy() -> None:
    frames = panning(2)
    motion = clip_motion(frames)
    flickering = frames.copy()
    flickering[1::2] = flickering[1::2] // 2
    assert warp_error(frames, motion) < 0.02 * warp_error(flickering, motion)
