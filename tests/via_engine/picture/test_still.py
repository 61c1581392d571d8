import numpy as np
import pytest

from via_engine.errors import MediaUnreadableError
from via_engine.picture.still import decode_png, encode_png


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
