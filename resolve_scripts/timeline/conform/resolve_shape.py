"""The shape of a timeline that DaVinci Resolve imports."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio

from resolve_scripts.timeline.media import readings
from resolve_scripts.timeline.paths import is_foreign
from resolve_scripts.timeline.record import record_clock

START_HOUR = 3600
OTIO_VERSION_KEY = "Resolve OTIO Meta Version"


def resolve_shaped(
    timeline: otio.schema.Timeline, folder: Path | None = None
) -> otio.schema.Timeline:
    """The timeline with what Resolve asks for, changed in place and returned.

    Plain absolute paths instead of URLs and relative ones, an available range on every reference,
    and a start timecode, 01:00:00:00 where there is none. As measured on Resolve 19.1.3, which
    answers None to anything else.

    Args:
        timeline: any timeline, owned by the caller.
        folder: where relative media lies.
    """
    if timeline.global_start_time is None:
        rate = record_clock(timeline).rate
        hour = round(rate) * START_HOUR
        timeline.global_start_time = otio.opentime.RationalTime(hour, rate)
    timeline.metadata.setdefault("Resolve_OTIO", {OTIO_VERSION_KEY: "1.0"})
    for clip in timeline.find_clips():
        for reference in clip.media_references().values():
            _shape(reference, clip, folder)
    return timeline


def _shape(
    reference: otio.core.MediaReference, clip: otio.schema.Clip, folder: Path | None
) -> None:
    if reference.available_range is None and clip.source_range is not None:
        reference.available_range = clip.source_range
    if isinstance(reference, otio.schema.ExternalReference) and reference.target_url:
        reference.target_url = _plain(reference.target_url, folder)
    if isinstance(reference, otio.schema.ImageSequenceReference):
        base = _plain(reference.target_url_base, folder)
        reference.target_url_base = base.rstrip("/\\") or base


def _plain(target: str, folder: Path | None) -> str:
    """A target as a plain path, absolute where this machine can tell."""
    found = readings(target)
    if is_foreign(found[0]) or folder is None:
        return found[0]
    places = [folder / reading for reading in found]
    return next((place for place in places if place.exists()), places[0]).as_posix()
