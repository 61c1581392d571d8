"""VIA: markers: what they say, and the range they mark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fractions import Fraction

import opentimelineio as otio

from resolve_scripts.timeline.rates import seconds

MARKER_PREFIX = re.compile(r"\s*via:", re.IGNORECASE)


def via_text(marker: otio.schema.Marker) -> str | None:
    """Text after "VIA:", lines joined; None when the marker is somebody else's.

    Name, comment and note count, whatever the colour. Resolve exports a marker's note box as
    metadata, and scripts wrap the note in JSON.
    """
    for text in (marker.name, marker.comment, *_notes(marker)):
        found = MARKER_PREFIX.match(str(text or ""))
        if found:
            return " ".join(str(text)[found.end() :].split())
    return None


def marked_range(marker: otio.schema.Marker) -> tuple[Fraction, Fraction] | None:
    """Start and end a marker marks in the time of its item, in seconds; None for a point.

    A marker of one frame or none is a point: NLEs give every marker at least that.
    """
    range_ = marker.marked_range
    if range_.duration.value <= 1:
        return None
    start = seconds(range_.start_time)
    return start, start + seconds(range_.duration)


def _notes(marker: otio.schema.Marker) -> Iterator[str]:
    for owner, key in (("Resolve_OTIO", "Note"), ("fcp_xml", "comment")):
        told = marker.metadata.get(owner)
        note = told.get(key) if hasattr(told, "get") else None
        if isinstance(note, str):
            yield note
            yield from _wrapped(note)


def _wrapped(note: str) -> Iterator[str]:
    """Texts in a note that holds JSON."""
    if not note.lstrip().startswith(("{", "[")):
        return
    try:
        left = [json.loads(note)]
    except ValueError:
        return
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
