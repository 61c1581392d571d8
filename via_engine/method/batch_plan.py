"""Which frames go through the model together, and which of them once more after a restart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from via_engine.media_types import FrameRange
from via_engine.schedule import chunk_ranges


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Consecutive frames of one shot, and of one chunk; `shot` is its place among the shots."""

    shot: int
    frame_range: FrameRange


def needed_batches(
    shots: Sequence[FrameRange],
    chunks: Sequence[FrameRange],
    missing: Collection[int],
    *,
    batch_frames: int,
    radius: int,
) -> tuple[Batch, ...]:
    """The batches in which the missing chunks' frames lie, and their neighbours within a shot.

    The same frames always share a batch, whichever chunks are missing: what a model gives depends,
    in the last bits, on what it works on at once.

    Args:
        shots: in order, without gaps.
        chunks: in order; they cover what the shots cover.
        missing: places of those to be made among the chunks.
        batch_frames: most frames of a batch.
        radius: neighbours on each side that a frame depends on.
    """
    found: list[Batch] = []
    for number, shot in enumerate(shots):
        pieces = [
            (place in missing, chunk.common_with(shot))
            for place, chunk in enumerate(chunks)
            if chunk.overlaps(shot)
        ]
        needed = {
            frame
            for is_missing, piece in pieces
            if is_missing
            for frame in range(piece.start_frame - radius, piece.end_frame_exclusive + radius)
        }
        found += [
            Batch(shot=number, frame_range=batch)
            for _, piece in pieces
            for batch in chunk_ranges(piece, batch_frames)
            if not needed.isdisjoint(batch.frames)
        ]
    return tuple(found)


def runs(batches: Iterable[Batch]) -> Iterator[tuple[Batch, ...]]:
    """The batches in groups that follow one another without a gap in one shot."""
    run: list[Batch] = []
    for batch in batches:
        if run and not _follows(batch, run[-1]):
            yield tuple(run)
            run = []
        run.append(batch)
    if run:
        yield tuple(run)


def _follows(batch: Batch, last: Batch) -> bool:
    is_next = batch.frame_range.start_frame == last.frame_range.end_frame_exclusive
    return is_next and batch.shot == last.shot
