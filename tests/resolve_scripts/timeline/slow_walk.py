"""The slow reference: a cut walked frame by frame.

It knows nothing of lines or of ranges. It asks of every instant which item lies there, and follows
it down to a media frame, in plain exact numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor

import opentimelineio as otio

# As NLEs spell them, and as they are meant.
RATES = {
    23.976: Fraction(24000, 1001),
    24.0: Fraction(24),
    25.0: Fraction(25),
    29.97: Fraction(30000, 1001),
    30.0: Fraction(30),
    50.0: Fraction(50),
    59.94: Fraction(60000, 1001),
    60.0: Fraction(60),
}


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip in plain numbers: `start` in media frames, perhaps between two."""

    name: str
    start: Fraction
    media_rate: Fraction
    length_s: Fraction
    speed: Fraction


@dataclass(frozen=True, kw_only=True)
class Gap:
    length_s: Fraction


@dataclass(frozen=True, kw_only=True)
class Nest:
    """A stack or a track: what of it is used, in its own seconds, and at which speed."""

    is_track: bool
    children: tuple[Clip | Gap | Nest, ...]
    start_s: Fraction
    length_s: Fraction
    speed: Fraction


Item = Clip | Gap | Nest


@dataclass(frozen=True, kw_only=True)
class Instant:
    """The moment just after a time, or just before it where time runs backwards."""

    time_s: Fraction
    is_after: bool = True

    def lies_in(self, start_s: Fraction, end_s: Fraction) -> bool:
        if self.is_after:
            return start_s <= self.time_s < end_s
        return start_s < self.time_s <= end_s

    def within(self, item: Clip | Nest) -> Instant:
        """The same moment in what the item shows, counted from the start of what it shows."""
        if item.speed == 0:
            return Instant(time_s=Fraction(0))
        if item.speed > 0:
            return replace(self, time_s=self.time_s * item.speed)
        left_s = (item.length_s - self.time_s) * -item.speed
        return Instant(time_s=left_s, is_after=not self.is_after)


def seen(item: Item, instant: Instant) -> Iterator[tuple[str, int]]:
    """Clips and their media frames at an instant after the item's start, whatever lies on top."""
    if isinstance(item, Gap) or not instant.lies_in(Fraction(0), item.length_s):
        return
    inner = instant.within(item)
    if isinstance(item, Clip):
        yield item.name, _frame(item, inner)
        return
    inner = replace(inner, time_s=inner.time_s + item.start_s)
    start_s = Fraction(0)
    for child in item.children:
        yield from seen(child, replace(inner, time_s=inner.time_s - start_s))
        if item.is_track:
            start_s += child.length_s


def _frame(clip: Clip, inner: Instant, slack: Fraction = Fraction(0)) -> int:
    frame = clip.start + inner.time_s * clip.media_rate
    return floor(frame + slack) if inner.is_after else ceil(frame - slack) - 1


CONVERTED = Fraction(1, 10_000)
Pair = tuple[tuple[str, int] | None, tuple[str, int] | None]


def dissolving(track: otio.schema.Track, rate: Fraction) -> dict[int, set[Pair]]:
    """Both pictures of every dissolve by record frame: clip and media frame, None for nothing.

    Over a short gap two of them share a frame. A dissolve shows each clip beyond its own end, so
    where the clip ends does not matter here.
    """
    found: dict[int, set[Pair]] = {}
    children, start_s = list(track), Fraction(0)
    for index, child in enumerate(children):
        if isinstance(child, otio.schema.Transition):
            left = plain(children[index - 1]) if index else None
            right = plain(children[index + 1]) if index + 1 < len(children) else None
            left_s = start_s - left.length_s if left else start_s
            head, tail = plain_s(child.in_offset), plain_s(child.out_offset)
            for record_frame in range(ceil((start_s - head) * rate), ceil((start_s + tail) * rate)):
                time_s = record_frame / rate
                pair = _picture(left, time_s - left_s), _picture(right, time_s - start_s)
                found.setdefault(record_frame, set()).add(pair)
        else:
            start_s += plain(child).length_s
    return found


def _picture(item: Item | None, time_s: Fraction) -> tuple[str, int] | None:
    if not isinstance(item, Clip):
        return None
    # A clip cut between two of its media's frames has its start converted by float.
    return item.name, _frame(item, Instant(time_s=time_s).within(item), CONVERTED)


def walked(tracks: Iterable[Nest], rate: Fraction) -> dict[str, dict[int, int]]:
    """Media frame by record frame, for every clip that lies somewhere, whatever lies on top."""
    tracks = list(tracks)
    found: dict[str, dict[int, int]] = {}
    for record_frame in range(ceil(max(track.length_s for track in tracks) * rate)):
        for track in tracks:
            for name, media_frame in seen(track, Instant(time_s=record_frame / rate)):
                found.setdefault(name, {})[record_frame] = media_frame
    return found


def plain_tracks(timeline: otio.schema.Timeline) -> list[Nest]:
    """A timeline of ours in plain numbers; clips are named by their media's target."""
    return [plain(track) for track in timeline.tracks]


def plain(item: otio.core.Item) -> Item:
    """An item of OpenTimelineIO in plain numbers."""
    if isinstance(item, otio.schema.Gap):
        return Gap(length_s=plain_s(item.trimmed_range().duration))
    speed = Fraction(1)
    for effect in item.effects:
        if isinstance(effect, otio.schema.LinearTimeWarp):
            speed *= Fraction(effect.time_scalar).limit_denominator(1000)
    if isinstance(item, otio.schema.Clip):
        available = item.media_reference.available_range
        rate = available.duration.rate
        source = item.trimmed_range()
        start = (source.start_time.rescaled_to(rate) - available.start_time).value
        if abs(start - round(start)) < 1e-5:  # converted by float
            start = round(start)
        return Clip(
            name=item.media_reference.target_url,
            start=Fraction(start).limit_denominator(100_000),
            media_rate=RATES[rate],
            length_s=plain_s(source.duration),
            speed=speed,
        )
    children = tuple(plain(child) for child in item if isinstance(child, otio.core.Item))
    is_track = isinstance(item, otio.schema.Track)
    lengths = [child.length_s for child in children]
    start_s, length_s = Fraction(0), sum(lengths, Fraction(0)) if is_track else max(lengths)
    if item.source_range is not None:
        start_s = plain_s(item.source_range.start_time)
        length_s = plain_s(item.source_range.duration)
    return Nest(
        is_track=is_track, children=children, start_s=start_s, length_s=length_s, speed=speed
    )


def plain_s(time: otio.opentime.RationalTime) -> Fraction:
    return Fraction(time.value).limit_denominator(100_000) / RATES[time.rate]
