"""Frames of a range at working size, on disk: to be looked at in any order, however many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

from via_engine.errors import DiskFullError
from via_engine.media_types import FrameRange, MediaInfo
from via_engine.picture.decode import read_frames
from via_engine.picture.native_size import to_working_size


@contextmanager
def stored_frames(
    media: MediaInfo,
    frame_range: FrameRange,
    *,
    width: int,
    height: int,
    folder: Path,
    check: Callable[[], None],
) -> Iterator[NDArray[np.uint8]]:
    """While open, the frames as one (frames, height, width, 3) uint8 RGB array on disk.

    The file lies in `folder` without a name and is gone afterwards. `check` is called for every
    frame and raises to stop.

    Raises:
        MediaError: the media cannot be read.
        DiskFullError: the folder has no room for them.
    """
    shape = (frame_range.frame_count, height, width, 3)
    with TemporaryFile(dir=folder) as file:
        try:
            for picture in read_frames(media, frame_range):
                check()
                small = to_working_size(picture, width=width, height=height)
                file.write(np.rint(small * 255).astype(np.uint8).tobytes())
            file.flush()
        except OSError as error:
            raise DiskFullError(
                f"{folder} has no room for {int(np.prod(shape)) >> 20} MiB of frames to look at; "
                "free some space and try again"
            ) from error
        yield np.memmap(file, np.uint8, "c", shape=shape)
