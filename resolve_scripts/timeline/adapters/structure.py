"""Whether the structure of a timeline is one that can be walked to its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import opentimelineio as otio

from resolve_scripts.errors import TimelineError

DEEPEST_NESTING = 64
MOST_ITEMS = 1_000_000


def check_structure(timeline: otio.schema.Timeline, path: Path) -> None:
    """Refuses what OpenTimelineIO reads without looking at.

    Raises:
        TimelineError: it has no tracks, a composition holds itself, or they nest too deep.
    """
    if not isinstance(timeline.tracks, otio.schema.Stack):
        raise TimelineError(f"{path} holds a timeline without tracks; export it again as .otio")
    inside = [_compositions(timeline.tracks)]
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
            inside.append(_compositions(child))


def _compositions(composition: otio.core.Composition) -> Iterator[otio.core.Composition]:
    return (child for child in composition if isinstance(child, otio.core.Composition))
