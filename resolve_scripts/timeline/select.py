"""Which clips of a timeline ask for an edit, which part of each, and which cannot have one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import opentimelineio as otio

from resolve_scripts.errors import ClipNotSupportedError, UsageError
from resolve_scripts.timeline.clip_edit import ClipEdit, ClipRefusal, Selection
from resolve_scripts.timeline.conform.dissolves import dissolves_of
from resolve_scripts.timeline.mapping import Span
from resolve_scripts.timeline.selection.cut import Cut, is_named
from resolve_scripts.timeline.selection.marked import asked_by_markers
from resolve_scripts.timeline.selection.record_range import record_span
from resolve_scripts.timeline.selection.visible import is_covered, is_generated
from resolve_scripts.timeline.sheet import SheetRow, asked_by_sheet


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a person asks for. Without `instruction` and `sheet`, the VIA: markers say it.

    Attributes:
        instruction: the edit of every clip the filters leave.
        track: name or number of a video track, from 1 at the bottom.
        clips: names, with * and ? standing for any letters; a clip needs one of them.
        ranges: record ranges as `record_span` reads them; a clip needs to reach into one, and
            only the part inside is edited.
        sheet: rows of an instruction sheet.
    """

    instruction: str | None = None
    track: str | None = None
    clips: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    sheet: tuple[SheetRow, ...] = ()


def select(timeline: otio.schema.Timeline, wanted: Wanted) -> Selection:
    """Finds the clips to edit. Audio, gaps, generators and Via's own tracks are passed over.

    Of a clip in a frozen composition one picture is held, so it is edited whole or not at all.

    Raises:
        UsageError: there is no such track, its name is not unique, a range cannot be read, or an
            instruction names neither track, clip nor range where there are several video tracks.
    """
    cut = Cut(timeline)
    asked, refusals = _asked(cut, wanted)
    ranges = [record_span(text, cut.clock) for text in wanted.ranges]
    tracks = None if wanted.track is None else {cut.track_index(wanted.track)}
    kept = [
        replace(narrowed, part=None) if narrowed.place.is_held else narrowed
        for edit in asked
        if tracks is None or edit.track_index in tracks
        if not wanted.clips or any(is_named(edit.place, name) for name in wanted.clips)
        for narrowed in _narrowed(edit, ranges)
    ]
    edits, conflicts = _one_instruction_each(kept, cut.order)
    noted = tuple(replace(edit, notes=tuple(_notes(edit, cut))) for edit in edits)
    return Selection(edits=noted, refusals=(*refusals, *conflicts))


def _notes(edit: ClipEdit, cut: Cut) -> Iterator[str]:
    if is_covered(edit.place, cut.in_time):
        yield "it lies under another video track, which a VIA track would cover"
    if edit.reveal != edit.span and next(dissolves_of(edit), None) is None:
        yield "the dissolve beside it lies in a nested composition; a VIA track shows none there"


def _asked(cut: Cut, wanted: Wanted) -> tuple[list[ClipEdit], list[ClipRefusal]]:
    """All that sheet, instruction or markers ask for, before the filters."""
    if wanted.sheet:
        return asked_by_sheet(cut, wanted.sheet, wanted.instruction or "")
    if wanted.instruction is None:
        return asked_by_markers(cut)
    filtered = wanted.track or wanted.clips or wanted.ranges
    if not filtered and len(cut.own_tracks()) > 1:
        raise UsageError(
            "--instruction needs --track, --clip or --range: the timeline has several video "
            f"tracks ({cut.listed()})"
        )
    edits = [
        ClipEdit(place=place, instruction=wanted.instruction)
        for place in cut.places
        if not is_generated(place)
    ]
    return edits, []


def _narrowed(edit: ClipEdit, ranges: list[Span]) -> Iterator[ClipEdit]:
    """The edit, kept to the ranges; as it is when there are none."""
    if not ranges:
        yield edit
    for each in ranges:
        part = edit.span.overlap(each)
        if part is not None:
            whole = part == edit.place.window
            yield replace(edit, part=None if whole else part)


def _one_instruction_each(
    edits: Iterable[ClipEdit], order: dict[int, int]
) -> tuple[tuple[ClipEdit, ...], list[ClipRefusal]]:
    """Edits in timeline order; clips that are asked two things for one frame are refused."""
    of_clip: dict[int, list[ClipEdit]] = {}
    for edit in edits:
        of_clip.setdefault(id(edit.place), []).append(edit)
    kept: list[ClipEdit] = []
    refusals: list[ClipRefusal] = []
    for _, asked in sorted(of_clip.items(), key=lambda each: order[each[0]]):
        try:
            kept.extend(_without_repeats(asked))
        except ClipNotSupportedError as error:
            refusals.append(ClipRefusal(name=asked[0].name, error=error))
    return tuple(kept), refusals


def _without_repeats(asked: list[ClipEdit]) -> list[ClipEdit]:
    """One clip's edits by time, without those that lie inside an equal one.

    Raises:
        ClipNotSupportedError: one says nothing, or two different ones share a frame.
    """
    kept: list[ClipEdit] = []
    for edit in sorted(asked, key=lambda each: (each.span.start_s, -each.span.end_s)):
        before = kept[-1] if kept else None
        if before is None or before.span.overlap(edit.span) is None:
            kept.append(edit)
        elif (before.instruction, before.options) != (edit.instruction, edit.options):
            raise ClipNotSupportedError(
                f"it is asked for {before.instruction!r} and {edit.instruction!r} in the same "
                "frames, and a frame takes one instruction; cut the clip, mark apart ranges, or "
                "remove all but one",
                reason="SEVERAL_INSTRUCTIONS",
            )
        elif edit.span.end_s > before.span.end_s:
            joined = Span(start_s=before.span.start_s, end_s=edit.span.end_s)
            kept[-1] = replace(before, part=None if joined == edit.place.window else joined)
    return kept
