"""Random cuts in two forms: as OpenTimelineIO holds them, and as plain numbers to walk."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import opentimelineio as otio
from hypothesis import strategies as st

from tests.resolve_scripts.timeline.slow_walk import RATES, Clip, Gap, Item, Nest, walked

SPEEDS = {
    text: Fraction(text)
    for text in ("1", "2", "1/2", "3/4", "5/6", "5/4", "5/2", "-1", "-2", "-1/2", "-7/10", "0")
}


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A whole timeline in both forms."""

    timeline: otio.schema.Timeline
    tracks: tuple[Nest, ...]
    rate: Fraction

    def walked(self) -> dict[str, dict[int, int]]:
        """Media frame by record frame, for every clip that is seen."""
        return walked(self.tracks, self.rate)


def otio_time(frames: float, rate: float) -> otio.opentime.RationalTime:
    return otio.opentime.RationalTime(frames, rate)


class Drawer:
    """Draws items in both forms at once."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.rate = draw(st.sampled_from(sorted(RATES)))
        self.clips = 0

    def frames(self, least: int = 1, most: int = 24) -> int:
        return self.draw(st.integers(least, most))

    def clip(self) -> tuple[Clip, otio.schema.Clip]:
        self.clips += 1
        name = f"clip {self.clips}"
        media_rate = self.draw(st.sampled_from(sorted(RATES)))
        origin = self.draw(st.sampled_from([0, 0, 1001, 86400, round(media_rate) * 3600 * 10]))
        start, count = self.frames(0, 100), self.frames()
        speed, effects = self.speed()
        reach = 100 + ceil(count * max(abs(speed), 1) * RATES[media_rate] / RATES[self.rate]) + 70
        source = self.source_start(origin + start, media_rate)
        media = otio.schema.ExternalReference(
            f"/media/{name}.mov",
            otio.opentime.TimeRange(
                otio_time(origin - 70, media_rate), otio_time(reach + 70, media_rate)
            ),
        )
        clip = otio.schema.Clip(
            name, media, otio.opentime.TimeRange(source, otio_time(count, self.rate))
        )
        clip.effects.extend(effects)
        plain = Clip(
            name=name,
            start=Fraction(start + 70),
            media_rate=RATES[media_rate],
            length_s=count / RATES[self.rate],
            speed=speed,
        )
        return plain, clip

    def source_start(self, frame: int, media_rate: float) -> otio.opentime.RationalTime:
        """A media frame as NLEs write it: at the media's rate, or at the timeline's."""
        if self.draw(st.booleans()):
            return otio_time(frame, media_rate)
        return otio_time(frame / media_rate * self.rate, self.rate)

    def speed(self) -> tuple[Fraction, list[otio.schema.Effect]]:
        text = self.draw(st.sampled_from(["1"] * 12 + sorted(SPEEDS)))
        speed = SPEEDS[text]
        if speed == 0:
            return speed, [otio.schema.FreezeFrame()]
        if speed == 1:
            return speed, [otio.schema.Effect(effect_name="Blur")]
        return speed, [otio.schema.LinearTimeWarp(time_scalar=float(speed))]

    def gap(self) -> tuple[Gap, otio.schema.Gap]:
        count = self.frames()
        range_ = otio.opentime.TimeRange(otio_time(0, self.rate), otio_time(count, self.rate))
        return Gap(length_s=count / RATES[self.rate]), otio.schema.Gap(source_range=range_)

    def nest(self, depth: int) -> tuple[Nest, otio.core.Composition]:
        is_track = self.draw(st.booleans())
        made = [self.item(depth + 1) for _ in range(self.frames(1, 3))]
        plain = tuple(each for each, _ in made)
        lengths = [each.length_s for each in plain]
        inner_s = sum(lengths, Fraction(0)) if is_track else max(lengths)
        kind = otio.schema.Track if is_track else otio.schema.Stack
        nest = kind(f"nest {depth}", children=[each for _, each in made])
        speed, effects = self.speed() if depth else (Fraction(1), [])
        nest.effects.extend(effects)
        start_s, length_s = Fraction(0), inner_s
        if depth and (speed != 1 or self.draw(st.booleans())):
            rate = RATES[self.rate]
            start = self.frames(0, 6)
            count = self.frames()
            start_s, length_s = start / rate, count / rate
            nest.source_range = otio.opentime.TimeRange(
                otio_time(start, self.rate), otio_time(count, self.rate)
            )
        whole = Nest(
            is_track=is_track, children=plain, start_s=start_s, length_s=length_s, speed=speed
        )
        return whole, nest

    def item(self, depth: int) -> tuple[Item, otio.core.Item]:
        kinds = ["clip", "clip", "gap", "nest"] if depth < 3 else ["clip", "gap"]
        kind = self.draw(st.sampled_from(kinds))
        if kind == "clip":
            return self.clip()
        return self.gap() if kind == "gap" else self.nest(depth)

    def track(self, deepest: int = 3) -> tuple[Nest, otio.schema.Track]:
        """A track of the timeline, with dissolves between its items."""
        made = [self.item(4 - deepest) for _ in range(self.frames(1, 5))]
        track = otio.schema.Track(kind=otio.schema.TrackKind.Video)
        before: Item | None = None
        rate = RATES[self.rate]
        for plain, item in made:
            if before is not None and self.draw(st.integers(0, 3)) == 0:
                most = max(1, floor(min(before.length_s, plain.length_s) * rate) // 2)
                head, tail = self.frames(0, min(most, 6)), self.frames(1, min(most, 6))
                track.append(
                    otio.schema.Transition(
                        transition_type="SMPTE_Dissolve",
                        in_offset=otio_time(head, self.rate),
                        out_offset=otio_time(tail, self.rate),
                    )
                )
            track.append(item)
            before = plain
        children = tuple(plain for plain, _ in made)
        length_s = sum((each.length_s for each in children), Fraction(0))
        nest = Nest(
            is_track=True,
            children=children,
            start_s=Fraction(0),
            length_s=length_s,
            speed=Fraction(1),
        )
        return nest, track


@st.composite
def cuts(draw: st.DrawFn) -> Cut:
    """Timelines of one to three tracks, at every usual rate, with media at every other."""
    drawer = Drawer(draw)
    return _cut(drawer, [drawer.track() for _ in range(drawer.frames(1, 3))])


@st.composite
def flat_cuts(draw: st.DrawFn) -> Cut:
    """Timelines of one track of clips, gaps and dissolves."""
    drawer = Drawer(draw)
    return _cut(drawer, [drawer.track(deepest=1)])


def _cut(drawer: Drawer, tracks: list[tuple[Nest, otio.schema.Track]]) -> Cut:
    timeline = otio.schema.Timeline("random")
    # Without a start time the record side counts as the first picture does, not as drawn.
    hours = drawer.draw(st.integers(0, 1))
    timeline.global_start_time = otio_time(round(drawer.rate) * 3600 * hours, drawer.rate)
    timeline.tracks.extend(track for _, track in tracks)
    return Cut(
        timeline=timeline, tracks=tuple(plain for plain, _ in tracks), rate=RATES[drawer.rate]
    )
