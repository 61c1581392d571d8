"""From a plan to the mask of every frame: found in some frames, followed to the others."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from via_engine.errors import SubjectNotFoundError
from via_engine.masks.flow import carried
from via_engine.masks.mask_track import MaskTrack
from via_engine.masks.outline import with_room, without_specks
from via_engine.masks.plan import InstructionPlan, Region
from via_engine.masks.propagate import Tracker, VideoFollower, stacked
from via_engine.masks.sighting import (
    BoxSegmenter,
    Finder,
    Sighting,
    Thing,
    doubtful_by_index,
    masks_by_index,
    sightings_in,
    subjects_among,
    things_among,
)
from via_engine.masks.wording import is_plural

Frame = NDArray[np.uint8]
Mask = NDArray[np.bool_]

# Frames from one look of the grounder to the next: a quarter of a second of film.
KEY_INTERVAL = 6
_ROOM = 1.25


@dataclass(frozen=True, kw_only=True)
class _Search:
    """Looks for phrases in some frames of a clip."""

    frames: Iterable[Frame]
    grounder: Finder
    segmenter: BoxSegmenter
    check: Callable[[], None]
    key_frames: Sequence[int]
    video_tracker: VideoFollower | None

    def masks(self, phrase: str, *, several: bool) -> list[Iterator[Mask]]:
        """The masks of all frames, for each thing that the phrase means in the clip."""

        def among(sightings: Iterable[Sighting]) -> tuple[Thing, ...]:
            things = things_among(sightings)
            return subjects_among(things, phrase, self.grounder, several=several)

        found = list(self._sightings(phrase, self.key_frames))
        subjects = among(found)
        seen = {one.index for thing in subjects for one in thing.sightings}
        changes = _changes(self.key_frames, seen)
        if changes:
            found += self._sightings(phrase, changes)
            subjects = among(found)
        looked_at = {*self.key_frames, *changes}
        return [self._followed(subject, found, looked_at) for subject in subjects]

    def _followed(
        self, subject: Thing, sightings: Iterable[Sighting], looked_at: Iterable[int]
    ) -> Iterator[Mask]:
        known = masks_by_index(subject)
        if self.video_tracker is not None:
            return self.video_tracker.masks(stacked(self.frames), known, self.check)
        tracker = Tracker(
            segmenter=self.segmenter,
            look=subject.look,
            check=self.check,
            usual_likeness=subject.usual_likeness,
        )
        return tracker.masks(self.frames, known, doubtful_by_index(sightings, looked_at, known))

    def _sightings(self, phrase: str, wanted: Container[int]) -> Iterator[Sighting]:
        for index, frame in enumerate(self.frames):
            if index in wanted:
                self.check()
                yield from sightings_in(frame, index, phrase, self.grounder, self.segmenter)


def track_masks(  # noqa: PLR0917 - the parts that every caller has, in the order they are made
    frames: Iterable[Frame],
    first_frame: int,
    plan: InstructionPlan,
    grounder: Finder,
    segmenter: BoxSegmenter,
    check: Callable[[], None],
    *,
    video_tracker: VideoFollower | None = None,
) -> MaskTrack:
    """Where a local edit goes in every frame.

    The grounder looks at every sixth frame and the last, and between those where what it sees
    comes or goes; the segmenter outlines its answers; they are followed both ways to the frames
    between. Where the subject is out of sight the mask is empty, or full for a background.

    Args:
        frames: (H, W, 3) uint8, RGB, of one shot; iterated over several times.
        first_frame: media frame of the first one.
        plan: a local one.
        check: called before every frame; raises to stop.
        video_tracker: follows what was found; None follows it by motion and outline.

    Raises:
        SubjectNotFoundError: no frame shows what the edit names, be it the thing to edit or the
            one to leave as it is.
    """
    search = _Search(
        frames=frames,
        grounder=grounder,
        segmenter=segmenter,
        check=check,
        key_frames=_key_frames(sum(1 for _ in frames)),
        video_tracker=video_tracker,
    )
    is_background = plan.region is Region.BACKGROUND
    found = {
        phrase: search.masks(phrase, several=is_background or is_plural(phrase))
        for phrase in plan.phrases
    }
    streams = list(chain.from_iterable(found.values()))
    if not streams and plan.names_its_subject:
        named = " or ".join(f'"{phrase}"' for phrase in plan.phrases)
        raise SubjectNotFoundError(
            f"no frame shows {named} clearly; name it in other words, edit the whole picture, "
            "or give a mask of your own"
        )
    if not streams:
        return MaskTrack.of(first_frame, (np.ones(frame.shape[:2], np.bool_) for frame in frames))
    united = (np.logical_or.reduce(masks) for masks in zip(*streams, strict=True))
    steady = steadied(frames, united)
    return MaskTrack.of(
        first_frame,
        (_region(mask, plan) for mask in steady),
        unseen=(phrase for phrase, masks in found.items() if not masks),
    )


def steadied(frames: Iterable[Frame], masks: Iterable[Mask]) -> Iterator[Mask]:
    """Each mask as most of three say: itself and its neighbours in time, moved to its frame.

    The first and last stay as they are.
    """
    held: list[tuple[Frame, Mask]] = []
    for pair in zip(frames, masks, strict=True):
        held.append(pair)
        if len(held) == 1:
            yield pair[1]
        if len(held) == 3:
            yield _majority(*held)
            held.pop(0)
    if len(held) == 2:
        yield held[1][1]


def _majority(
    before: tuple[Frame, Mask], now: tuple[Frame, Mask], after: tuple[Frame, Mask]
) -> Mask:
    earlier = carried(before[1], before[0], now[0])
    later = carried(after[1], after[0], now[0])
    return without_specks((earlier & later) | (now[1] & (earlier | later)))


def _key_frames(frame_count: int) -> tuple[int, ...]:
    """Every so many frames one, and the last."""
    return tuple(sorted({*range(0, frame_count, KEY_INTERVAL), frame_count - 1}))


def _changes(key_frames: Sequence[int], seen: Container[int]) -> set[int]:
    """Frames midway between a key frame that shows the subject and one that does not."""
    return {
        (one + other) // 2
        for one, other in pairwise(key_frames)
        if (one in seen) != (other in seen) and other - one > 1
    }


def _region(mask: Mask, plan: InstructionPlan) -> Mask:
    if plan.region is Region.BACKGROUND:
        return ~mask
    return with_room(mask, _ROOM) if plan.changes_shape and mask.any() else mask
