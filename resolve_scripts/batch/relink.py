"""Media named relative to a folder, kept in reach for a timeline that is written elsewhere."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio

from resolve_scripts.timeline.media import readings
from resolve_scripts.timeline.paths import is_foreign


def relink_from(timeline: otio.schema.Timeline, folder: Path) -> None:
    """Makes relative targets absolute, in place; those that name nothing below `folder` stay."""
    for clip in timeline.find_clips():
        for reference in clip.media_references().values():
            if isinstance(reference, otio.schema.ExternalReference):
                reference.target_url = _absolute(reference.target_url, folder)
            elif isinstance(reference, otio.schema.ImageSequenceReference):
                reference.target_url_base = _absolute(reference.target_url_base, folder)


def _absolute(target: str, folder: Path) -> str:
    if not target or "://" in target or is_foreign(target) or Path(target).is_absolute():
        return target
    places = (folder / reading for reading in readings(target))
    return next((place.as_posix() for place in places if place.exists()), target)
