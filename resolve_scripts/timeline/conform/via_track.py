"""The VIA track: every edit above the cut, at its place, with the dissolves beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import opentimelineio as otio

from resolve_scripts.timeline.conform.dissolves import Run, add_dissolve, dissolves_of
from resolve_scripts.timeline.paths import PathMap
from resolve_scripts.timeline.rates import seconds, spelled
from resolve_scripts.timeline.record import clip_places
from resolve_scripts.timeline.versions import track_name
from resolve_scripts.timeline.via_clip import PlacedEdit, own_time, via_clip


def with_via_tracks(
    timeline: otio.schema.Timeline,
    placed: Sequence[PlacedEdit],
    version: int,
    paths: PathMap,
    *,
    for_resolve: bool,
) -> otio.schema.Timeline:
    """A copy of `timeline` with the edits on one more video track above all others.

    A dissolve between two edited clips is copied. One between an edited and an unedited clip is
    copied too, with as much of the unedited clip as the dissolve shows, so that what a viewer sees
    is the same dissolve. Edits that lie over one another in time, coming from different tracks,
    take further tracks in the order of theirs.
    """
    result = timeline.deepcopy()
    runs = _runs(timeline, placed, paths, for_resolve=for_resolve)
    trim = timeline.tracks.source_range
    hidden_s = seconds(trim.start_time) if trim else Fraction(0)
    for number, layer in enumerate(_layers(runs)):
        track = _track(layer, hidden_s)
        track.name = track_name(version, number)
        track.metadata["via"] = {"version": version}
        result.tracks.append(track)
    return result


def _runs(
    timeline: otio.schema.Timeline,
    placed: Sequence[PlacedEdit],
    paths: PathMap,
    *,
    for_resolve: bool,
) -> list[Run]:
    """The edits with what their dissolves need, in the order of the tracks they come from."""
    order = {id(place.clip): number for number, place in enumerate(clip_places(timeline))}
    rows = sorted(placed, key=lambda one: (order[id(one.edit.clip)], one.need.span.start_s))
    ends = _ends(rows)
    runs: list[Run] = []
    for one in rows:
        clip = via_clip(one, own_time(one, for_resolve=for_resolve), paths.there(one.rendered))
        run = Run(track_index=one.edit.track_index, pieces=[(one.need.span, clip)])
        for side in dissolves_of(one.edit):
            add_dissolve(run, side, ends)
        if runs and _goes_on(runs[-1], run):
            runs[-1].pieces += run.pieces
            runs[-1].dissolves |= run.dissolves
        else:
            runs.append(run)
    return runs


def _goes_on(before: Run, run: Run) -> bool:
    """Whether a run starts where the other ends, on the same track."""
    return before.track_index == run.track_index and before.span.end_s == run.span.start_s


def _ends(placed: Iterable[PlacedEdit]) -> set[tuple[int, Fraction]]:
    """Clips that are edited up to an end of theirs, with the record time of that end."""
    return {
        (id(one.edit.clip), time_s)
        for one in placed
        for time_s in (one.need.span.start_s, one.need.span.end_s)
    }


def _layers(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs per new track, bottom first; what overlaps keeps the order of its source tracks."""
    layers: list[list[Run]] = []
    for run in runs:
        below = (
            number
            for number, layer in enumerate(layers)
            if any(run.span.overlap(other.span) for other in layer)
        )
        level = max(below, default=-1) + 1
        if level == len(layers):
            layers.append([])
        layers[level].append(run)
    return layers


def _track(runs: Iterable[Run], hidden_s: Fraction) -> otio.schema.Track:
    """A video track with every item at its record time, before which the stack trims `hidden_s`."""
    track = otio.schema.Track(kind=otio.schema.TrackKind.Video)
    end_s = -hidden_s
    for run in sorted(runs, key=lambda each: each.span.start_s):
        for span, item in run.pieces:
            if span.start_s > end_s:
                track.append(_gap(span.start_s - end_s, item))
            if (dissolve := run.dissolves.get(span.start_s)) is not None:
                track.append(dissolve)
            track.append(item)
            end_s = span.end_s
        if (dissolve := run.dissolves.get(end_s)) is not None:
            track.append(dissolve)
    return track


def _gap(duration_s: Fraction, before: otio.core.Item) -> otio.schema.Gap:
    """Empty time, counted as the item after it counts."""
    duration = spelled(duration_s, before.trimmed_range().duration.rate)
    start = otio.opentime.RationalTime(0, duration.rate)
    return otio.schema.Gap(source_range=otio.opentime.TimeRange(start, duration))
