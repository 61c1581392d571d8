"""Decisions made before any model runs: which frames, in which pieces, at which size. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from via_engine.media_types import FrameRange, MediaInfo
from via_engine.model_card import ModelCard

T = TypeVar("T")


def group_frames(frame_range: FrameRange, group_size: int) -> tuple[int, ...]:
    """Frames whose keys and values are gathered: evenly spaced, first and last frame included.

    They are distinct and rising. A range shorter than `group_size` gives all its frames; a group
    of one is the first frame.
    """
    _check_positive("group_size", group_size)
    return evenly_spread(frame_range.frames, group_size)


def evenly_spread(frames: Sequence[int], count: int) -> tuple[int, ...]:
    """`count` of the frames, the first and the last included; all of them when they are fewer.

    One is the first frame.
    """
    last, gaps = len(frames) - 1, min(count, len(frames)) - 1
    if gaps < 1:
        return tuple(frames[:1])
    return tuple(frames[_round_half_up(index * last, gaps)] for index in range(gaps + 1))


def chunk_ranges(frame_range: FrameRange, chunk_frames: int) -> tuple[FrameRange, ...]:
    """The range cut into pieces of `chunk_frames` in order; the last one may be shorter."""
    _check_positive("chunk_frames", chunk_frames)
    end = frame_range.end_frame_exclusive
    return tuple(
        FrameRange(start, min(start + chunk_frames, end))
        for start in range(frame_range.start_frame, end, chunk_frames)
    )


def batches(frames: Iterable[T], batch_frames: int) -> Iterator[tuple[T, ...]]:
    """Groups of `batch_frames` in order, taken from `frames` only when asked for.

    The last group may be shorter; no more than one group is held.
    """
    _check_positive("batch_frames", batch_frames)
    remaining = iter(frames)
    while batch := tuple(islice(remaining, batch_frames)):
        yield batch


def working_size(
    width: int, height: int, *, long_side_px: int, multiple_px: int
) -> tuple[int, int]:
    """Width and height at which the model works on a picture, in pixels.

    The aspect is kept as closely as multiples of `multiple_px` allow; the longer side is at most
    `long_side_px`. A smaller source keeps its size, rounded to the nearest multiple. Both sides
    are at least one multiple.
    """
    _check_positive("width", width)
    _check_positive("height", height)
    _check_positive("multiple_px", multiple_px)
    longer = max(width, height)
    limit = min(long_side_px, longer)
    largest = long_side_px // multiple_px

    def side(length: int) -> int:
        nearest = _round_half_up(length * limit, longer * multiple_px)
        return max(1, min(nearest, largest)) * multiple_px

    return side(width), side(height)


def clip_working_size(media: MediaInfo, card: ModelCard) -> tuple[int, int]:
    """Width and height at which `card`'s model works on a clip: upright and in square pixels.

    Models know no other pixels, so anamorphic pictures are edited in the shape they are shown in.
    """
    width = max(1, round(media.width * media.sample_aspect_ratio))
    height = media.height
    if media.rotation_degrees % 180 == 90:
        width, height = height, width
    return working_size(width, height, long_side_px=card.long_side_px, multiple_px=card.multiple_px)


def _round_half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _check_positive(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} is {value}; it must be at least 1")
