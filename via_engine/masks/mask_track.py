"""`MaskTrack`: the mask of every frame of a stretch of a clip, small enough to keep."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from via_engine.errors import MaskError, RangeError
from via_engine.media_types import FrameRange

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class MaskTrack:
    """Masks of consecutive media frames, eight pixels to a byte.

    Attributes:
        first_frame: media frame of the first mask.
        width: of every mask, in pixels.
        height: of every mask, in pixels.
        packed: the pixels of each mask row by row, the highest bit first, the last byte filled
            up with zeros.
        unseen: phrases that were looked for and that no frame shows.
    """

    first_frame: int
    width: int
    height: int
    packed: tuple[bytes, ...]
    unseen: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, first_frame: int, masks: Iterable[Mask], *, unseen: Iterable[str] = ()
    ) -> MaskTrack:
        """The track of (height, width) bool masks; they are taken one by one.

        Raises:
            MaskError: there is none, one is no (height, width) bool, or sizes differ.
        """
        packed: list[bytes] = []
        size: tuple[int, ...] = ()
        for mask in masks:
            if mask.ndim != 2 or mask.dtype != np.bool_:
                raise MaskError(
                    f"the mask of frame {first_frame + len(packed)} is {mask.dtype} of shape "
                    f"{mask.shape}; give (height, width) bool"
                )
            size = size or mask.shape
            if mask.shape != size:
                raise MaskError(
                    f"the mask of frame {first_frame + len(packed)} is {mask.shape[1]}x"
                    f"{mask.shape[0]} pixels, those before it {size[1]}x{size[0]}; give all masks "
                    "in one size"
                )
            packed.append(np.packbits(mask).tobytes())
        if not packed:
            raise MaskError("a track of no frames was asked for; give the mask of one at least")
        return cls(first_frame, size[1], size[0], tuple(packed), tuple(unseen))

    @property
    def frame_range(self) -> FrameRange:
        """The media frames that have a mask."""
        return FrameRange(self.first_frame, self.first_frame + len(self.packed))

    def mask(self, frame: int) -> Mask:
        """The mask of a media frame, (height, width) bool, a copy of the caller's own.

        Raises:
            RangeError: the track does not hold that frame.
        """
        pixels = np.frombuffer(self.bytes_of(frame), np.uint8)
        found = np.unpackbits(pixels, count=self.width * self.height)
        return found.reshape(self.height, self.width).astype(np.bool_)

    def holds_subject(self, frame: int) -> bool:
        """Whether any pixel of a media frame's mask is set; raises as `mask`."""
        return any(self.bytes_of(frame))

    @property
    def identity(self) -> str:
        """Hex digest; equal means the same masks at the same frames."""
        header = f"{self.first_frame} {self.width} {self.height} {len(self.packed)}".encode()
        digest = hashlib.sha256(header)
        for masked in self.packed:
            digest.update(masked)
        return digest.hexdigest()

    @property
    def size_bytes(self) -> int:
        """Memory the masks take."""
        return sum(map(len, self.packed))

    def bytes_of(self, frame: int) -> bytes:
        """A media frame's mask as it is kept: equal bytes, equal masks. Raises as `mask`."""
        index = frame - self.first_frame
        if not 0 <= index < len(self.packed):
            held = self.frame_range
            raise RangeError(
                f"no mask is known of frame {frame}; the track holds frames {held.start_frame} to "
                f"{held.end_frame_exclusive - 1}"
            )
        return self.packed[index]
