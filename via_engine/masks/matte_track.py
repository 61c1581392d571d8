"""`MatteTrack`: a matte of the editor's own for every frame of a stretch, its soft edges kept."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from via_engine.errors import MaskError, RangeError
from via_engine.media_types import FrameRange

Alpha = NDArray[np.float32]
Mask = NDArray[np.bool_]

# What compression leaves around black and white in a matte counts as black and white: outside a
# mask the source has to stay as it is, to the bit.
_BLACK, _WHITE = 0.04, 0.96
_LIGHT = 0.5
_FAST = 1


@dataclass(frozen=True)
class MatteTrack:
    """Mattes of consecutive media frames, 8 bits to a pixel, deflated.

    Attributes:
        first_frame: media frame of the first matte.
        width: of every matte, in pixels.
        height: of every matte, in pixels.
        packed: the pixels of each matte row by row.
    """

    first_frame: int
    width: int
    height: int
    packed: tuple[bytes, ...]

    @classmethod
    def of(cls, first_frame: int, mattes: Iterable[NDArray[np.float32]]) -> MatteTrack:
        """The track of (height, width) float32 mattes, 0 to 1, of one size; taken one by one.

        Raises:
            MaskError: there is none.
        """
        packed: list[bytes] = []
        size: tuple[int, ...] = ()
        for matte in mattes:
            size = matte.shape
            levels = np.clip((matte - _BLACK) / (_WHITE - _BLACK), 0, 1) * 255
            packed.append(zlib.compress(np.rint(levels).astype(np.uint8).tobytes(), _FAST))
        if not packed:
            raise MaskError("the matte holds no frame of the range; give one of its length")
        return cls(first_frame, size[1], size[0], tuple(packed))

    def held_for(self, frame_count: int) -> MatteTrack:
        """The first matte for that many frames."""
        return MatteTrack(self.first_frame, self.width, self.height, self.packed[:1] * frame_count)

    @property
    def frame_range(self) -> FrameRange:
        """The media frames that have a matte."""
        return FrameRange(self.first_frame, self.first_frame + len(self.packed))

    def alpha(self, frame: int) -> Alpha:
        """The matte of a media frame, (height, width) float32, 0 to 1.

        Raises:
            RangeError: the track does not hold that frame.
        """
        levels = np.frombuffer(zlib.decompress(self.bytes_of(frame)), np.uint8)
        return np.asarray(levels.reshape(self.height, self.width) / 255, np.float32)

    def mask(self, frame: int) -> Mask:
        """Where the matte of a media frame is light, (height, width) bool; raises as `alpha`."""
        return np.asarray(self.alpha(frame) >= _LIGHT)

    def bytes_of(self, frame: int) -> bytes:
        """A media frame's matte as it is kept: equal bytes, equal mattes. Raises as `alpha`."""
        held = self.frame_range
        if frame not in held.frames:
            raise RangeError(
                f"no matte is known of frame {frame}; the track holds frames {held.start_frame} to "
                f"{held.end_frame_exclusive - 1}"
            )
        return self.packed[frame - self.first_frame]
