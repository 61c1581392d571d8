"""Whether the structure of a timeline is one that can be walked to its end."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from pathlib import Path

import opentimelineio as otio

from resolve_scripts.errors import TimelineError

DEEPEST_NESTING = 64
MOST_ITEMS = 1_000_000


def check_structure(timeline: otio.schema.Timeline, path: Path) -> None:
    """Refuses what OpenTimelineIO reads without looking at.

    Raises:
        TimelineError: it has no tracks, a composition holds itself, they nest too deep, or a time
            is no number.
    """
    if not isinstance(timeline.tracks, otio.schema.Stack):
        raise TimelineError(f"{path} holds a timeline without tracks; export it again as .otio")
    inside = [iter(timeline.tracks)]
    seen_items = 0
    while inside:
        child = next(inside[-1], None)
        seen_items += 1
        if child is None:
            inside.pop()
        elif len(inside) >= DEEPEST_NESTING or seen_items > MOST_ITEMS:
            raise TimelineError(
                f"{path} nests compositions without end, or more than {DEEPEST_NESTING} deep; "
                "flatten them"
            )
        else:
            _check_times(child, path)
            inside.append(iter(child if isinstance(child, otio.core.Composition) else ()))


def _check_times(child: otio.core.Composable, path: Path) -> None:
    wrong = [time for time in _times(child) if not (time.rate > 0 and isfinite(time.value))]
    if wrong:
        raise TimelineError(
            f"{path}: {child.name or type(child).__name__} has the time {wrong[0].value} at "
            f"{wrong[0].rate} fps, which is none; export it again"
        )


def _times(child: otio.core.Composable) -> Iterator[otio.opentime.RationalTime]:
    """Every time a child of a composition names."""
    if isinstance(child, otio.schema.Transition):
        yield from (child.in_offset, child.out_offset)
        return
    ranges = [child.source_range]
    if isinstance(child, otio.schema.Clip):
        ranges += [each.available_range for each in child.media_references().values()]
    for range_ in filter(None, ranges):
        yield from (range_.start_time, range_.duration)
