"""What a viewer sees: of clips that lie over one another in time, the topmost."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import accumulate

import opentimelineio as otio

from resolve_scripts.timeline.mapping import Span
from resolve_scripts.timeline.record import ClipPlace
from resolve_scripts.timeline.versions import original_reference


class PlacesInTime:
    """Clips by the record time in which they are seen."""

    def __init__(self, places: Iterable[ClipPlace]) -> None:
        numbered = enumerate(places)
        self._sorted = sorted(numbered, key=lambda each: each[1].window.start_s)
        self._starts = [place.window.start_s for _, place in self._sorted]
        ends = (place.window.end_s for _, place in self._sorted)
        # Latest end among a place and all before it: where the search back in time may stop.
        self._latest_ends: list[Fraction] = list(accumulate(ends, max))

    def within(self, span: Span) -> list[ClipPlace]:
        """Those that are seen at some time of `span`, in the order they were given."""
        found = []
        index = bisect_left(self._starts, span.end_s) - 1
        while index >= 0 and self._latest_ends[index] > span.start_s:
            number, place = self._sorted[index]
            if place.window.end_s > span.start_s:
                found.append((number, place))
            index -= 1
        return [place for _, place in sorted(found, key=lambda each: each[0])]


def topmost(places: Iterable[ClipPlace], span: Span) -> Iterator[tuple[ClipPlace, Span]]:
    """The parts of `span` in which each place is the topmost, top track first.

    Args:
        places: bottom track first, as `clip_places` gives them.
        span: record time to look at.
    """
    open_parts = [span]
    for place in reversed(list(places)):
        if not is_shown(place):
            continue
        seen = [part for each in open_parts if (part := each.overlap(place.window))]
        yield from ((place, part) for part in seen)
        open_parts = [left for each in open_parts for left in each.without(place.window)]


def is_shown(place: ClipPlace) -> bool:
    """Whether neither the clip nor anything it lies in is switched off."""
    return all(getattr(level.item, "enabled", True) for level in place.levels)


def is_covered(place: ClipPlace, places: PlacesInTime) -> bool:
    """Whether a clip of a higher track lies over some of it."""
    return any(
        other.track_index > place.track_index and is_shown(other)
        for other in places.within(place.window)
    )


def is_generated(place: ClipPlace) -> bool:
    """Whether the clip's pictures are made by the NLE: bars, a colour, a title."""
    return isinstance(original_reference(place.clip), otio.schema.GeneratorReference)
