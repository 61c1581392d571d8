"""Carries masks known in some frames through all others, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from via_engine.masks.flow import carried
from via_engine.masks.likeness import Look, likeness, look_of, plausible
from via_engine.masks.outline import bounding_box, grown, overlap, parts, without_specks
from via_engine.masks.sighting import BoxSegmenter

Frame = NDArray[np.uint8]
Mask = NDArray[np.bool_]

REACH_FRAMES = 48
# Below this overlap the segmenter has found something else than what was carried there.
_AGREEMENT = 0.5
# From this overlap its outline is taken as it is.
_SAME_OUTLINE = 0.75
# A mask that is by so much less like the subject than usual has taken in something else.
_LESS_ALIKE = 0.05
_STILL_SUBJECT = 0.55
# A subject comes out from behind something: of what is expected so much is in the outline, which
# is at most so many times as large.
_HELD_SHARE = 0.8
_MOST_GROWTH = 1.6
_FAR_MORE = 2
# What is followed to a frame in which it was looked for and not found is this share of the whole
# subject, or else a remnant of it on something of the same colour.
_WHOLE_SHARE = 1 / 3
# Of a mask that took in something else, so much is the subject.
_REMAINING_SHARE = 0.25


class VideoFollower(Protocol):
    """A model of video that follows a subject by itself."""

    def masks(
        self, frames: NDArray[np.uint8], known: Mapping[int, Mask], check: Callable[[], None]
    ) -> Iterator[Mask]:
        """The subject's mask in each of `frames`, (N, H, W, 3), from those `known` by place."""


def stacked(frames: Iterable[Frame]) -> NDArray[np.uint8]:
    """The frames as one array, (N, H, W, 3); an array, on disk too, stays as it is."""
    return frames if isinstance(frames, np.ndarray) else np.stack(list(frames))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Held:
    """A frame, and how large a mask must be to be believed there."""

    frame: Frame
    least_px: float


