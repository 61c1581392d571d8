"""The rendered file as media of a clip: its own range, and the part of it that is seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import opentimelineio as otio

from resolve_scripts.timeline.clip_edit import ClipEdit
from resolve_scripts.timeline.mapping import Span, frame_at, snapped
from resolve_scripts.timeline.need import MediaFacts, MediaNeed
from resolve_scripts.timeline.rates import exact_rate, seconds, spelled
from resolve_scripts.timeline.retime import is_time_effect, time_scalar
from resolve_scripts.timeline.versions import original_reference


@dataclass(frozen=True, kw_only=True)
class PlacedEdit:
    """A finished edit and where it belongs.

    Attributes:
        edit: the clip it was made from, in the timeline that was read.
        need: what was rendered: all of `need.frames` and no more, or one picture held.
        rendered: absolute path of the rendered file.
        facts: what the source media holds; a render of timecoded media goes on counting in it.
            None when the source is not known to have a timecode.
        record: what to remember of the edit, as plain JSON values.
    """

    edit: ClipEdit
    need: MediaNeed
    rendered: Path
    facts: MediaFacts | None = None
    record: dict[str, Any]

    @property
    def has_timecode(self) -> bool:
        """Whether the render itself carries a timecode."""
        return self.facts is not None and bool(self.facts.start_timecode)


@dataclass(frozen=True, kw_only=True)
class RenderTime:
    """How the render's own time counts.

    Attributes:
        first: what it calls its first frame, in frames.
        need: the media frames it has.
        source: range of the original clip, in its source's time.
        available_rate: frames per second of its available range, as the timeline spells it.
        start_rate: of the start of a source range. Resolve counts the whole range at one rate;
            else it is the available range's, which rounds nothing.
    """

    first: Fraction
    need: MediaNeed
    source: otio.opentime.TimeRange
    available_rate: float
    start_rate: float

    def available_range(self) -> otio.opentime.TimeRange:
        """All frames of the render."""
        return otio.opentime.TimeRange(
            otio.opentime.RationalTime(float(self.first), self.available_rate),
            otio.opentime.RationalTime(self.need.rendered_count, self.available_rate),
        )

    def source_range(self, span: Span) -> otio.opentime.TimeRange:
        """The range that shows at `span` what the original shows there."""
        position, frames = self.need.position, self.need.frames
        low = min(position.at(span.start_s), position.at(span.end_s))
        if position.per_s == 0 and position.is_backwards:
            low = Fraction(frame_at(position, span.start_s))
        start, duration = self.source.start_time, self.source.duration
        skipped = low - frames.start_frame + _lead(self.need)
        keeps_counting = self.first + skipped == self.need.origin + low
        if not (keeps_counting and low == self.need.source_start):
            first = float(self.first + skipped)
            start = otio.opentime.RationalTime(first, self.available_rate)
            start = start.rescaled_to(self.start_rate)
        if seconds(duration) != span.duration_s:
            duration = spelled(span.duration_s, duration.rate)
        return otio.opentime.TimeRange(start, duration)

    def of_source(self, range_: otio.opentime.TimeRange) -> otio.opentime.TimeRange:
        """A range of the source, in the render's time."""
        moved = (self.first - _first_of_source(self.need)) / self.need.frames.frame_rate
        start = range_.start_time
        if moved:
            start += spelled(moved, start.rate)
        return otio.opentime.TimeRange(start, range_.duration)


def source_time(one: PlacedEdit) -> RenderTime:
    """Counting as the source does, so that ranges mean the same in both."""
    return _render_time(one, _first_of_source(one.need))


def own_time(one: PlacedEdit, *, for_resolve: bool = False) -> RenderTime:
    """Counting as the render itself does: on from the source's timecode, or from 0.

    A source whose range starts late is timecoded, whether its file says so or not, unless it is a
    single picture. Resolve believes the file alone.
    """
    if for_resolve:
        start = one.facts.start_frame + one.need.frames.start_frame if one.facts else 0
        time = _render_time(one, Fraction(start if one.has_timecode else 0))
        return replace(time, start_rate=time.source.duration.rate)
    is_timecoded = one.need.origin != 0 and not one.need.is_still
    if is_timecoded or one.has_timecode:
        return _render_time(one, one.need.origin + one.need.frames.start_frame)
    return _render_time(one, Fraction(0))


def via_reference(one: PlacedEdit, time: RenderTime, target: str) -> otio.schema.ExternalReference:
    """The render as a media reference that remembers the edit."""
    reference = otio.schema.ExternalReference(
        target_url=target, available_range=time.available_range(), metadata={"via": one.record}
    )
    reference.name = one.rendered.name
    return reference


def via_clip(one: PlacedEdit, time: RenderTime, target: str) -> otio.schema.Clip:
    """A clip that shows the render where the original shows its media."""
    source = one.edit.clip
    clip = otio.schema.Clip(
        name=source.name,
        media_reference=via_reference(one, time, target),
        source_range=time.source_range(one.need.span),
        metadata={"via": one.record},
    )
    clip.enabled = source.enabled
    # Position, crop and grade belong to the place in the cut, so the new picture wears them too.
    clip.effects.extend(_effects(one.edit))
    return clip


def _effects(edit: ClipEdit) -> Iterator[otio.schema.Effect]:
    """The clip's effects, with those of the nested compositions it is taken out of."""
    place, clip = edit.place, edit.clip
    speed = place.since_source.per_s
    own_speed = place.problem is None and time_scalar(clip) == speed
    for effect in clip.effects:
        if own_speed or not is_time_effect(effect):
            yield effect.deepcopy()
    for level in reversed(place.levels[2:-1]):
        yield from (
            effect.deepcopy() for effect in level.item.effects if not is_time_effect(effect)
        )
    if not own_speed and speed == 0:
        yield otio.schema.FreezeFrame()
    elif not own_speed and speed != 1:
        yield otio.schema.LinearTimeWarp(time_scalar=float(speed))


def _lead(need: MediaNeed) -> int:
    """Frames of a held picture before the source range."""
    return 0 if need.hold is None else need.hold.lead_frames


def _first_of_source(need: MediaNeed) -> Fraction:
    """What the source's time calls the render's first frame.

    A picture that is held is the same wherever it is looked at, so it lies where the clip's own
    range does, though a frozen composition around it may show a later frame.
    """
    if need.hold is None:
        return need.origin + need.frames.start_frame
    return need.origin + floor(snapped(need.source_start)) - need.hold.lead_frames


def _render_time(one: PlacedEdit, first: Fraction) -> RenderTime:
    clip = one.edit.clip
    available = original_reference(clip).available_range
    exact = one.need.frames.frame_rate
    said = float(available.duration.rate) if available else float(exact)
    rate = said if exact_rate(said) == exact else float(exact)
    return RenderTime(
        first=first,
        need=one.need,
        source=clip.trimmed_range(),
        available_rate=rate,
        start_rate=rate,
    )
