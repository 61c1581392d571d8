"""An edit over its source: the edit inside a soft mask, the source's own samples outside.

A picture that goes through R'G'B' comes back as the same samples only if nothing was clipped and
no filter reached across the edge of the mask. So pictures are made into samples first, source and
edit apart, and the samples are mixed: where the mask is 0 they stay the integers they were.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from via_engine.picture.planes import frame_from_picture, plane_samples

Picture = NDArray[np.float32]
Alpha = NDArray[np.float32]
"""(H, W), 0 where the source stays, 1 where the edit stands."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LocalPicture:
    """An edited picture whose source shows through.

    Attributes:
        source: (H, W, 3) float32 R'G'B', not clipped: what reaches outside 0..1 is part of the
            samples.
        edited: (H, W, 3) float32 R'G'B' in 0..1.
        alpha: (H, W) float32 in 0..1, 0 where the source stays.
    """

    source: Picture
    edited: Picture
    alpha: Alpha


def composite(source: Picture, edited: Picture, alpha: Alpha) -> Picture:
    """The mix (H, W, 3) float32 of two such pictures, for looking at.

    Exactly `source` where `alpha`, (H, W), is 0, and exactly `edited` where it is 1.
    """
    weight = alpha[..., np.newaxis]
    mixed: Picture = (1 - weight) * source
    mixed += weight * edited
    return mixed


def frame_from_local_picture(picture: LocalPicture, pixel_format: str, matrix: int) -> VideoFrame:
    """The composite as a limited-range Y'CbCr frame of a planar `pixel_format`.

    Every sample that a pixel with alpha 0 takes part in is the source's, bit for bit: if the
    source is stored in `pixel_format` and limited range, the stored one, else the stored one
    converted. A chroma sample goes with the least alpha of the pixels it stands for.
    """
    frame = frame_from_picture(picture.edited, pixel_format, matrix)
    own = frame_from_picture(picture.source, pixel_format, matrix, keep_reserved=True)
    bits = frame.format.components[0].bits
    for plane, own_plane in zip(frame.planes, own.planes, strict=True):
        weight = _least(picture.alpha, width=plane.width, height=plane.height)
        samples, stays = plane_samples(plane, bits), plane_samples(own_plane, bits)
        samples[:] = np.rint((1 - weight) * stays + weight * samples)
    return frame


def _least(alpha: Alpha, *, width: int, height: int) -> Alpha:
    """The lowest alpha of the pixels that each sample of a plane of that size stands for.

    Those are its own and, in a coarser plane, the ones to its right and below.
    """
    across, down = -(-alpha.shape[1] // width), -(-alpha.shape[0] // height)
    lowest: Alpha = cv2.erode(alpha, np.ones((down, across), np.uint8), anchor=(0, 0))
    return lowest[::down, ::across]
