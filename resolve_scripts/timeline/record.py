"""Where every clip of a timeline is seen, through all trimming, nesting and retiming."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import opentimelineio as otio

from resolve_scripts.errors import ClipNotSupportedError
from resolve_scripts.timeline.mapping import Line, Span
from resolve_scripts.timeline.rates import exact_rate, seconds, spelled
from resolve_scripts.timeline.retime import time_scalar

EVEN = re.compile(r"([:;]00)*$")


@dataclass(frozen=True, kw_only=True)
class RecordClock:
    """How a timeline counts its record frames: at `rate`, from `start_s` on."""

    rate: float
    start_s: Fraction

    def timecode(self, time_s: Fraction) -> str:
        """Timecode of a record time, which is from 0 at the start of the timeline."""
        # OpenTimelineIO has timecode for 24000/1001, not for its spelling 23.976.
        rate = float(exact_rate(self.rate))
        time = spelled(self.start_s + time_s, rate)
        try:
            # None lets OpenTimelineIO drop frames where the rate has it.
            drop = False if self.is_drop_frame is False else None
            return str(otio.opentime.to_timecode(time, rate, drop))
        except ValueError:  # a rate without timecode, such as 12.5
            return f"{time.to_seconds():.3f} s"

    @property
    def is_drop_frame(self) -> bool | None:
        """Whether the NLE shows drop-frame timecode; None when its start tells nothing.

        Files do not say. Timelines start on a whole hour, minute or second, so the way of counting
        that makes this one start more evenly is meant.
        """
        rate = float(exact_rate(self.rate))
        start = spelled(self.start_s, rate)
        try:
            labels = [otio.opentime.to_timecode(start, rate, drop) for drop in (None, False)]
        except ValueError:  # a rate without timecode
            return None
        dropped, plain = (len(label) - len(EVEN.sub("", label)) for label in labels)
        return None if dropped == plain else dropped > plain


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """An item on the way from the stack of tracks to a clip.

    Attributes:
        item: the item, still in its timeline.
        window: record time in which it is seen.
        own_time: the item's own time in seconds, in which its markers count, along record time.
        depth: 0 for the stack of tracks, 1 for what lies in it, and so on.
    """

    item: otio.core.Item
    window: Span
    own_time: Line
    depth: int

    @property
    def is_outermost(self) -> bool:
        """Whether it is the stack of tracks, or one of its tracks."""
        return self.depth == 0 or (self.depth == 1 and isinstance(self.item, otio.schema.Track))

    @property
    def is_nested(self) -> bool:
        """Whether it is a composition inside a track."""
        return not self.is_outermost and isinstance(self.item, otio.core.Composition)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipPlace:
    """A clip with pictures and when a viewer could see it, were nothing on top.

    Attributes:
        clip: the clip, still in its timeline.
        track_index: position of its outermost track in the stack, from 0 at the bottom.
        window: record time in which the clip is seen without its dissolves.
        reveal: the same with the frames that the dissolves beside it show.
        levels: the compositions the clip lies in, from the stack of tracks inwards, then the clip.
        local: seconds since the clip's start in its parent, along record time.
        since_source: seconds of media since the start of the clip's source range, along record
            time; runs backwards for reversed clips, stands still for frozen ones.
        clock: how the timeline counts its record frames.
        is_nested: lies in a composition inside its track.
        problem: why its frames cannot be told, such as a time remap; None when they can.
    """

    clip: otio.schema.Clip
    track_index: int
    window: Span
    reveal: Span
    levels: tuple[Level, ...]
    local: Line
    since_source: Line
    clock: RecordClock
    is_nested: bool
    problem: ClipNotSupportedError | None

    @property
    def is_held(self) -> bool:
        """Whether something it lies in is frozen, so that it has no parts."""
        return self.local.per_s == 0

    @property
    def record_rate(self) -> Fraction:
        """Record frames per second."""
        return exact_rate(self.clock.rate)

    @property
    def timecode(self) -> str:
        """Of its first record frame, as the NLE shows it."""
        return self.clock.timecode(self.window.start_s)


@dataclass(frozen=True, kw_only=True)
class _Inside:
    """The inside of a composition: its own time along record time, and when it is seen."""

    time: Line
    window: Span
    clock: RecordClock
    track_index: int
    levels: tuple[Level, ...]
    problem: ClipNotSupportedError | None


def clip_places(timeline: otio.schema.Timeline) -> list[ClipPlace]:
    """Every clip on a video track, also inside nested compositions, bottom track first.

    Clips that trimming hides altogether are left out, and so are audio tracks.
    """
    stack = timeline.tracks
    whole = Span(start_s=Fraction(0), end_s=duration_s(stack))
    local = Line(per_s=Fraction(1), at_zero=Fraction(0))
    shown, problem = _shown(stack, local, None)
    top = Level(item=stack, window=whole, own_time=_own_time(stack, local), depth=0)
    root = _Inside(
        time=shown.then(Fraction(1), _trimmed_from(stack)),
        window=whole,
        clock=record_clock(timeline),
        track_index=0,
        levels=(top,),
        problem=problem,
    )
    places: list[ClipPlace] = []
    for index, track in enumerate(stack):
        if has_pictures(track):
            inside = replace(root, track_index=index)
            places.extend(_item_places(track, Fraction(0), inside, (None, None)))
    return places


def has_pictures(child: otio.core.Composable) -> bool:
    """Whether a child of a stack is a video track, or pictures without a track."""
    if isinstance(child, otio.schema.Track):
        return bool(child.kind == otio.schema.TrackKind.Video)
    return isinstance(child, otio.schema.Clip | otio.core.Composition)


def duration_s(item: otio.core.Item) -> Fraction:
    """Exact length of an item in its parent; OpenTimelineIO's own sum rounds mixed rates."""
    if item.source_range is not None:
        return seconds(item.source_range.duration)
    if isinstance(item, otio.schema.Stack):
        return max((duration_s(child) for child in item), default=Fraction(0))
    if isinstance(item, otio.schema.Track):
        items = (child for child in item if isinstance(child, otio.core.Item))
        return sum((duration_s(child) for child in items), Fraction(0))
    try:
        return seconds(item.duration())
    except otio.exceptions.OTIOError:  # no source range and no available range
        return Fraction(0)


