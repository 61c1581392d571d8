"""Which frame of a clip is edited first.

The published method takes any. Here those come first that show most, sharpest and nearest to the
middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from via_engine.method.adaptation import RootPair

_LUMA = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True, kw_only=True, eq=False)
class RootFrame:
    """A frame of the clip that may become the root.

    Attributes:
        frame: its number in the media.
        source: (1, 3, H, W), RGB, float32, 0 to 1, at working size.
        alpha: (1, 1, H, W), float32, 1 where the edit goes, 0 where the source stays; None for
            the whole picture.
    """

    frame: int
    source: Tensor
    alpha: Tensor | None = None

    @property
    def area(self) -> float:
        """Share of the picture the edit may change."""
        return 1.0 if self.alpha is None else float(self.alpha.mean())

    def pair(self, edited: Tensor) -> RootPair:
        """The root pair with an edit (1, 3, H, W) of this frame, the source outside the mask."""
        if self.alpha is not None:
            edited = self.source + self.alpha * (edited - self.source)
        return RootPair(frame=self.frame, source=self.source, edited=edited, mask=self.alpha)


def best_root_frames(frames: Sequence[RootFrame], count: int) -> list[RootFrame]:
    """The `count` frames best suited to be the root, the best first.

    Rank by mask area, sharpness inside it, and nearness to the middle of those given; a frame
    without the subject comes last. Area counts double: what is not in the picture is not learned.
    """
    middle = (frames[0].frame + frames[-1].frame) / 2
    ranked = np.zeros(len(frames))
    for weight, values in (
        (2.0, [one.area for one in frames]),
        (1.0, [_sharpness(one) for one in frames]),
        (1.0, [-abs(one.frame - middle) for one in frames]),
    ):
        ranked += weight * _ranks(values)
    order = sorted(range(len(frames)), key=lambda index: (frames[index].area == 0, -ranked[index]))
    return [frames[index] for index in order[:count]]


def _sharpness(root: RootFrame) -> float:
    """Mean square of the Laplacian of luma where the edit goes."""
    red, green, blue = root.source[0].cpu().numpy()
    luma = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
    edges = cv2.Laplacian(luma.astype(np.float32), cv2.CV_32F) ** 2
    weight = np.ones_like(edges) if root.alpha is None else root.alpha[0, 0].cpu().numpy()
    return float((edges * weight).sum() / max(float(weight.sum()), 1.0))


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """0 for the smallest to 1 for the largest; equal values share their mean rank."""
    array = np.asarray(values)
    below = (array[:, None] > array).sum(axis=1) + (array[:, None] == array).sum(axis=1) / 2
    ranks: NDArray[np.float64] = below / len(array)
    return ranks
