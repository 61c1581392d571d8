"""Part of an item of a track, cut out so that every frame of it stays the one it was."""

from __future__ import annotations

from fractions import Fraction

import opentimelineio as otio

from resolve_scripts.timeline.rates import seconds, spelled
from resolve_scripts.timeline.record import duration_s
from resolve_scripts.timeline.retime import time_scalar


def trimmed(item: otio.core.Item, start_s: Fraction, end_s: Fraction) -> otio.core.Item:
    """A copy that shows what `item` shows from `start_s` to `end_s` after its start.

    Markers outside the part stay behind.

    Raises:
        ClipNotSupportedError: the item is retimed unevenly, so its part cannot be told.
    """
    whole, length = item.trimmed_range(), duration_s(item)
    scalar = time_scalar(item)
    skipped = start_s * scalar if scalar >= 0 else (length - end_s) * -scalar
    start, duration = whole.start_time, whole.duration
    part = item.deepcopy()
    part.source_range = otio.opentime.TimeRange(
        start + spelled(skipped, start.rate) if skipped else start,
        duration if end_s - start_s == length else spelled(end_s - start_s, duration.rate),
    )
    own_start = seconds(start)
    left = [
        marker
        for marker in part.markers
        if start_s <= seconds(marker.marked_range.start_time) - own_start < end_s
    ]
    if len(left) != len(part.markers):
        kept = [marker.deepcopy() for marker in left]
        part.markers.clear()
        part.markers.extend(kept)
    return part
