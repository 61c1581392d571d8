"""Media named by URL, as formats other than .otio want it."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import opentimelineio as otio

from resolve_scripts.timeline.media import readings
from resolve_scripts.timeline.paths import is_foreign


def with_urls(timeline: otio.schema.Timeline, folder: Path) -> otio.schema.Timeline:
    """A copy whose movies are named by file URL.

    Args:
        timeline: names them by path or URL.
        folder: where relative paths count from.
    """
    copy = timeline.deepcopy()
    for clip in copy.find_clips():
        for reference in clip.media_references().values():
            if isinstance(reference, otio.schema.ExternalReference) and reference.target_url:
                reference.target_url = _url(reference.target_url, folder)
    return copy


def _url(target: str, folder: Path) -> str:
    if "://" in target:
        return target
    if is_foreign(target):
        return PureWindowsPath(target).as_uri()
    places = [folder / reading for reading in readings(target)]
    place = next((each for each in places if each.exists()), places[0])
    return place.absolute().as_uri()
