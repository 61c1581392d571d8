"""Media named relative to a folder, kept in reach for a timeline that is written elsewhere."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio

from resolve_scripts.timeline.media import readings
from resolve_scripts.timeline.numbered import numbered_pictures
from resolve_scripts.timeline.paths import is_foreign


def relink_from(timeline: otio.schema.Timeline, folder: Path) -> None:
    """Makes relative targets absolute, in place; those that name nothing below `folder` stay."""
    for clip in timeline.find_clips():
        for reference in clip.media_references().values():
            if isinstance(reference, otio.schema.ExternalReference):
                if reference.target_url:
                    reference.target_url = _absolute_name(reference, folder)
            elif isinstance(reference, otio.schema.ImageSequenceReference):
                reference.target_url_base = _absolute(reference.target_url_base, folder)


def _absolute_name(reference: otio.schema.ExternalReference, folder: Path) -> str:
    """The target of a movie, or of numbered pictures that are named as one file."""
    target = str(reference.target_url)
    absolute, sequence = _absolute(target, folder), numbered_pictures(reference)
    if absolute != target or sequence is None:
        return absolute
    base = _absolute(sequence.target_url_base, folder)
    name = target[len(sequence.target_url_base) :]
    return target if base == sequence.target_url_base else f"{base.rstrip('/')}/{name}"


def _absolute(target: str, folder: Path) -> str:
    if "://" in target or is_foreign(target) or Path(target).is_absolute():
        return target
    places = (folder / reading for reading in readings(target))
    return next((place.as_posix() for place in places if place.exists()), target)
