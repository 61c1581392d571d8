"""Record ranges as people write them: two timecodes, or two frame numbers."""

from __future__ import annotations

import re
from fractions import Fraction

from resolve_scripts.errors import UsageError
from resolve_scripts.timeline.mapping import Span
from resolve_scripts.timeline.rates import exact_rate, timecode_frames
from resolve_scripts.timeline.record import RecordClock

FRAMES = re.compile(r"(\d{1,9})\s*[:-]\s*(\d{1,9})")
TIMECODE = r"(\d\d:\d\d:\d\d[:;]\d\d)"
TIMECODES = re.compile(rf"{TIMECODE}\s*[:-]\s*{TIMECODE}")


def record_span(text: str, clock: RecordClock) -> Span:
    """The record time that "TC:TC" means, the second the first one after the range.

    Timecodes are those the NLE shows: they count from the timeline's start timecode, and ":" before
    the frames is as good as ";" where that one drops frames. Two plain numbers are record frames
    from 0 at the start of the timeline.

    Raises:
        UsageError: it is no such range, holds no frame, or lies before the timeline's start.
    """
    rate = exact_rate(clock.rate)
    if found := FRAMES.fullmatch(text.strip()):
        start, end = (Fraction(int(each)) / rate for each in found.groups())
    elif found := TIMECODES.fullmatch(text.strip()):
        start, end = (_since_start(each, clock) for each in found.groups())
    else:
        raise UsageError(
            f"{text!r} is no record range; give START:END as timecodes, such as "
            "01:00:10:00:01:00:12:00, or as frames, such as 240:288",
            reason="RANGE_INVALID",
        )
    if start >= end:
        raise UsageError(
            f"the range {text} holds no frame; END is the first frame after the range and must "
            "come after START",
            reason="RANGE_EMPTY",
        )
    return Span(start_s=start, end_s=end)


def _since_start(timecode: str, clock: RecordClock) -> Fraction:
    rate = exact_rate(clock.rate)
    label = f"{timecode[:8]};{timecode[9:]}" if clock.is_drop_frame else timecode
    try:
        time_s = timecode_frames(label, rate) / rate - clock.start_s
    except ValueError as error:
        raise UsageError(
            f"{timecode} is no timecode at {float(rate):.6g} fps ({error})", reason="RANGE_INVALID"
        ) from error
    if time_s < 0:
        raise UsageError(
            f"{timecode} lies before the timeline, which starts at {clock.timecode(Fraction(0))}",
            reason="RANGE_INVALID",
        )
    return time_s
