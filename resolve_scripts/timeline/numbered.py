"""Numbered pictures that a timeline names as if they were one file."""

from __future__ import annotations

import re
from pathlib import PureWindowsPath

import opentimelineio as otio

from resolve_scripts.timeline.rates import exact_rate, frames_at

# shot.[1001-1100].exr as Resolve names it, shot.%04d.exr and shot.####.exr as others do.
PATTERN = re.compile(r"(.*?)(?:\[(\d+)-(\d+)\]|%0(\d+)d|(#{2,}))(\.\w+)")


def numbered_pictures(
    reference: otio.schema.ExternalReference,
) -> otio.schema.ImageSequenceReference | None:
    """The sequence that a movie reference with a pattern for its name means; None for a movie.

    The first picture is the one in brackets, else the one its available range starts with.
    """
    # Slashes may lean either way, which a Windows path allows.
    path = PureWindowsPath(reference.target_url or "")
    found = PATTERN.fullmatch(path.name)
    if found is None:
        return None
    prefix, first, last, digits, hashes, suffix = found.groups()
    available = reference.available_range
    rate = available.duration.rate if available else 24.0
    if first is None:
        start = frames_at(available.start_time, exact_rate(rate)) if available else 0
        first, padding = str(round(start)), int(digits or len(hashes))
    else:
        padding = len(first)
    sequence = otio.schema.ImageSequenceReference(
        target_url_base=reference.target_url[: -len(path.name)],
        name_prefix=prefix,
        name_suffix=suffix,
        start_frame=int(first),
        frame_step=1,
        rate=rate,
        frame_zero_padding=padding,
    )
    sequence.available_range = available
    if available is None and last is not None:
        count = otio.opentime.RationalTime(int(last) - int(first) + 1, rate)
        start_time = otio.opentime.RationalTime(0, rate)
        sequence.available_range = otio.opentime.TimeRange(start_time, count)
    return sequence