def record_clock(timeline: otio.schema.Timeline) -> RecordClock:
    """How the record side counts: as its start timecode does, else as its first picture does."""
    start = timeline.global_start_time
    if start is not None:
        return RecordClock(rate=float(start.rate), start_s=seconds(start))
    pictures = (track for track in timeline.tracks if has_pictures(track))
    rates = (rate for track in pictures if (rate := _first_rate(track)) is not None)
    return RecordClock(rate=next(rates, 24.0), start_s=Fraction(0))


def _first_rate(item: otio.core.Composable) -> float | None:
    """Rate of the first range in an item and what it holds."""
    if isinstance(item, otio.core.Item) and item.source_range is not None:
        return float(item.source_range.duration.rate)
    if isinstance(item, otio.schema.Clip) and item.media_reference.available_range:
        return float(item.media_reference.available_range.duration.rate)
    if isinstance(item, otio.core.Composition):
        return next((rate for each in item if (rate := _first_rate(each)) is not None), None)
    return None


def _item_places(
    item: otio.core.Item,
    start: Fraction,
    inside: _Inside,
    beside: tuple[otio.schema.Transition | None, otio.schema.Transition | None],
) -> Iterator[ClipPlace]:
    """Clips in `item`, which starts at `start` in the time of the composition it lies in."""
    if isinstance(item, otio.schema.Gap):
        return
    length = duration_s(item)
    window = _seen(inside, start, start + length)
    if window is None:
        return
    local = inside.time.then(Fraction(1), -start)
    since_source, problem = _shown(item, local, inside.problem)
    own_time = _own_time(item, local)
    level = Level(item=item, window=window, own_time=own_time, depth=len(inside.levels))
    levels = (*inside.levels, level)
    if isinstance(item, otio.schema.Clip):
        before, after = beside
        head = seconds(before.in_offset) if before else Fraction(0)
        tail = seconds(after.out_offset) if after else Fraction(0)
        yield ClipPlace(
            clip=item,
            track_index=inside.track_index,
            window=window,
            reveal=_seen(inside, start - head, start + length + tail) or window,
            levels=levels,
            local=local,
            since_source=since_source,
            clock=inside.clock,
            is_nested=len(levels) > 3,
            problem=problem,
        )
        return
    within = replace(
        inside,
        time=since_source.then(Fraction(1), _trimmed_from(item)),
        window=window,
        levels=levels,
        problem=problem,
    )
    yield from _children_places(item, within)


def _shown(
    item: otio.core.Item, local: Line, problem: ClipNotSupportedError | None
) -> tuple[Line, ClipNotSupportedError | None]:
    """Seconds since the start of the item's range that it shows, along record time.

    Args:
        item: with its time effects.
        local: seconds since the item's own start.
        problem: why the frames of what it lies in cannot be told.
    """
    try:
        scalar = time_scalar(item)
    except ClipNotSupportedError as error:
        return local, problem or error
    return local.then(scalar, -scalar * duration_s(item) if scalar < 0 else Fraction(0)), problem


def _own_time(item: otio.core.Item, local: Line) -> Line:
    """The time in which the item's markers count."""
    return local.then(Fraction(1), _trimmed_from(item))


def _trimmed_from(item: otio.core.Item) -> Fraction:
    """Where the item's own time starts."""
    if item.source_range is not None:
        return seconds(item.source_range.start_time)
    if isinstance(item, otio.schema.Clip) and item.media_reference.available_range is not None:
        return seconds(item.media_reference.available_range.start_time)
    return Fraction(0)


def _children_places(composition: otio.core.Composition, inside: _Inside) -> Iterator[ClipPlace]:
    if isinstance(composition, otio.schema.Stack):
        for child in composition:
            if has_pictures(child):
                yield from _item_places(child, Fraction(0), inside, (None, None))
        return
    children = list(composition)
    start = Fraction(0)
    for index, child in enumerate(children):
        if isinstance(child, otio.core.Item):
            beside = (_transition(children, index - 1), _transition(children, index + 1))
            yield from _item_places(child, start, inside, beside)
            start += duration_s(child)


def _transition(children: list[otio.core.Composable], index: int) -> otio.schema.Transition | None:
    child = children[index] if 0 <= index < len(children) else None
    return child if isinstance(child, otio.schema.Transition) else None


def _seen(inside: _Inside, start: Fraction, end: Fraction) -> Span | None:
    """Record time in which the composition's time lies in start … end."""
    times = inside.time.times(start, end)
    if times is None:  # the composition is frozen on one instant
        instant = inside.time.at_zero
        backwards = inside.time.is_backwards
        is_seen = start < instant <= end if backwards else start <= instant < end
        return inside.window if is_seen else None
    return times.overlap(inside.window)
