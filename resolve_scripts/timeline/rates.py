"""Exact time: the rates that floats mean, seconds as ratios, timecode."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import opentimelineio as otio

# NLEs write rates as floats such as 23.98; no standard rate lies this close to another.
INTEGER_TOLERANCE = 1e-3
NTSC_TOLERANCE = 5e-3


@lru_cache
def exact_rate(rate: float) -> Fraction:
    """Frames per second as the exact ratio meant by a float: 23.98 is 24000/1001, 25.0 is 25."""
    if abs(rate - round(rate)) < INTEGER_TOLERANCE:
        return Fraction(round(rate))
    nominal = round(rate * 1.001)
    ntsc = Fraction(nominal * 1000, 1001)
    if abs(rate - ntsc) < NTSC_TOLERANCE:
        return ntsc
    return Fraction(rate).limit_denominator(100_000)


def frames_at(time: otio.opentime.RationalTime, frame_rate: Fraction) -> Fraction:
    """`time` counted in frames of `frame_rate`, exactly; whole or not.

    A time that already counts at this rate, spelled 23.98 or 23.976, keeps its number.
    """
    return Fraction(time.value) * frame_rate / exact_rate(time.rate)


def seconds(time: otio.opentime.RationalTime) -> Fraction:
    """`time` in exact seconds, its rate taken as it is meant."""
    return Fraction(time.value) / exact_rate(time.rate)


def spelled(time_s: Fraction, rate: float) -> otio.opentime.RationalTime:
    """Seconds as OpenTimelineIO counts them at `rate`, spelled as given."""
    return otio.opentime.RationalTime(float(time_s * exact_rate(rate)), rate)


def timecode_frames(text: str, frame_rate: Fraction) -> int:
    """Frames since 00:00:00:00 that a timecode names; ";" before the frames means drop frame.

    Raises:
        ValueError: it is no timecode of that rate.
    """
    rate = float(frame_rate)
    try:
        return int(otio.opentime.from_timecode(text, rate).value)
    except ValueError:
        # Rates such as 15 have no timecode of their own; the numbers are plain then.
        hours, minutes, whole_s, frames = (int(each) for each in text.replace(";", ":").split(":"))
        nominal = round(rate)
        if frames >= nominal:
            raise
        return ((hours * 60 + minutes) * 60 + whole_s) * nominal + frames
