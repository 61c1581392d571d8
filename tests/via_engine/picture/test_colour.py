from itertools import product

import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from via_engine.errors import MediaUnreadableError
from via_engine.media_types import ColourTags
from via_engine.picture.chroma import halved_columns, halved_lines, upsampled
from via_engine.picture.colour import (
    delivery_tags,
    matrix_is_assumed,
    resolved_matrix,
    rgb_to_yuv,
    yuv_to_rgb,
)
from via_engine.picture.planes import frame_from_picture, picture_from_frame

# 100 % bars as printed in the standards: 8 bits, limited range, (R, G, B): (Y, Cb, Cr).
BT709_BARS = {
    (1, 1, 1): (235, 128, 128),
    (1, 1, 0): (219, 16, 138),
    (0, 1, 1): (188, 154, 16),
    (0, 1, 0): (173, 42, 26),
    (1, 0, 1): (78, 214, 230),
    (1, 0, 0): (63, 102, 240),
    (0, 0, 1): (32, 240, 118),
    (0, 0, 0): (16, 128, 128),
}
BT601_BARS = {
    (1, 1, 1): (235, 128, 128),
    (1, 1, 0): (210, 16, 146),
    (0, 1, 1): (170, 166, 16),
    (0, 1, 0): (145, 54, 34),
    (1, 0, 1): (106, 202, 222),
    (1, 0, 0): (81, 90, 240),
    (0, 0, 1): (41, 240, 110),
    (0, 0, 0): (16, 128, 128),
}


def tags(matrix: int) -> ColourTags:
    return ColourTags(primaries=1, transfer=1, matrix=matrix, full_range=True)


@pytest.mark.parametrize(("matrix", "bars"), [(1, BT709_BARS), (6, BT601_BARS)])
def test_bars_have_the_codes_of_the_standard(
    matrix: int, bars: dict[tuple[int, int, int], tuple[int, int, int]]
) -> None:
    affine = rgb_to_yuv(matrix, 8, full_range=False)
    for rgb, codes in bars.items():
        assert np.rint(affine @ [*rgb, 1]).tolist() == list(codes)


@pytest.mark.parametrize(
    ("matrix", "bits", "full_range"), product([1, 4, 5, 6, 7, 9], [8, 10, 12, 16], [True, False])
)
def test_there_and_back_is_nothing(matrix: int, bits: int, full_range: bool) -> None:
    there = np.vstack([rgb_to_yuv(matrix, bits, full_range=full_range), [0, 0, 0, 1]])
    back = np.vstack([yuv_to_rgb(matrix, bits, full_range=full_range), [0, 0, 0, 1]])
    np.testing.assert_allclose(back @ there, np.eye(4), atol=1e-5)


def test_an_untagged_matrix_is_chosen_by_height_and_said_to_be_assumed() -> None:
    assert resolved_matrix(tags(2), 720) == 1
    assert resolved_matrix(tags(2), 719) == 6
    assert resolved_matrix(tags(9), 480) == 9
    assert matrix_is_assumed(tags(2))
    assert not matrix_is_assumed(tags(1))


def test_a_matrix_that_is_not_plain_is_refused() -> None:
    with pytest.raises(MediaUnreadableError, match="matrix 14"):
        resolved_matrix(tags(14), 1080)


def test_a_result_names_its_matrix_and_is_limited_range() -> None:
    assert delivery_tags(tags(2), 1080) == ColourTags(
        primaries=1, transfer=1, matrix=1, full_range=False
    )


sizes = st.integers(1, 12)


@settings(deadline=None)
@given(sizes, sizes, st.integers(0, 2**32 - 1))
def test_chroma_that_went_up_comes_down_unchanged(columns: int, lines: int, seed: int) -> None:
    plane = np.random.default_rng(seed).random((lines, columns), np.float32)
    wide = upsampled(plane, width=2 * columns, height=lines)
    np.testing.assert_allclose(halved_columns(wide), plane, atol=1e-6)
    odd = upsampled(plane, width=2 * columns - 1, height=lines)
    np.testing.assert_allclose(halved_columns(odd), plane, atol=1e-6)
    tall = upsampled(plane, width=columns, height=2 * lines)
    np.testing.assert_allclose(halved_lines(tall), plane, atol=1e-6)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv444p"])
@pytest.mark.parametrize("matrix", [1, 6])
def test_untouched_samples_come_back_bit_for_bit(pixel_format: str, matrix: int) -> None:
    frame = VideoFrame(64, 48, pixel_format)
    rng = np.random.default_rng(7)
    middle, swing = (512, 100) if pixel_format.endswith("10le") else (128, 25)
    dtype = np.uint16 if middle == 512 else np.uint8
    for plane in frame.planes:
        samples = np.frombuffer(memoryview(plane), dtype)
        samples[:] = rng.integers(middle - swing, middle + swing, samples.shape)
    picture = picture_from_frame(frame, matrix, full_range=False)
    again = frame_from_picture(picture, pixel_format, matrix)
    for before, after in zip(frame.planes, again.planes, strict=True):
        stored = [np.frombuffer(memoryview(plane), dtype) for plane in (before, after)]
        visible = [s.reshape(before.height, -1)[:, : before.width] for s in stored]
        np.testing.assert_array_equal(*visible)


@pytest.mark.parametrize(
    "pixel_format",
    ["rgb24", "bgr24", "rgba", "gbrp", "gbrp10le", "gbrap12le", "rgb48le"],
)
def test_rgb_layouts_are_only_repacked(pixel_format: str) -> None:
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 65536, (16, 32, 3), np.uint16)
    frame = VideoFrame.from_ndarray(codes, format="rgb48le").reformat(format=pixel_format)
    picture = picture_from_frame(frame, 1, full_range=True)
    deepest = max(component.bits for component in frame.format.components)
    assert np.abs(picture - codes / 65535).max() <= 2 / (2**deepest - 1)


@pytest.mark.parametrize(
    ("packed", "planar"),
    [("nv12", "yuv420p"), ("uyvy422", "yuv422p"), ("p010le", "yuv420p10le")],
)
def test_packed_layouts_read_like_their_planar_twins(packed: str, planar: str) -> None:
    grey = np.linspace(16, 235, 64, dtype=np.uint8)[None].repeat(32, axis=0)
    source = VideoFrame.from_ndarray(np.vstack([grey, np.full((16, 64), 128, np.uint8)]), "yuv420p")
    pictures = [
        picture_from_frame(source.reformat(format=layout), 1, full_range=False)
        for layout in (packed, planar)
    ]
    np.testing.assert_array_equal(*pictures)
