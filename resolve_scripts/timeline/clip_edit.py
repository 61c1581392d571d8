"""A clip of the cut with what to change in it, and a clip that cannot have that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import opentimelineio as otio

from resolve_scripts.errors import ViaClientError
from resolve_scripts.timeline.mapping import Span
from resolve_scripts.timeline.record import ClipPlace


@dataclass(frozen=True, kw_only=True)
class ClipEdit:
    """A clip of the timeline and what to change in it.

    Attributes:
        place: the clip, still in its timeline, and when it is seen.
        instruction: what to change, in plain words.
        options: options of `via edit` for this clip alone, by their names without dashes.
        part: record time to edit; None for the whole clip.
        notes: what its place in the cut means for it, a sentence each.
    """

    place: ClipPlace
    instruction: str
    options: Mapping[str, str] = field(default_factory=dict)
    part: Span | None = None
    notes: tuple[str, ...] = ()

    @property
    def clip(self) -> otio.schema.Clip:
        """The clip, still in its timeline."""
        return self.place.clip

    @property
    def track_index(self) -> int:
        """Position of the clip's outermost track in the stack, from 0 at the bottom."""
        return self.place.track_index

    @property
    def name(self) -> str:
        """The clip's name, with the record time of the edit for clips that share it."""
        return f"{self.clip.name or 'clip'} at {self.timecode}"

    @property
    def timecode(self) -> str:
        """Of the first record frame that is edited, as the NLE shows it."""
        return self.place.clock.timecode(self.span.start_s)

    @property
    def span(self) -> Span:
        """Record time the edit covers, without dissolves; empty when the part lies elsewhere."""
        if self.part is None:
            return self.place.window
        start = max(self.part.start_s, self.place.window.start_s)
        return Span(start_s=start, end_s=min(self.part.end_s, self.place.window.end_s))

    @property
    def reveal(self) -> Span:
        """The same with what the dissolves at its ends show."""
        window, whole, span = self.place.window, self.place.reveal, self.span
        return Span(
            start_s=whole.start_s if span.start_s == window.start_s else span.start_s,
            end_s=whole.end_s if span.end_s == window.end_s else span.end_s,
        )


@dataclass(frozen=True, kw_only=True)
class ClipRefusal:
    """Something that asks for an edit and cannot have it, by name."""

    name: str
    error: ViaClientError


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What asks for an edit, in timeline order, bottom track first."""

    edits: tuple[ClipEdit, ...]
    refusals: tuple[ClipRefusal, ...]
