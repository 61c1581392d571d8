"""How much of the edit shows, against distances counted one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from via_engine.masks.feather import feathered, latent_mask

Mask = NDArray[np.bool_]
masks = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda size: arrays(np.bool_, size)
)


def distances(mask: Mask) -> NDArray[np.float64]:
    """Euclidean distance of each pixel from the nearest set one."""
    rows, columns = np.indices(mask.shape)
    spots = np.argwhere(mask)
    found = [np.hypot(rows - row, columns - column) for row, column in spots]
    return np.asarray(np.min(found, axis=0))


@settings(max_examples=40, deadline=None)
@given(masks, st.integers(0, 4), st.integers(0, 5))
def test_it_is_one_inside_fades_and_is_exactly_zero_beyond(
    mask: Mask, dilation_px: int, feather_px: int
) -> None:
    height, width = mask.shape
    alpha = feathered(
        mask, width=width, height=height, dilation_px=dilation_px, feather_px=feather_px
    )
    assert alpha.dtype == np.float32
    if not mask.any():
        assert not alpha.any()
        return
    beyond = distances(mask) - dilation_px
    assert np.all(alpha[beyond <= 1e-4] == 1)
    assert np.all(alpha[beyond >= feather_px + 1e-3] == 0)
    if feather_px:
        assert np.allclose(alpha, np.clip(1 - beyond / feather_px, 0, 1), atol=1e-3)


def test_a_small_mask_is_brought_to_the_pictures_size_where_it_was() -> None:
    mask = np.zeros((36, 64), np.bool_)
    mask[10:20, 20:40] = True
    alpha = feathered(mask, width=256, height=144, dilation_px=0, feather_px=0)
    differs = (alpha > 0) != np.repeat(np.repeat(mask, 4, axis=0), 4, axis=1)
    # Smooth outlines round the four corners, and nothing else.
    assert 0 < np.count_nonzero(differs) <= 4 * 2


def test_a_thin_mask_does_not_vanish_in_a_smaller_picture() -> None:
    mask = np.zeros((144, 256), np.bool_)
    mask[:, 100] = True
    alpha = feathered(mask, width=64, height=36, dilation_px=0, feather_px=0)
    assert np.array_equal(np.flatnonzero(alpha.any(axis=0)), [25])


@settings(max_examples=30, deadline=None)
@given(
    st.tuples(st.integers(1, 2), st.integers(1, 12), st.integers(1, 12)).flatmap(
        lambda size: arrays(np.bool_, size)
    ),
    st.integers(1, 7),
    st.integers(1, 7),
)
def test_a_latent_is_open_where_any_of_its_pixels_is(masks: Mask, rows: int, columns: int) -> None:
    found = latent_mask(masks.astype(np.float32) * np.float32(0.1), rows, columns)
    assert found.shape == (len(masks), 1, rows, columns)
    assert found.dtype == np.float32
    height, width = masks.shape[1:]
    expected = np.zeros(found.shape, np.float32)
    for batch, y, x in np.argwhere(masks):
        for row in range(rows):
            for column in range(columns):
                # The pixel covers [y, y + 1); the cell [row, row + 1) * height / rows.
                meets_row = y * rows < (row + 1) * height and (y + 1) * rows > row * height
                meets_column = x * columns < (column + 1) * width
                meets_column &= bool((x + 1) * columns > column * width)
                if meets_row and meets_column:
                    expected[batch, 0, row, column] = 1
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("value", [False, True])
def test_a_mask_of_nothing_or_everything_stays_that(value: bool) -> None:
    mask = np.full((9, 16), value)
    alpha = feathered(mask, width=33, height=17, dilation_px=3, feather_px=2)
    assert np.all(alpha == float(value))
