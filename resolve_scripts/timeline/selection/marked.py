"""The edits that VIA: markers on clips, tracks and the timeline ask for."""

from __future__ import annotations

from collections.abc import Iterator

import opentimelineio as otio

from resolve_scripts.errors import ClipNotSupportedError
from resolve_scripts.timeline.clip_edit import ClipEdit, ClipRefusal
from resolve_scripts.timeline.mapping import Span
from resolve_scripts.timeline.rates import exact_rate, seconds
from resolve_scripts.timeline.record import ClipPlace, Level, RecordClock
from resolve_scripts.timeline.selection.cut import Cut
from resolve_scripts.timeline.selection.markers import marked_range, via_text
from resolve_scripts.timeline.selection.visible import PlacesInTime, is_generated, topmost


def asked_by_markers(cut: Cut) -> tuple[list[ClipEdit], list[ClipRefusal]]:
    """The edits of every VIA: marker.

    A marker over a range means just that range. A marker on one frame of a clip or of a nested
    composition means all of it; on the timeline or a track, the clip a viewer sees there.
    """
    edits: list[ClipEdit] = []
    refusals: list[ClipRefusal] = list(_markers_elsewhere(cut))
    for level, places in _marked_levels(cut):
        for marker in level.item.markers:
            text = via_text(marker)
            if text is None:
                continue
            try:
                edits.extend(_marked(level, places, marker, text, cut.clock))
            except ClipNotSupportedError as error:
                refusals.append(ClipRefusal(name=_name(level), error=error))
    return edits, refusals


def _marked_levels(cut: Cut) -> list[tuple[Level, list[ClipPlace]]]:
    """Every item that carries markers, with the clips in it."""
    levels: dict[int, tuple[Level, list[ClipPlace]]] = {}
    for place in cut.places:
        for level in place.levels:
            if len(level.item.markers):
                levels.setdefault(id(level.item), (level, []))[1].append(place)
    return list(levels.values())


def _marked(
    level: Level,
    places: list[ClipPlace],
    marker: otio.schema.Marker,
    text: str,
    clock: RecordClock,
) -> list[ClipEdit]:
    if not text:
        raise ClipNotSupportedError(
            "its marker says VIA: and nothing after it; write the instruction there",
            reason="INSTRUCTION_INVALID",
        )
    is_range = marked_range(marker) is not None
    holds_one = isinstance(level.item, otio.schema.Clip)
    if (holds_one or level.is_nested) and not is_range:
        span: Span | None = level.window
    else:
        span = _record_time(level, marker, clock)
    seen = topmost(PlacesInTime(places).within(span), span) if span else iter(())
    if holds_one and span:
        seen = iter([(places[0], part)] if (part := span.overlap(places[0].window)) else [])
    edits = [
        ClipEdit(place=place, instruction=text, part=_part(place, part) if is_range else None)
        for place, part in seen
        if holds_one or not is_generated(place)
    ]
    if not edits:
        raise ClipNotSupportedError(
            f"no clip is seen where its marker 'VIA: {text}' lies; move the marker onto the clip "
            "to edit",
            reason="MARKER_NOT_ON_CLIP",
        )
    return edits


def _part(place: ClipPlace, part: Span) -> Span | None:
    return None if part == place.window else part


def _record_time(level: Level, marker: otio.schema.Marker, clock: RecordClock) -> Span | None:
    """Record time of a marker's range, or of the one frame of a point; None when it is not seen."""
    start = seconds(marker.marked_range.start_time)
    frame = start, start + 1 / exact_rate(clock.rate)
    span = level.own_time.times(*(marked_range(marker) or frame))
    if span is None:
        return None
    seen = span.overlap(level.window)
    if seen is None and level.is_outermost:  # some writers count from the start timecode
        back = -clock.start_s
        seen = Span(start_s=span.start_s + back, end_s=span.end_s + back).overlap(level.window)
    return seen


def _markers_elsewhere(cut: Cut) -> Iterator[ClipRefusal]:
    """VIA markers on what shows no clip: a gap, a clip that trimming hides, an empty compound."""
    shown = {id(level.item) for place in cut.places for level in place.levels}
    for index in cut.own_tracks():
        track = cut.timeline.tracks[index]
        items = [track]
        if isinstance(track, otio.core.Composition):
            items += track.find_children(descended_from_type=otio.core.Item)
        for item in items:
            if id(item) not in shown and any(via_text(one) is not None for one in item.markers):
                kind = type(item).__name__.lower()
                error = ClipNotSupportedError(
                    f"the VIA: marker sits on a {kind} that shows no clip; put it on the clip to "
                    "edit",
                    reason="MARKER_NOT_ON_CLIP",
                )
                yield ClipRefusal(name=item.name or kind, error=error)


def _name(level: Level) -> str:
    return str(level.item.name or type(level.item).__name__.lower())
