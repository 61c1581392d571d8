"""What the grounder answers in single frames, and which of the answers are the subject.

A grounder is asked frame by frame and answers with the most similar thing there is, so another
object is taken for a subject that is out of sight. Over a whole clip the answers fall into
things of their own look, and the thing that answers best is the subject.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from via_engine.masks.ground import Detection
from via_engine.masks.likeness import Look, likeness, look_of, mean_look
from via_engine.masks.outline import bounding_box, overlap, without_specks

Frame = NDArray[np.uint8]
Mask = NDArray[np.bool_]

# The grounder's own threshold finds half of all absent objects. A thing is one that was answered
# at least likely once, and is the subject when it still is from near; faint answers count only
# when they look like the others.
_LIKELY_SCORE = 0.35
_SURE_BELIEF = 0.5
_FAINT_SCORE = 0.2
# Likeness of colours from which two answers are the same thing.
SAME_THING = 0.75
_MOST_ANSWERS = 6
_FEWEST_PIXELS = 16
_SAME_PLACE = 0.4
# How much evidence counts, and how wide a close look is beside the thing's longer side.
_BEST_ANSWERS = 3
_MARGIN = 0.4
_RIM_PX = 1.5
_ALSO_MEANT = 0.8
# By how much a sighting may be less like its thing than the middle one is.
_LOOK_SPREAD = 0.08


class Finder(Protocol):
    """Finds what a phrase names in a frame, as `ground.Grounder` does."""

    def find(self, frame: Frame, phrase: str, *, box_threshold: float) -> Sequence[Detection]:
        """What scores higher than the threshold, the surest first."""
        ...


class BoxSegmenter(Protocol):
    """Finds the object in each box, as `segment.Segmenter` does."""

    def segment(self, frame: Frame, *, boxes_xyxy: NDArray[np.floating]) -> NDArray[np.bool_]:
        """(N, H, W) bool: one mask for each of N boxes."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Sighting:
    """An answer to a phrase in one frame.

    Attributes:
        index: of the frame among those looked at.
        score: the grounder's, 0 to 1.
        closeup: (h, w, 3) uint8, RGB: the thing alone, with room around it.
        mask: (H, W) bool, not empty.
        look: colours inside the mask.
    """

    index: int
    score: float
    closeup: Frame
    mask: Mask
    look: Look


@dataclass(frozen=True, kw_only=True, eq=False)
class Thing:
    """Sightings that look alike.

    Attributes:
        sightings: the surest first.
        look: of the surest.
        usual_likeness: of the middle one of the surer sightings to that look, 0 to 1.
    """

    sightings: tuple[Sighting, ...]
    look: Look
    usual_likeness: float

    @property
    def best_score(self) -> float:
        """Of its sightings, 0 to 1."""
        return max(one.score for one in self.sightings)


def sightings_in(
    frame: Frame, index: int, phrase: str, finder: Finder, segmenter: BoxSegmenter
) -> Iterator[Sighting]:
    """All answers to a phrase in a frame, also faint ones, the surest first."""
    found = finder.find(frame, phrase, box_threshold=_FAINT_SCORE)[:_MOST_ANSWERS]
    boxes = np.array([one.box_xyxy for one in found], np.float32).reshape(-1, 4)
    for detection, segmented in zip(found, segmenter.segment(frame, boxes_xyxy=boxes), strict=True):
        mask = without_specks(segmented)
        if np.count_nonzero(mask) >= _FEWEST_PIXELS:
            yield Sighting(
                index=index,
                score=detection.score,
                closeup=_closeup(frame, mask),
                mask=mask,
                look=look_of(frame, mask),
            )


def things_among(sightings: Iterable[Sighting]) -> list[Thing]:
    """The sightings sorted into things by their look, the one with the surest answer first."""
    groups: list[list[Sighting]] = []
    for one in sorted(sightings, key=lambda sighting: -sighting.score):
        alike = [likeness(one.look, mean_look([other.look for other in group])) for group in groups]
        if alike and max(alike) >= SAME_THING:
            groups[int(np.argmax(alike))].append(one)
        else:
            groups.append([one])
    return [_thing(group) for group in groups]


