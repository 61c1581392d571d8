"""Timecode labels of media frames: pure counting, drop-frame aware."""

from __future__ import annotations

import re
from fractions import Fraction

from via_engine.errors import MediaUnreadableError

_LABEL = re.compile(r"(\d{2}):([0-5]\d):([0-5]\d)([:;.])(\d{2,3})")
_MINUTES_PER_DAY = 24 * 60


def timecode_at(start_timecode: str, frame_rate: Fraction, frame: int) -> str:
    """Label of media frame `frame`, where frame 0 carries `start_timecode`.

    A ";" or "." before the frames marks drop-frame, which exists at 30000/1001 and its multiples
    only. Labels wrap after 24 hours.

    Raises:
        MediaUnreadableError: the label is no timecode of this rate.
    """
    match = _LABEL.fullmatch(start_timecode)
    if match is None:
        raise MediaUnreadableError(
            f"{start_timecode!r} is no timecode; give HH:MM:SS:FF, or HH:MM:SS;FF for drop frame"
        )
    hours, minutes, seconds, separator, frames = match.groups()
    counter = _Counter(frame_rate, is_drop_frame=separator != ":")
    if int(frames) >= counter.frames_per_second:
        raise MediaUnreadableError(
            f"timecode {start_timecode!r} counts more frames in a second than {frame_rate} has"
        )
    first = counter.number(60 * int(hours) + int(minutes), int(seconds), int(frames))
    return counter.label(first + frame)


class _Counter:
    """Frame numbers and labels of one day at one rate."""

    def __init__(self, frame_rate: Fraction, *, is_drop_frame: bool) -> None:
        self.frames_per_second = round(frame_rate)
        is_ntsc = frame_rate == Fraction(self.frames_per_second * 1000, 1001)
        if is_drop_frame and not (is_ntsc and self.frames_per_second % 30 == 0):
            raise MediaUnreadableError(
                f"drop-frame timecode does not exist at {frame_rate} frames per second; "
                "use a label with ':' before the frames"
            )
        self.separator = ";" if is_drop_frame else ":"
        self.dropped_per_minute = self.frames_per_second // 15 if is_drop_frame else 0

    def number(self, minute_of_day: int, second: int, frame: int) -> int:
        """Frames since 00:00:00:00; two labels a minute (four at 60) are skipped in drop frame."""
        dropped = self.dropped_per_minute * (minute_of_day - minute_of_day // 10)
        return (60 * minute_of_day + second) * self.frames_per_second + frame - dropped

    def label(self, number: int) -> str:
        """Text of the frame with that number."""
        number %= self.number(_MINUTES_PER_DAY, 0, 0)
        counted = number + self._labels_skipped_before(number)
        seconds, frame = divmod(counted, self.frames_per_second)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        return f"{hour:02d}:{minute:02d}:{second:02d}{self.separator}{frame:02d}"

    def _labels_skipped_before(self, number: int) -> int:
        dropped = self.dropped_per_minute
        full_minute = 60 * self.frames_per_second
        tens, rest = divmod(number, self.number(10, 0, 0))
        # The first minute of ten keeps all its labels.
        minutes = 0 if rest < full_minute else 1 + (rest - full_minute) // (full_minute - dropped)
        return dropped * (9 * tens + minutes)
