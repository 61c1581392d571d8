"""Edits on the clips themselves: one more media reference, or another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import opentimelineio as otio

from resolve_scripts.timeline.conform.trim import trimmed
from resolve_scripts.timeline.paths import PathMap
from resolve_scripts.timeline.record import duration_s
from resolve_scripts.timeline.versions import ORIGINAL_KEY, original_key, reference_key
from resolve_scripts.timeline.via_clip import PlacedEdit, own_time, source_time, via_reference


@dataclass(frozen=True, kw_only=True)
class InPlace:
    """How clips take their edits.

    Attributes:
        version: number of the references.
        keeps_original: adds the render beside the clip's own media and makes it the active one.
        for_resolve: as in `place`.
        paths: names renders as the timeline names its folders.
    """

    version: int
    keeps_original: bool
    for_resolve: bool
    paths: PathMap


def with_edits_in_place(
    timeline: otio.schema.Timeline, placed: Sequence[PlacedEdit], how: InPlace
) -> otio.schema.Timeline:
    """A copy of `timeline` whose edited clips show their renders.

    A clip of which only parts are edited is cut at their ends.
    """
    result = timeline.deepcopy()
    copies = dict(zip(map(id, timeline.find_clips()), result.find_clips(), strict=True))
    by_clip: dict[int, list[PlacedEdit]] = {}
    for one in placed:
        by_clip.setdefault(id(one.edit.clip), []).append(one)
    for identity, edits in by_clip.items():
        clip = copies[identity]
        if edits[0].edit.part is None:
            _take(clip, edits[0], how)
        else:
            _take_parts(clip, edits, how)
    return result


def _take(clip: otio.schema.Clip, one: PlacedEdit, how: InPlace) -> None:
    """Gives a clip, or the part of one, its render."""
    target = how.paths.there(one.rendered)
    clip.source_range = clip.trimmed_range()  # of the original, whatever the render holds
    record = one.record
    if how.keeps_original:
        key = reference_key(how.version)
        record = {**record, ORIGINAL_KEY: original_key(clip)}
        references = clip.media_references()
        references[key] = via_reference(one, source_time(one), target)
        clip.set_media_references(references, key)
    else:
        time = own_time(one, for_resolve=how.for_resolve)
        # Alone: the source range from now on counts in the render.
        render = via_reference(one, time, target)
        clip.set_media_references({clip.DEFAULT_MEDIA_KEY: render}, clip.DEFAULT_MEDIA_KEY)
        clip.source_range = time.of_source(clip.source_range)
    clip.metadata["via"] = record


def _take_parts(clip: otio.schema.Clip, edits: Sequence[PlacedEdit], how: InPlace) -> None:
    """Cuts a clip where its edited parts begin and end."""
    length = duration_s(clip)
    pieces: list[otio.core.Item] = []
    done = Fraction(0)
    for low, high, one in sorted(map(_local_ends, edits), key=lambda each: each[0]):
        start, end = max(low, Fraction(0)), min(high, length)
        if start > done:
            pieces.append(trimmed(clip, done, start))
        piece = trimmed(clip, start, end)
        _take(piece, one, how)
        pieces.append(piece)
        done = end
    if done < length:
        pieces.append(trimmed(clip, done, length))
    _put(clip, pieces)


def _local_ends(one: PlacedEdit) -> tuple[Fraction, Fraction, PlacedEdit]:
    """Where an edit starts and ends in its clip, which may lie in something that runs backwards."""
    local, span = one.edit.place.local, one.need.span
    low, high = sorted((local.at(span.start_s), local.at(span.end_s)))
    return low, high, one


def _put(clip: otio.schema.Clip, pieces: Sequence[otio.core.Item]) -> None:
    """Puts pieces in the place of a clip."""
    parent = clip.parent()
    index = parent.index(clip)
    if isinstance(parent, otio.schema.Track):
        parent[index : index + 1] = pieces
    else:
        parent[index] = otio.schema.Track(name=clip.name, children=pieces)
