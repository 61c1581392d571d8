"""Resolve's frame counts, one inside the other: exact arithmetic on values, nothing else.

Timeline frames here are always absolute, ranges half-open. Resolve itself counts items, record
frames and render marks absolutely, in/out marks and timeline markers from the timeline's start,
media from the file's first picture; `out` marks and `MarkOut` are inclusive.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

# Resolve's Lua and older builds cut NTSC rates down to the integer below.
FLOORED_NTSC = {23: 24, 29: 30, 47: 48, 59: 60, 95: 96, 119: 120}
NTSC_TOLERANCE = 5e-3
TIMECODE = re.compile(r"^(\d+):(\d\d):(\d\d)[:;.](\d+)$")


def rate_of(setting: Any) -> Fraction | None:
    """The exact rate a setting or property stands for: 24.0, "23.976", "23", "29.97 DF".

    None when it is no rate at all.
    """
    try:
        rate = float(str(setting).upper().replace("DF", "").strip())
    except ValueError:
        return None
    if not 0 < rate < 1000:
        return None
    if rate in FLOORED_NTSC:
        return Fraction(FLOORED_NTSC[int(rate)] * 1000, 1001)
    if abs(rate - round(rate)) < 1e-3:
        return Fraction(round(rate))
    nominal = round(rate * 1.001)
    if abs(rate - nominal * 1000 / 1001) < NTSC_TOLERANCE:
        return Fraction(nominal * 1000, 1001)
    return Fraction(rate).limit_denominator(100_000)


def nominal_rate(frame_rate: Fraction) -> int:
    """Frames a timecode second counts: 24 for 24000/1001."""
    return round(frame_rate * Fraction(1001, 1000))


def frame_of(timecode: str, frame_rate: Fraction, drop_frame: bool) -> int | None:
    """The frame a timecode names, counted from 00:00:00:00; None when it is no timecode."""
    found = TIMECODE.match(timecode.strip())
    if found is None:
        return None
    hours, minutes, seconds, frames = (int(part) for part in found.groups())
    nominal = nominal_rate(frame_rate)
    total_minutes = hours * 60 + minutes
    number = (total_minutes * 60 + seconds) * nominal + frames
    if not drop_frame:
        return number
    return number - _dropped_a_minute(nominal) * (total_minutes - total_minutes // 10)


def timecode_of(frame: int, frame_rate: Fraction, drop_frame: bool) -> str:
    """The timecode of a frame counted from 00:00:00:00."""
    nominal = nominal_rate(frame_rate)
    if drop_frame:
        frame += _skipped_before(frame, nominal)
    seconds, frames = divmod(frame, nominal)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    sign = ";" if drop_frame else ":"
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{sign}{frames:02d}"


def _dropped_a_minute(nominal: int) -> int:
    """Frame numbers that drop-frame timecode leaves out: 2 at 30, 4 at 60."""
    return nominal // 15


def _skipped_before(frame: int, nominal: int) -> int:
    """Numbers left out before a frame: at each minute but every tenth."""
    dropped = _dropped_a_minute(nominal)
    a_minute = nominal * 60 - dropped
    ten_minutes = a_minute * 10 + dropped
    tens, rest = divmod(frame, ten_minutes)
    minutes = 0 if rest < nominal * 60 else 1 + (rest - nominal * 60) // a_minute
    return dropped * (tens * 9 + minutes)


def marked_range(in_mark: int, out_mark: int, start_frame: int) -> tuple[int, int]:
    """In/out marks, relative and inclusive, as an absolute half-open range."""
    return start_frame + in_mark, start_frame + out_mark + 1


def render_marks(frame_range: tuple[int, int]) -> tuple[int, int]:
    """A range as Deliver's MarkIn and MarkOut: absolute, both inclusive."""
    return frame_range[0], frame_range[1] - 1


def overlap(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int] | None:
    """What two ranges share; None when it is nothing."""
    start, end = max(one[0], other[0]), min(one[1], other[1])
    return (start, end) if start < end else None


def media_range(
    record_range: tuple[int, int], timeline_rate: Fraction, media_rate: Fraction
) -> tuple[int, int]:
    """Media pictures that cover a range of record-domain frames (counted from the media's first).

    Exact when both rates are the same; else the pictures that are on screen at some time in it.
    """
    ratio = media_rate / timeline_rate
    start, end = record_range[0] * ratio, record_range[1] * ratio
    return start.numerator // start.denominator, -((-end.numerator) // end.denominator)


def record_length(media_frames: int, timeline_rate: Fraction, media_rate: Fraction) -> int:
    """Timeline frames that Resolve gives to a number of media pictures: it rounds down."""
    length = media_frames * timeline_rate / media_rate
    return length.numerator // length.denominator


def pictures_for(record_frames: int, timeline_rate: Fraction, media_rate: Fraction) -> int | None:
    """The number of media pictures that fills exactly so many timeline frames; None: none does."""
    needed = media_range((0, record_frames), timeline_rate, media_rate)[1]
    fits = record_length(needed, timeline_rate, media_rate) == record_frames
    return needed if fits else None
