"""A clip whose frames pass through: what `Shot` offers, without a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from via_engine.edit_request import EditRequest
from via_engine.media_types import FrameRange, MediaInfo
from via_engine.method.attention_group import AttentionGroup
from via_engine.picture.composite import LocalPicture
from via_engine.picture.encode import ClipGeometry

Picture = NDArray[np.float32]
"""(H, W, 3) R'G'B', upright, not clipped."""


@dataclass(frozen=True, kw_only=True, eq=False)
class UnchangedPicture:
    """A source frame that stays as it is; `number` is its own in the media."""

    number: int
    source: Picture

    def at_native_size(self) -> LocalPicture:
        """The frame as an edit that reaches no pixel, so that the stored samples come back."""
        nowhere = np.zeros(self.source.shape[:2], np.float32)
        return LocalPicture(source=self.source, edited=self.source, alpha=nowhere)


@dataclass(frozen=True, kw_only=True, eq=False)
class PassThrough:
    """All frames of a request, unedited; it takes the place of its shots."""

    request: EditRequest
    media: MediaInfo

    @property
    def frame_range(self) -> FrameRange:
        """The frames of the request."""
        return self.request.frame_range

    @property
    def geometry(self) -> ClipGeometry:
        """Size, rate and tags of the result."""
        return ClipGeometry.of(self.media)

    @property
    def group_frames(self) -> tuple[int, ...]:
        """None: nothing is gathered."""
        return ()

    @property
    def keeps_source(self) -> bool:
        """True: the stored samples come back."""
        return True

    def apply(
        self,
        first_frame: int,
        sources: Sequence[Picture],
        group: AttentionGroup | None,  # noqa: ARG002 - as `Shot.apply`
        check: Callable[[], None],  # noqa: ARG002
    ) -> list[UnchangedPicture]:
        """The frames themselves."""
        return [
            UnchangedPicture(number=number, source=source)
            for number, source in enumerate(sources, start=first_frame)
        ]