@dataclass(frozen=True, kw_only=True)
class Tracker:
    """Follows one subject from frame to frame.

    Attributes:
        segmenter: redraws the outline in every frame, so that errors of the motion do not add up.
        look: of the subject; once what is followed differs from it, the subject is lost.
        check: called before every frame; raises to stop.
        usual_likeness: of the subject's sightings to its look, 0 to 1.
        reach_frames: frames held at most: so far back a known mask reaches.
    """

    segmenter: BoxSegmenter
    look: Look
    check: Callable[[], None]
    usual_likeness: float = 0.9
    reach_frames: int = REACH_FRAMES

    def masks(
        self,
        frames: Iterable[Frame],
        known: Mapping[int, Mask],
        doubtful: Mapping[int, Sequence[Mask]] = MappingProxyType({}),
    ) -> Iterator[Mask]:
        """The subject's mask in every frame, in order; empty where it is not in sight.

        Between two known masks the nearer one decides, unless it shows far less. At most
        `reach_frames` + 1 frames are held.

        Args:
            frames: (H, W, 3) uint8, RGB.
            known: masks (H, W) bool by the frame's place in `frames`, from 0.
            doubtful: for frames that were looked at without finding the subject, the masks that
                may hold it beside something else. Where none does, the subject is lost unless a
                good part of it is followed there.
        """
        areas = [int(np.count_nonzero(mask)) for mask in known.values()]
        whole_px = float(np.median(areas)) if areas else 0.0
        # The frame that was settled last, and all after it.
        held: list[_Held] = []
        last = np.zeros((0, 0), np.bool_)
        for index, frame in enumerate(frames):
            if index == 0:
                # Nothing is known before the first frame, so it may be reached from behind.
                held = [_Held(frame=frame, least_px=0)]
                last = np.zeros(frame.shape[:2], np.bool_)
            is_doubted = index in doubtful and index not in known
            held.append(_Held(frame=frame, least_px=_WHOLE_SHARE * whole_px * is_doubted))
            seen = self._seen(frame, known.get(index), doubtful.get(index, ()))
            if seen is not None:
                between = self._between(held, last, seen)
                yield from between[1:]
                held, last = held[-1:], seen
            elif len(held) > self.reach_frames:
                last = self._next(held[0], held[1], last)
                yield last
                held.pop(0)
        for before, after in pairwise(held):
            last = self._next(before, after, last)
            yield last

    def _seen(self, frame: Frame, known: Mask | None, doubtful: Sequence[Mask]) -> Mask | None:
        """What is known of a frame, or the best of what is doubtful, without foreign colours."""
        if known is not None:
            return without_specks(self._cleared(frame, known))
        fitting = []
        for mask in doubtful:
            cleared = without_specks(self._cleared(frame, mask))
            remains = np.count_nonzero(cleared) >= _REMAINING_SHARE * np.count_nonzero(mask)
            if remains and self._is_clear(frame, cleared):
                fitting.append(cleared)
        return max(fitting, key=np.count_nonzero, default=None)

    def _between(self, frames: list[_Held], first: Mask, last: Mask) -> list[Mask]:
        """Masks of all frames, followed inwards from both ends until they meet."""
        empty = np.zeros_like(first)
        masks = [first, *[empty] * (len(frames) - 2), last]
        low, high = 0, len(frames) - 1
        while high - low > 1 and (masks[low].any() or masks[high].any()):
            if _low_goes(masks[low], masks[high], low <= len(frames) - 1 - high):
                masks[low + 1] = self._next(frames[low], frames[low + 1], masks[low])
                low += 1
            else:
                masks[high - 1] = self._next(frames[high], frames[high - 1], masks[high])
                high -= 1
        return masks

    def _next(self, held: _Held, neighbour: _Held, mask: Mask) -> Mask:
        """The mask of a frame's neighbour; empty when the subject is lost there."""
        self.check()
        expected = without_specks(carried(mask, held.frame, neighbour.frame))
        if not expected.any():
            return expected
        found = self._redrawn(neighbour.frame, expected)
        is_subject = self._likeness(neighbour.frame, found) >= _STILL_SUBJECT
        is_enough = np.count_nonzero(found) >= neighbour.least_px
        return found if is_subject and is_enough else np.zeros_like(found)

    def _redrawn(self, frame: Frame, expected: Mask) -> Mask:
        """The segmenter's outline of what is expected, as one thing or as its parts.

        Where it takes in or leaves out much, most often something passes in front: then what
        was carried there bounds it.
        """
        boxes = [bounding_box(expected), *(bounding_box(part) for part in parts(expected))]
        whole, *others = self.segmenter.segment(frame, boxes_xyxy=np.stack(boxes))
        found = (whole, np.logical_or.reduce(others))
        outlines = [without_specks(self._cleared(frame, outline)) for outline in found]
        best = max(outlines, key=lambda outline: overlap(outline, expected))
        agreement = overlap(best, expected)
        if agreement >= _SAME_OUTLINE or self._emerges(frame, best, expected):
            return best
        kept = best & grown(expected) if agreement >= _AGREEMENT else expected
        return without_specks(self._cleared(frame, kept))

    def _emerges(self, frame: Frame, found: Mask, expected: Mask) -> bool:
        """Whether an outline holds what is expected and more of the subject beside it."""
        area = np.count_nonzero(expected)
        holds_it = np.count_nonzero(found & expected) >= _HELD_SHARE * area
        is_near = np.count_nonzero(found) <= _MOST_GROWTH * area
        return bool(holds_it and is_near) and self._is_clear(frame, found)

    def _cleared(self, frame: Frame, mask: Mask) -> Mask:
        """The mask without colours that the subject has not, if it holds many of them."""
        if self._is_clear(frame, mask):
            return mask
        cleared = mask & plausible(frame, self.look)
        gains = self._likeness(frame, cleared) > self._likeness(frame, mask)
        return cleared if gains else mask

    def _is_clear(self, frame: Frame, mask: Mask) -> bool:
        return self._likeness(frame, mask) >= self.usual_likeness - _LESS_ALIKE

    def _likeness(self, frame: Frame, mask: Mask) -> float:
        return likeness(look_of(frame, mask), self.look)


def _low_goes(low: Mask, high: Mask, low_is_nearer: bool) -> bool:
    """Which of two ends is followed next: the one that shows far more, else the nearer one.

    What is seen whole can be followed out of sight; of what is hardly seen, the rest is unknown.
    """
    low_area, high_area = np.count_nonzero(low), np.count_nonzero(high)
    if max(low_area, high_area) > _FAR_MORE * min(low_area, high_area):
        return bool(low_area > high_area)
    return low_is_nearer
