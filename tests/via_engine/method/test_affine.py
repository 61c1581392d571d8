from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from via_engine.method.affine import (
    AS_IT_IS,
    Affine,
    held_out_affine,
    random_affine,
    tuning_affines,
    view,
)

WIDTH, HEIGHT = 96, 54
SEEDS = st.integers(0, 1 << 32)


def smooth_pictures(seed: int, count: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    small = torch.rand((count, 3, 5, 7), generator=generator)
    return torch.nn.functional.interpolate(small, (HEIGHT, WIDTH), mode="bicubic").clamp(0, 1)


def warped_by_opencv(picture: Tensor, affine: Affine) -> Tensor:
    """An oracle that works in pixels and shares no code: crop and shear drawn step by step."""
    turn, slant = np.deg2rad(affine.rotation_deg), np.tan(np.deg2rad(affine.shear_deg))
    centre = np.array([[1, 0, (WIDTH - 1) / 2], [0, 1, (HEIGHT - 1) / 2], [0, 0, 1]])
    rotation = np.array(
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    )
    shear = np.array([[1, slant, 0], [0, 1, 0], [0, 0, 1]])
    shift = np.array(
        [[1, 0, -affine.shift_xy[0] * WIDTH], [0, 1, -affine.shift_xy[1] * HEIGHT], [0, 0, 1]]
    )
    room_x, room_y = (1 - affine.crop_side) * WIDTH, (1 - affine.crop_side) * HEIGHT
    crop = np.array(
        [
            [affine.crop_side, 0, room_x * (affine.crop_xy[0] - 0.5)],
            [0, affine.crop_side, room_y * (affine.crop_xy[1] - 0.5)],
            [0, 0, 1],
        ]
    )
    to_source = centre @ shift @ rotation @ shear @ crop @ np.linalg.inv(centre)
    warped = cv2.warpAffine(
        picture.permute(1, 2, 0).contiguous().numpy(),
        to_source[:2],
        (WIDTH, HEIGHT),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
    return torch.from_numpy(warped).permute(2, 0, 1)


@given(seed=SEEDS)
def test_a_random_view_keeps_to_the_published_ranges(seed: int) -> None:
    affine = random_affine(seed)

    assert abs(affine.rotation_deg) <= 5
    assert abs(affine.shear_deg) <= 10
    assert max(map(abs, affine.shift_xy)) <= 0.05
    assert 0.75 <= affine.crop_side <= 1
    assert all(0 <= place <= 1 for place in affine.crop_xy)


@pytest.mark.parametrize("seed", range(6))
def test_a_view_is_what_opencv_makes_of_the_same_numbers(seed: int) -> None:
    picture, affine = smooth_pictures(seed), random_affine(seed)

    difference = (view(picture, affine)[0] - warped_by_opencv(picture[0], affine)).abs()

    assert float(difference.mean()) < 0.003
    assert float(difference.max()) < 0.04


@given(seed=SEEDS)
def test_source_edit_and_mask_are_seen_alike(seed: int) -> None:
    source, edited = smooth_pictures(1), smooth_pictures(2)
    mask = (smooth_pictures(3)[:, :1] > 0.5).float()
    affine = random_affine(seed)

    together = view(torch.cat([source, edited, mask], dim=1), affine)

    apart = torch.cat([view(part, affine) for part in (source, edited, mask)], dim=1)
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-6)
    assert 0 <= float(apart.min()) <= float(apart.max()) <= 1 + 1e-6


def test_the_picture_as_it_is_is_untouched_and_first_in_the_set() -> None:
    picture = smooth_pictures(0)

    assert tuning_affines(5, 0)[0] == AS_IT_IS
    assert torch.equal(view(picture, AS_IT_IS), picture)


def test_the_same_seed_gives_the_same_views_and_the_held_out_one_is_not_among_them() -> None:
    views = tuning_affines(40, 3)

    assert views == tuning_affines(40, 3)
    assert len(set(views)) == 40
    assert held_out_affine(3) not in views
    assert held_out_affine(3) == held_out_affine(3)


def test_a_shift_moves_the_picture_to_the_right_and_down() -> None:
    picture = torch.zeros((1, 1, HEIGHT, WIDTH))
    picture[0, 0, 20:30, 40:50] = 1

    moved = view(picture, Affine(shift_xy=(0.25, 1 / 9)))

    rows, columns = torch.nonzero(moved[0, 0] > 0.5, as_tuple=True)
    assert (int(rows.min()), int(columns.min())) == (26, 64)
