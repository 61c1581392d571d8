from pathlib import Path

import cv2
import numpy as np
import pytest

from via_engine.errors import MediaUnreadableError
from via_engine.picture.still import decode_png, encode_png, read_still


def test_a_picture_comes_back_to_the_nearest_code() -> None:
    picture = np.random.default_rng(0).random((7, 5, 3), np.float32)
    again = decode_png(encode_png(picture))
    assert again.shape == picture.shape
    assert again.dtype == np.float32
    assert np.abs(again - picture).max() <= 0.5001 / 255


def test_values_outside_the_range_are_clipped() -> None:
    picture = np.array([[[-1, 0.5, 2]]], np.float32)
    np.testing.assert_allclose(decode_png(encode_png(picture)), [[[0, 128 / 255, 1]]])


@pytest.mark.parametrize("data", [b"", b"GIF89a", encode_png(np.zeros((9, 9, 3), np.float32))[:45]])
def test_bytes_that_are_no_png(data: bytes) -> None:
    with pytest.raises(MediaUnreadableError, match="PNG"):
        decode_png(data)


@pytest.mark.parametrize(
    ("name", "dtype", "full"),
    [
        ("matte.png", np.uint8, 255),
        ("matte.png", np.uint16, 65535),
        ("matte.tif", np.uint16, 65535),
        ("matte.tif", np.float32, 1),
    ],
)
def test_a_soft_matte_keeps_its_ramp_whatever_its_samples_are(
    tmp_path: Path, name: str, dtype: type[np.generic], full: int
) -> None:
    ramp = np.tile(np.linspace(0, 1, 40), (4, 1))
    assert cv2.imwrite(str(tmp_path / name), (ramp * full).astype(dtype))
    read = read_still(tmp_path / name)
    assert (read.shape, read.dtype) == ((4, 40, 3), np.float32)
    np.testing.assert_allclose(read, ramp[..., np.newaxis].repeat(3, axis=2), atol=1 / 255)