def subjects_among(
    things: Iterable[Thing], phrase: str, finder: Finder, *, several: bool
) -> tuple[Thing, ...]:
    """The things that are meant, the likeliest first; none when no answer is sure.

    With `several`, all that answer nearly as well as the best; else the best, for a phrase in
    the singular means one look, and the next best thing is most often a mistake.
    """
    likely = [thing for thing in things if thing.best_score >= _LIKELY_SCORE]
    beliefs = {thing: _belief(thing, phrase, finder) for thing in likely}
    ranked = sorted(likely, key=lambda thing: -beliefs[thing])
    sure = [thing for thing in ranked if beliefs[thing] >= _SURE_BELIEF]
    if not several:
        return tuple(sure[:1])
    return tuple(one for one in sure if beliefs[one] >= _ALSO_MEANT * beliefs[sure[0]])


def _belief(thing: Thing, phrase: str, finder: Finder) -> float:
    """How much speaks for a thing being what the phrase names, 0 to 1.

    Its surest sightings are asked about again, each from near and with nothing else in view: in
    the whole frame the things compete, and one may answer for another.
    """
    best = sorted(thing.sightings, key=lambda one: -one.score)[:_BEST_ANSWERS]
    answers = [finder.find(one.closeup, phrase, box_threshold=0.0)[:1] for one in best]
    from_near = sum(one.score for found in answers for one in found) / len(best)
    return (thing.best_score + from_near) / 2


def masks_by_index(subject: Thing) -> dict[int, Mask]:
    """Where the subject is in each frame that shows it: the union of its distinct sightings."""
    found: dict[int, list[Mask]] = {}
    for one in sorted(subject.sightings, key=lambda one: -one.score):
        held = found.setdefault(one.index, [])
        if all(_apart(one.mask, other) for other in held):
            held.append(one.mask)
    return {index: np.logical_or.reduce(masks) for index, masks in found.items()}


def doubtful_by_index(
    sightings: Iterable[Sighting], looked_at: Iterable[int], known: Container[int]
) -> dict[int, list[Mask]]:
    """All masks in frames looked at without knowing the subject; some may hold it among others."""
    found: dict[int, list[Mask]] = {index: [] for index in looked_at if index not in known}
    for one in sightings:
        if one.index in found:
            found[one.index].append(one.mask)
    return found


def _thing(group: Sequence[Sighting]) -> Thing:
    """What sightings, the surest first, have in common.

    Masks that took in something else as well look a little different from the others and are
    left out.
    """
    look = mean_look([one.look for one in group[:_BEST_ANSWERS]])
    alike = [likeness(one.look, look) for one in group]
    # Only the surer half tells: in the other, most masks may have taken in something.
    usual = float(np.median(alike[: max(_BEST_ANSWERS, len(alike) // 2)]))
    kept = [one for one, value in zip(group, alike, strict=True) if value >= usual - _LOOK_SPREAD]
    return Thing(sightings=tuple(kept), look=look, usual_likeness=usual)


def _apart(one: Mask, other: Mask) -> bool:
    """Whether they are different instances, not two outlines of one."""
    shared = np.count_nonzero(one & other)
    smaller = min(np.count_nonzero(one), np.count_nonzero(other))
    return overlap(one, other) < _SAME_PLACE and bool(shared < _SAME_PLACE * smaller)


def _closeup(frame: Frame, mask: Mask) -> Frame:
    """The thing and its surroundings, these in the frame's mean colour."""
    left, top, right, bottom = bounding_box(mask).astype(int)
    margin = int(_MARGIN * max(right - left, bottom - top)) + 4
    rows = slice(max(0, top - margin), bottom + margin)
    columns = slice(max(0, left - margin), right + margin)
    inside = cv2.GaussianBlur(mask[rows, columns].astype(np.float32), (0, 0), _RIM_PX)[..., None]
    alone = frame[rows, columns] * inside + frame.mean(axis=(0, 1)) * (1 - inside)
    return np.asarray(np.rint(alone), np.uint8)
