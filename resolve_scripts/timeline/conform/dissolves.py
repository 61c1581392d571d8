"""Dissolves beside an edited clip: what they show of its neighbours goes along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import opentimelineio as otio

from resolve_scripts.errors import ClipNotSupportedError
from resolve_scripts.timeline.clip_edit import ClipEdit
from resolve_scripts.timeline.conform.trim import trimmed
from resolve_scripts.timeline.mapping import Span
from resolve_scripts.timeline.rates import exact_rate, seconds
from resolve_scripts.timeline.record import duration_s


@dataclass(kw_only=True)
class Run:
    """Items that follow one another without a gap, with the transitions between them.

    Attributes:
        track_index: of the track they come from.
        pieces: each item with its record time, by time.
        dissolves: transitions by the record time of the cut they lie on.
    """

    track_index: int
    pieces: list[tuple[Span, otio.core.Item]]
    dissolves: dict[Fraction, otio.schema.Transition] = field(default_factory=dict)

    @property
    def span(self) -> Span:
        """Record time from the first item to the last."""
        return Span(start_s=self.pieces[0][0].start_s, end_s=self.pieces[-1][0].end_s)


@dataclass(frozen=True, kw_only=True)
class Dissolve:
    """A transition at one end of an edited clip.

    Attributes:
        transition: it, still in its timeline.
        cut_s: record time of the cut it lies on.
        is_before: whether it lies at the clip's start.
        neighbour: the item on its other side; None at an end of the track.
    """

    transition: otio.schema.Transition
    cut_s: Fraction
    is_before: bool
    neighbour: otio.core.Item | None

    @property
    def shown_s(self) -> Fraction:
        """How much of the neighbour's own range a viewer sees, at least one frame of it."""
        offset = self.transition.in_offset if self.is_before else self.transition.out_offset
        frame_s = 1 / exact_rate(offset.rate)
        length_s = duration_s(self.neighbour) if self.neighbour is not None else Fraction(0)
        return min(max(seconds(offset), frame_s), length_s)


def dissolves_of(edit: ClipEdit) -> Iterator[Dissolve]:
    """The transitions at the ends of an edited clip that lies on a track of the timeline.

    None for a clip that is trimmed from outside, nested or retimed from outside: there a copied
    transition would not lie where the original does.
    """
    clip, window, span = edit.clip, edit.place.window, edit.span
    own_time = edit.place.levels[-1].own_time
    is_whole = window.duration_s == duration_s(clip) and own_time.per_s == 1
    if edit.place.is_nested or not is_whole:
        return
    for is_before, cut_s in ((True, span.start_s), (False, span.end_s)):
        if cut_s == (window.start_s if is_before else window.end_s):
            found = _dissolve(clip, cut_s, is_before=is_before)
            if found is not None:
                yield found


def add_dissolve(run: Run, dissolve: Dissolve, ends: set[tuple[int, Fraction]]) -> None:
    """Adds a dissolve to the run of its clip, with what it shows of an unedited neighbour.

    Args:
        run: of the edited clip.
        dissolve: at one end of the clip.
        ends: clips that are edited up to an end of theirs, with its record time.
    """
    neighbour, cut_s = dissolve.neighbour, dissolve.cut_s
    is_empty = neighbour is None or isinstance(neighbour, otio.schema.Gap)
    if is_empty or (id(neighbour), cut_s) in ends:
        run.dissolves[cut_s] = dissolve.transition.deepcopy()
        return
    shown_s, length_s = dissolve.shown_s, duration_s(neighbour)
    if _meets_another(dissolve, neighbour, ends):  # it is copied whole, once
        shown_s = Fraction(0) if dissolve.is_before else length_s
    start_s = length_s - shown_s if dissolve.is_before else Fraction(0)
    try:
        part = trimmed(neighbour, start_s, start_s + shown_s) if shown_s else None
    except ClipNotSupportedError:  # nobody can cut this neighbour: the edit ends at the cut
        return
    run.dissolves[cut_s] = dissolve.transition.deepcopy()
    if part is None:
        return
    if dissolve.is_before:
        run.pieces.insert(0, (Span(start_s=cut_s - shown_s, end_s=cut_s), part))
    else:
        run.pieces.append((Span(start_s=cut_s, end_s=cut_s + shown_s), part))


def _meets_another(
    dissolve: Dissolve, neighbour: otio.core.Item, ends: set[tuple[int, Fraction]]
) -> bool:
    """Whether the neighbour dissolves into an edited clip at its other end too, without a rest."""
    length_s = duration_s(neighbour)
    far_cut_s = dissolve.cut_s + (-length_s if dissolve.is_before else length_s)
    transition = _beside(neighbour, before=dissolve.is_before)
    if not isinstance(transition, otio.schema.Transition):
        return False
    if (id(_beside(transition, before=dissolve.is_before)), far_cut_s) not in ends:
        return False
    far = Dissolve(
        transition=transition,
        cut_s=far_cut_s,
        is_before=not dissolve.is_before,
        neighbour=neighbour,
    )
    return dissolve.shown_s + far.shown_s >= length_s


def _dissolve(clip: otio.schema.Clip, cut_s: Fraction, *, is_before: bool) -> Dissolve | None:
    transition = _beside(clip, before=is_before)
    if not isinstance(transition, otio.schema.Transition):
        return None
    neighbour = _beside(transition, before=is_before)
    return Dissolve(
        transition=transition,
        cut_s=cut_s,
        is_before=is_before,
        neighbour=neighbour if isinstance(neighbour, otio.core.Item) else None,
    )


def _beside(child: otio.core.Composable, *, before: bool) -> otio.core.Composable | None:
    """What lies next to a child of a track; None at the track's ends, and outside tracks."""
    track = child.parent()
    if not isinstance(track, otio.schema.Track):
        return None
    return track.neighbors_of(child)[0 if before else 1]
