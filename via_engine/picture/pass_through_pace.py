"""How fast frames pass from a file into a new one, told by letting the first of them pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from via_engine.media_types import FrameRange, MediaInfo, OutputFormat
from via_engine.picture.composite import LocalPicture
from via_engine.picture.decode import read_frames
from via_engine.picture.encode import ClipGeometry, write_chunk

_MOST_FRAMES = 12
_LONG_ENOUGH_S = 0.5


def pass_through_pace(
    media: MediaInfo, frame_range: FrameRange, output_format: OutputFormat
) -> float:
    """Seconds per frame that an edit without a model will take, from a few frames of the range.

    Reading and writing go on side by side in such an edit, so the slower of them counts.

    Raises:
        RangeError, MediaError, OutputError: as an edit of these frames would.
    """
    started = time.perf_counter()
    pictures: list[NDArray[np.float32]] = []
    with closing(read_frames(media, frame_range, clipped=False)) as frames:
        for picture in islice(frames, _MOST_FRAMES):
            pictures.append(picture)
            if time.perf_counter() - started > _LONG_ENOUGH_S:
                break
    read_s = time.perf_counter() - started
    with TemporaryDirectory(prefix="via-pace-") as folder:
        write_s = _seconds(lambda: _write(Path(folder), media, pictures, output_format))
    return max(read_s, write_s) / len(pictures)


def _write(
    folder: Path,
    media: MediaInfo,
    pictures: list[NDArray[np.float32]],
    output_format: OutputFormat,
) -> None:
    nowhere = np.zeros(pictures[0].shape[:2], np.float32)
    unchanged = [
        LocalPicture(source=picture, edited=picture, alpha=nowhere) for picture in pictures
    ]
    part = FrameRange(0, len(pictures))
    write_chunk(folder, 0, part, unchanged, ClipGeometry.of(media), output_format)


def _seconds(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
