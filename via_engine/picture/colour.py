"""Explicit colour arithmetic: which matrix and range undo a stream's Y'CbCr, as pure functions.

Only matrix and range are ever undone. The R'G'B' that results stays display-referred, in the
source's own primaries and transfer. Numbers are those of ITU-T H.273.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from via_engine.errors import MediaUnreadableError
from via_engine.media_types import ColourTags

UNSPECIFIED = 2
BT709 = 1
SMPTE170M = 6

_RED_BLUE_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
# Identity (RGB) and reserved say nothing about a Y'CbCr stream.
_SAYS_NOTHING = {0, UNSPECIFIED, 3}


def matrix_is_assumed(colour: ColourTags) -> bool:
    """Whether the stream does not say its matrix, so that `resolved_matrix` chooses by height."""
    return colour.matrix in _SAYS_NOTHING


def resolved_matrix(colour: ColourTags, height: int) -> int:
    """Matrix that undoes the stream: its own, else BT.709 from 720 lines on, else SMPTE 170M.

    Raises:
        MediaUnreadableError: the tagged matrix is no plain Y'CbCr one.
    """
    if matrix_is_assumed(colour):
        return BT709 if height >= 720 else SMPTE170M
    if colour.matrix not in _RED_BLUE_WEIGHTS:
        raise MediaUnreadableError(
            f"colour matrix {colour.matrix} (H.273) is not supported; convert the clip to "
            "BT.709 or BT.2020 non-constant luminance first"
        )
    return colour.matrix


def delivery_tags(colour: ColourTags, height: int) -> ColourTags:
    """Tags of a result made from such a source of `height` lines, as stored.

    Primaries and transfer are the source's; the matrix is the one in use, named; the range is
    limited, as every decoder assumes of ProRes.
    """
    return replace(colour, matrix=resolved_matrix(colour, height), full_range=False)


def yuv_to_rgb(matrix: int, bits: int, *, full_range: bool) -> NDArray[np.float32]:
    """Affine map (3, 4) from Y'CbCr code values of `bits` to R'G'B' in 0..1."""
    return _inverted(_rgb_to_yuv(matrix, bits, full_range=full_range)).astype(np.float32)


def rgb_to_yuv(matrix: int, bits: int, *, full_range: bool) -> NDArray[np.float32]:
    """Affine map (3, 4) from R'G'B' in 0..1 to Y'CbCr code values of `bits`, unrounded."""
    return _rgb_to_yuv(matrix, bits, full_range=full_range).astype(np.float32)


def code_scale(bits: int, *, full_range: bool) -> tuple[float, float, float]:
    """Code value of black, codes from black to white, and codes of the whole chroma span."""
    if full_range:
        return 0.0, 2.0**bits - 1, 2.0**bits - 1
    step = 2.0 ** (bits - 8)
    return 16 * step, 219 * step, 224 * step


def _rgb_to_yuv(matrix: int, bits: int, *, full_range: bool) -> NDArray[np.float64]:
    red, blue = _RED_BLUE_WEIGHTS[matrix]
    luma = np.array([red, 1 - red - blue, blue])
    blue_difference = (np.array([0.0, 0.0, 1.0]) - luma) / (2 * (1 - blue))
    red_difference = (np.array([1.0, 0.0, 0.0]) - luma) / (2 * (1 - red))
    black, luma_span, chroma_span = code_scale(bits, full_range=full_range)
    linear = np.stack(
        [luma_span * luma, chroma_span * blue_difference, chroma_span * red_difference]
    )
    grey = 2.0 ** (bits - 1)
    return np.column_stack([linear, [black, grey, grey]])


def _inverted(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.linalg.inv(affine[:, :3])
    return np.column_stack([linear, -linear @ affine[:, 3]])
