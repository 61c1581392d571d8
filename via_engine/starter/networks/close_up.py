"""A closer look: the square around a box, brought to the size a segmenter works at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class CloseUp:
    """A square part of a frame, drawn `side` pixels wide.

    `left` and `top` are its outer edges in pixels of the frame, `scale` is canvas pixels per
    frame pixel. It may reach beyond the frame.
    """

    left: float
    top: float
    scale: float
    side: int

    def to_canvas(self, boxes_xyxy: NDArray[np.floating]) -> NDArray[np.float32]:
        """(N, 4) boxes of the frame in pixels of the canvas."""
        corner = np.array((self.left, self.top) * 2)
        return np.asarray((boxes_xyxy - corner) * self.scale, np.float32)

    def draw(self, frame: Picture) -> Picture:
        """(side, side, ...) of a frame (H, W, ...); beyond its edges they go on."""
        return self._warped(frame, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE, 0)

    def draw_labels(self, labels: Picture, beyond: int) -> Picture:
        """(side, side) of (H, W) labels, none of them mixed; `beyond` is what lies outside."""
        return self._warped(labels, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT, beyond)

    def back(self, values: Picture, shape: tuple[int, int], beyond: float) -> Picture:
        """(H, W) of a frame from (side, side) of the canvas; `beyond` is what it does not show."""
        return np.asarray(
            cv2.warpAffine(
                values,
                cv2.invertAffineTransform(self._matrix()),
                (shape[1], shape[0]),
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=(beyond,),
            )
        )

    def _warped(self, picture: Picture, blend: int, border: int, beyond: float) -> Picture:
        return np.asarray(
            cv2.warpAffine(
                picture,
                self._matrix(),
                (self.side, self.side),
                flags=blend,
                borderMode=border,
                borderValue=(beyond,),
            )
        )

    def _matrix(self) -> NDArray[np.float64]:
        """Frame to canvas; centres of pixels lie half a pixel in."""
        shift = 0.5 * self.scale - 0.5
        return np.array(
            [
                [self.scale, 0, shift - self.left * self.scale],
                [0, self.scale, shift - self.top * self.scale],
            ]
        )


def close_up_of(box_xyxy: NDArray[np.floating], *, room: float, side: int) -> CloseUp:
    """The close-up about a box's middle, `room` times as wide as the box's longer side."""
    left, top, right, bottom = (float(edge) for edge in box_xyxy)
    width = max(room * max(right - left, bottom - top), 1.0)
    return CloseUp(
        left=(left + right - width) / 2,
        top=(top + bottom - width) / 2,
        scale=side / width,
        side=side,
    )
