"""Between the clip's own size and the size the model works at, without losing the picture.

A model's result enlarged is soft. Where the edit keeps what is there (colour, light, weather) the
source's own detail still belongs to it, scaled by what the edit did to local contrast; where
something else stands there now, source detail would be a ghost. Which of the two holds is read
from the luma of both pictures at working size.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

_LUMA: Final = np.array([[0.2126, 0.7152, 0.0722]], np.float32)
# Structure is what is finer than this, at working size: slow ramps resemble one another by chance.
_STRUCTURE_SIGMA_PX: Final = 1.5
_WINDOW_SIGMA_PX: Final = 3.0
# Variance of half an 8-bit code: structure below it is noise of the model.
_NOISE_VARIANCE: Final = np.float32((0.57 / 255) ** 2)
# Correlation of structure up to which detail is dropped, and from which it is kept.
_UNRELATED: Final = 0.5
_SAME: Final = 0.9
_MAX_DETAIL_GAIN: Final = 1.5


def to_working_size(frame: Picture, *, width: int, height: int) -> Picture:
    """Picture (H, W, 3) float32 in 0..1 at (height, width): averaged down, bicubic up."""
    is_smaller = width * height < frame.shape[0] * frame.shape[1]
    interpolation = cv2.INTER_AREA if is_smaller else cv2.INTER_CUBIC
    resized: Picture = cv2.resize(frame, (width, height), interpolation=interpolation)
    return np.clip(resized, 0, 1, out=resized)


def to_native_size(source: Picture, source_round_trip: Picture, edited: Picture) -> Picture:
    """The edited picture at the source's size, with the source's detail where it still belongs.

    With `edited` equal to `source_round_trip` the result is the source, bit for bit.

    Args:
        source: (H, W, 3) float32 in 0..1.
        source_round_trip: (h, w, 3), the source at working size through the model's own encoder
            and decoder, so that the model's blur and colour drift cancel.
        edited: (h, w, 3), the edit as the model gives it.

    Returns:
        (H, W, 3) float32 in 0..1.
    """
    size = (source.shape[1], source.shape[0])
    change: Picture = cv2.resize(edited - source_round_trip, size, interpolation=cv2.INTER_CUBIC)
    detail = source - cv2.resize(source_round_trip, size, interpolation=cv2.INTER_CUBIC)
    # What is left out, not what is kept, is enlarged: zero stays exactly zero.
    lost = 1 - _detail_gain(source_round_trip, edited)
    detail *= cv2.resize(lost, size, interpolation=cv2.INTER_LINEAR)[..., np.newaxis]
    change += source
    change -= detail
    return np.clip(change, 0, 1, out=change)


def _detail_gain(source_round_trip: Picture, edited: Picture) -> Picture:
    """Factor (h, w) in 0..1.5 for source detail: local contrast gain where structure agrees."""
    before, after = _structure(source_round_trip), _structure(edited)
    covariance = _local_mean(before * after) + _NOISE_VARIANCE
    variance_before = _local_mean(before * before) + _NOISE_VARIANCE
    variance_after = _local_mean(after * after) + _NOISE_VARIANCE
    correlation = covariance / np.sqrt(variance_before * variance_after)
    share = np.clip((correlation - _UNRELATED) / (_SAME - _UNRELATED), 0, 1)
    smooth = share * share * (3 - 2 * share)
    gain: Picture = smooth * np.clip(covariance / variance_before, 0, _MAX_DETAIL_GAIN)
    return gain


def _structure(picture: Picture) -> Picture:
    luma: Picture = cv2.transform(picture, _LUMA)
    luma -= cv2.GaussianBlur(luma, (0, 0), _STRUCTURE_SIGMA_PX)
    return luma


def _local_mean(plane: Picture) -> Picture:
    mean: Picture = cv2.GaussianBlur(plane, (0, 0), _WINDOW_SIGMA_PX)
    return mean
