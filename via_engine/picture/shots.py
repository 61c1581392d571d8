"""Where one shot ends and the next begins: cuts found by PySceneDetect in small pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector

from via_engine.media_types import FrameRange, MediaInfo
from via_engine.picture.decode import read_thumbnails

# Long media is searched in blocks with fixed ends: every range inside one finds the same shots.
_BLOCK_FRAMES = 2_400
_SHORTEST_SHOT_FRAMES = 8
# The detector looks at the frames around each, and says nothing about the last ones.
_LOOKAHEAD_FRAMES = 2


def shots_touching(media: MediaInfo, frame_range: FrameRange) -> tuple[FrameRange, ...]:
    """The shots any frame of the range belongs to, whole and in order.

    Media longer than 2,400 frames is searched in blocks of that length, and a block's end counts
    as a cut, as a hole in a sequence does. Transitions such as dissolves are not found.

    Raises:
        MediaError: the media cannot be read.
    """
    first = frame_range.start_frame // _BLOCK_FRAMES * _BLOCK_FRAMES
    starts = range(first, frame_range.end_frame_exclusive, _BLOCK_FRAMES)
    found: list[FrameRange] = []
    for start in starts:
        block = FrameRange(start, min(start + _BLOCK_FRAMES, media.frame_count))
        for piece in _there(block, media.missing_ranges):
            pictures = read_thumbnails(media, piece)
            found += _between(piece, find_cuts(pictures, piece.start_frame, media.frame_rate))
    return tuple(shot for shot in found if shot.overlaps(frame_range))


def find_cuts(
    pictures: Iterable[NDArray[np.uint8]], first_frame: int, frame_rate: Fraction
) -> tuple[int, ...]:
    """First frames of new shots, rising; the first picture begins none.

    Args:
        pictures: consecutive (h, w, 3) uint8 RGB of one size.
        first_frame: number of the first of them.
        frame_rate: frames per second.
    """
    detector = AdaptiveDetector(min_scene_len=_SHORTEST_SHOT_FRAMES)
    cuts: list[int] = []
    for index, picture in enumerate(_with_ending(pictures)):
        found = detector.process_frame(FrameTimecode(index, frame_rate), picture[:, :, ::-1].copy())
        cuts += [first_frame + int(cut.frame_num) for cut in found]
    return tuple(sorted(set(cuts)))


def _with_ending(pictures: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """The pictures, the last of them repeated until the detector has judged them all."""
    last: NDArray[np.uint8] | None = None
    for last in pictures:
        yield last
    if last is not None:
        yield from [last] * _LOOKAHEAD_FRAMES


def _there(block: FrameRange, missing: Sequence[FrameRange]) -> Iterator[FrameRange]:
    """The parts of the block between its missing frames."""
    start = block.start_frame
    for hole in (each.common_with(block) for each in missing if each.overlaps(block)):
        if start < hole.start_frame:
            yield FrameRange(start, hole.start_frame)
        start = hole.end_frame_exclusive
    if start < block.end_frame_exclusive:
        yield FrameRange(start, block.end_frame_exclusive)


def _between(block: FrameRange, cuts: tuple[int, ...]) -> list[FrameRange]:
    edges = [block.start_frame, *cuts, block.end_frame_exclusive]
    return [FrameRange(start, end) for start, end in pairwise(edges) if start < end]
