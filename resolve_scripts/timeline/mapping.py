"""Record time to media frames and back: exact arithmetic on values, no files, no timeline.

Everything between a viewer and the media is linear: a clip starts somewhere, is trimmed, nested,
run faster, slower, backwards or not at all. So the media frame seen at a record time lies on a
line, and the frames that a record range needs lie between the ends of a line.

Media frames count from 0 at the first picture, whatever its timecode. Record time counts in exact
seconds from the start of the timeline.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

# Times are doubles; what misses a whole frame by less than this means it. Rates as 24 and
# 24000/1001 meet at a thousandth of a frame, so it is far below that.
WHOLE_FRAME_TOLERANCE = Fraction(1, 1_000_000)


@dataclass(frozen=True, kw_only=True)
class Span:
    """Half-open range of record time, in exact seconds from the start of the timeline."""

    start_s: Fraction
    end_s: Fraction

    @property
    def duration_s(self) -> Fraction:
        """Length in seconds; 0 or less means empty."""
        return self.end_s - self.start_s

    def overlap(self, other: Span) -> Span | None:
        """What both share; None when they only touch or lie apart."""
        start, end = max(self.start_s, other.start_s), min(self.end_s, other.end_s)
        return Span(start_s=start, end_s=end) if start < end else None

    def without(self, other: Span) -> list[Span]:
        """What is left of this span outside the other: none, one or two pieces."""
        left = Span(start_s=self.start_s, end_s=min(self.end_s, other.start_s))
        right = Span(start_s=max(self.start_s, other.end_s), end_s=self.end_s)
        if self.overlap(other) is None:
            return [self]
        return [piece for piece in (left, right) if piece.duration_s > 0]

    def frames(self, frame_rate: Fraction) -> range:
        """Record frames that start inside the span, counted at `frame_rate`."""
        return range(
            ceil(snapped(self.start_s * frame_rate)), ceil(snapped(self.end_s * frame_rate))
        )


@dataclass(frozen=True, kw_only=True)
class MediaFrames:
    """Half-open range of media frames, frame 0 being the first picture, with the media's rate."""

    start_frame: int
    end_frame_exclusive: int
    frame_rate: Fraction

    @property
    def frame_count(self) -> int:
        """Number of frames, at least 1."""
        return self.end_frame_exclusive - self.start_frame


@dataclass(frozen=True, kw_only=True)
class Line:
    """A value that runs evenly along record time: `at_zero + per_s * time`.

    Backwards, the moment just after a record time is one just before the value. A line that stands
    still remembers from which side it was reached.
    """

    per_s: Fraction
    at_zero: Fraction
    is_backwards: bool = False

    def at(self, time_s: Fraction) -> Fraction:
        """The value at a record time."""
        return self.at_zero + self.per_s * time_s

    def then(self, scale: Fraction, offset: Fraction) -> Line:
        """The line of `offset + scale * value`."""
        return Line(
            per_s=self.per_s * scale,
            at_zero=self.at_zero * scale + offset,
            is_backwards=scale != 0 and self.is_backwards != (scale < 0),
        )

    def times(self, low: Fraction, high: Fraction) -> Span | None:
        """Record time in which the value lies in low … high; None when it stands still."""
        if self.per_s == 0:
            return None
        ends = sorted((each - self.at_zero) / self.per_s for each in (low, high))
        return Span(start_s=ends[0], end_s=ends[1])


def snapped(frames: Fraction) -> Fraction:
    """The whole number that `frames` misses by no more than rounding, else `frames`."""
    if frames.denominator == 1:
        return frames
    whole = round(frames)
    return Fraction(whole) if abs(frames - whole) <= WHOLE_FRAME_TOLERANCE else frames


def frame_at(position: Line, time_s: Fraction) -> int:
    """The media frame seen at a record time; `position` runs in media frames.

    A frame is seen from its own start until the next one's. Backwards it is the mirror image: the
    first picture is the last frame that lies wholly before the end of the range.
    """
    value = snapped(position.at(time_s))
    return ceil(value) - 1 if position.is_backwards else floor(value)


def frames_in(position: Line, span: Span) -> tuple[int, int]:
    """Half-open range of the media frames touched while record time runs through `span`."""
    if position.per_s == 0:
        frame = frame_at(position, span.start_s)
        return frame, frame + 1
    low, high = sorted(position.at(each) for each in (span.start_s, span.end_s))
    return floor(snapped(low)), ceil(snapped(high))
