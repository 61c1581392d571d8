"""Frame arithmetic of the fake, written apart from Via's own so that it can be an oracle."""

from __future__ import annotations

import math
from fractions import Fraction

NTSC = {"23.976": 24, "29.97": 30, "47.952": 48, "59.94": 60, "119.88": 120}


def rate(text: str) -> Fraction:
    """The exact rate of a setting."""
    return Fraction(NTSC[text] * 1000, 1001) if text in NTSC else Fraction(text)


def timecode_to_frame(timecode: str, fps: Fraction, drop: bool) -> int:
    """Frames since 00:00:00:00, counted out minute by minute."""
    hours, minutes, seconds, frames = (int(p) for p in timecode.replace(";", ":").split(":"))
    nominal = math.ceil(fps)
    total = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    if drop:
        per_minute = {30: 2, 60: 4}[nominal]
        total -= per_minute * sum(1 for m in range(1, hours * 60 + minutes + 1) if m % 10)
    return total


def frame_to_timecode(frame: int, fps: Fraction, drop: bool) -> str:
    """Timecode of a frame, by walking minutes."""
    nominal = math.ceil(fps)
    per_minute = {30: 2, 60: 4}.get(nominal, 0) if drop else 0
    minute, rest = 0, frame
    while True:
        length = nominal * 60 - (per_minute if minute % 10 else 0)
        if rest < length:
            break
        rest -= length
        minute += 1
    if minute % 10:
        rest += per_minute
    sign = ";" if drop else ":"
    seconds, frames = divmod(rest, nominal)
    return f"{minute // 60:02d}:{minute % 60:02d}:{seconds:02d}{sign}{frames:02d}"


def record_length(source_frames: float, timeline: Fraction, source: Fraction) -> int:
    """Resolve floors the length of media that runs at another rate."""
    return math.floor(Fraction(source_frames) * timeline / source)
