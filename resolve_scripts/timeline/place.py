"""Edited clips back into the cut: always a copy, the timeline that was read stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from resolve_scripts.errors import TimelineError, UsageError
from resolve_scripts.timeline.conform.in_place import InPlace, with_edits_in_place
from resolve_scripts.timeline.conform.resolve_shape import resolve_shaped
from resolve_scripts.timeline.conform.via_track import with_via_tracks
from resolve_scripts.timeline.mapping import Span
from resolve_scripts.timeline.paths import PathMap
from resolve_scripts.timeline.record import clip_places
from resolve_scripts.timeline.versions import next_version
from resolve_scripts.timeline.via_clip import PlacedEdit

# Ranges are written as doubles; a frame lasts a thousand times longer.
TOLERANCE_S = Fraction(1, 1_000_000)

__all__ = ["PlaceMode", "PlacedEdit", "check_places", "place"]


class PlaceMode(Enum):
    """How edits come back.

    TRACK: on a new video track "VIA" above all others; every other track stays as it is.
    REFERENCE: as a further media reference of the same clip, "VIA v1", made the active one.
    REPLACE: as the only media of the same clip.
    """

    TRACK = "track"
    REFERENCE = "reference"
    REPLACE = "replace"


def place(
    timeline: otio.schema.Timeline,
    placed: Sequence[PlacedEdit],
    *,
    mode: PlaceMode = PlaceMode.TRACK,
    for_resolve: bool = False,
    path_map: PathMap | None = None,
    folder: Path | None = None,
) -> otio.schema.Timeline:
    """A copy of `timeline` with the edits in it.

    Every edit remembers its record under "via" in the metadata of its clip and media reference,
    with the number of its version: one more than any the timeline has.

    Args:
        timeline: the one the edits were selected from; it is only read.
        placed: finished edits, in any order.
        mode: how they come back.
        for_resolve: writes what Resolve imports: plain absolute paths, the render's own timecode,
            a start timecode, an available range on every reference.
        path_map: names renders as the timeline names its folders.
        folder: where relative media of the timeline lies; `for_resolve` needs it.

    Raises:
        UsageError: Resolve reads one reference per clip, so `for_resolve` excludes REFERENCE.
        TimelineError: a new clip is missing, moved or of another length; a fault of Via.
    """
    if for_resolve and mode is PlaceMode.REFERENCE:
        raise UsageError(
            "Resolve reads one media reference of a clip, so --for resolve goes with --place track "
            "or --place replace"
        )
    version = next_version(timeline)
    versioned = [replace(one, record={**one.record, "version": version}) for one in placed]
    paths = path_map or PathMap()
    if mode is PlaceMode.TRACK:
        result = with_via_tracks(timeline, versioned, version, paths, for_resolve=for_resolve)
    else:
        how = InPlace(
            version=version,
            keeps_original=mode is PlaceMode.REFERENCE,
            for_resolve=for_resolve,
            paths=paths,
        )
        result = with_edits_in_place(timeline, versioned, how)
    check_places(result, placed, paths)
    return resolve_shaped(result, folder) if for_resolve else result


def check_places(
    timeline: otio.schema.Timeline, placed: Sequence[PlacedEdit], path_map: PathMap | None = None
) -> None:
    """Finds every edit again at its place.

    Raises:
        TimelineError: a new clip is missing, moved or of another length; a fault of Via.
    """
    paths = path_map or PathMap()
    found: dict[str, list[Span]] = {}
    for each in clip_places(timeline):
        if "via" in each.clip.metadata:
            target = str(getattr(each.clip.media_reference, "target_url", ""))
            found.setdefault(target, []).append(each.window)
    for one in placed:
        spans = found.get(paths.there(one.rendered), [])
        if not any(_is_same(span, one.need.span) for span in spans):
            raise TimelineError(f"{one.edit.name}: the edited clip is not at its place; report it")


def _is_same(span: Span, other: Span) -> bool:
    apart_s = max(abs(span.start_s - other.start_s), abs(span.end_s - other.end_s))
    return apart_s < TOLERANCE_S
