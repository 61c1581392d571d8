"""Media named by URL, as formats other than .otio want it."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import opentimelineio as otio

from resolve_scripts.timeline.media import places_of, readings
from resolve_scripts.timeline.paths import PathMap, is_foreign


def with_urls(
    timeline: otio.schema.Timeline, folder: Path, path_map: PathMap | None = None
) -> otio.schema.Timeline:
    """A copy whose movies are named by file URL.

    Args:
        timeline: names them by path or URL.
        folder: where relative paths count from.
        path_map: names those that are here as this machine does; None keeps the timeline's names.
    """
    copy = timeline.deepcopy()
    for clip in copy.find_clips():
        for reference in clip.media_references().values():
            if isinstance(reference, otio.schema.ExternalReference) and reference.target_url:
                reference.target_url = _url(reference.target_url, folder, path_map)
    return copy


def clips_without_file(timeline: otio.schema.Timeline) -> list[str]:
    """Names of the clips whose media, named by URL, is no file of this machine."""
    return [
        clip.name or "clip"
        for clip in timeline.find_clips()
        if not isinstance(clip.media_reference, otio.schema.GeneratorReference)
        and not _is_file(getattr(clip.media_reference, "target_url", None) or "")
    ]


def _is_file(url: str) -> bool:
    return url.startswith("file:") and any(Path(each).is_file() for each in readings(url))


def _url(target: str, folder: Path, path_map: PathMap | None) -> str:
    if path_map is not None:
        found = (place for place in places_of(target, folder, path_map) if place.is_file())
        if (here := next(found, None)) is not None:
            return here.absolute().as_uri()
    if "://" in target:
        return target
    if is_foreign(target):
        return PureWindowsPath(target).as_uri()
    places = [folder / reading for reading in readings(target)]
    place = next((each for each in places if each.exists()), places[0])
    return place.absolute().as_uri()
