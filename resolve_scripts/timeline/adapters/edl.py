"""What a CMX3600 list leaves open: its rate, and where its record time starts."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from resolve_scripts.errors import TimelineError
from resolve_scripts.timeline.rates import seconds, spelled
from resolve_scripts.timeline.record import clip_places, record_clock

TIMECODE = re.compile(r"\b\d\d:\d\d:\d\d([:;])(\d\d)\b")
CODE = r"\d\d:\d\d:\d\d[:;]\d\d"
M2 = re.compile(r"M2\s+\S+\s+(-?[\d.]+)")
# Number, reel, channel and, after whatever else, the record start and end.
EVENT = re.compile(rf"\d+\s+\S+\s+(\S+)\s.*\s({CODE})\s+{CODE}\s*$")
# M2 lines round speeds to a tenth.
SPEED_TOLERANCE = 0.051
# Rates an edit decision list may have, by the highest frame number that fits.
RATES = (24.0, 25.0, 30.0, 50.0, 60.0)


def edl_rate(path: Path, frame_rate: float | None) -> tuple[float, list[str]]:
    """Record frames per second of a list, and what had to be assumed.

    A list does not say its rate. The slowest one that its frame numbers fit is taken, 24 at
    least; drop-frame timecode means 30000/1001.

    Raises:
        TimelineError: the list cannot be read.
    """
    if frame_rate is not None:
        return frame_rate, []
    found = TIMECODE.findall(_text(path))
    if any(sign == ";" for sign, _ in found):
        rate = 30000 / 1001
    else:
        highest = max((int(frames) for _, frames in found), default=0)
        rate = next((each for each in RATES if highest < each), RATES[-1])
    return rate, [f"an EDL does not say its frame rate; {rate:.6g} fps fits its timecodes"]


def in_record_time(timeline: otio.schema.Timeline) -> None:
    """Makes a list as its adapter reads it a timeline like any other, in place.

    The adapter puts the record time of the first event, negative, into the track's source range.
    It becomes the start timecode of the timeline, and tracks that start later get a gap.
    """
    rate = record_clock(timeline).rate
    starts = [
        Fraction(0) if track.source_range is None else -seconds(track.source_range.start_time)
        for track in timeline.tracks
    ]
    first_s = min(starts, default=Fraction(0))
    timeline.global_start_time = spelled(first_s, rate)
    for track, start_s in zip(timeline.tracks, starts, strict=True):
        track.source_range = None
        if start_s > first_s:
            late = otio.opentime.TimeRange(
                otio.opentime.RationalTime(0, rate), spelled(start_s - first_s, rate)
            )
            track.insert(0, otio.schema.Gap(source_range=late))


def mark_speeds(timeline: otio.schema.Timeline, path: Path) -> None:
    """Gives the clips of a list, already in record time, the speeds the adapter drops, in place.

    It drops a speed that does not change the length of an event. Where an event runs backwards,
    programs do not agree where it starts; it gets a time effect that is refused by name.
    """
    speeds = _speeds(path)
    for place in clip_places(timeline):
        clip, rate = place.clip, place.clip.trimmed_range().duration.rate
        speed = speeds.get(place.timecode.replace(";", ":"), rate)
        has_warp = any(isinstance(one, otio.schema.LinearTimeWarp) for one in clip.effects)
        if speed < 0 or (speed > 0 and not has_warp and abs(speed - rate) > SPEED_TOLERANCE):
            clip.effects.clear()
            clip.effects.append(otio.schema.TimeEffect(effect_name=f"M2 {speed:g} fps of the list"))
        elif speed == 0 and not has_warp:
            clip.effects.append(otio.schema.FreezeFrame())


def _speeds(path: Path) -> dict[str, float]:
    """Speeds of a list's M2 lines, by the record start of the picture event before them."""
    speeds: dict[str, float] = {}
    record_in = None
    for line in _text(path).splitlines():
        if event := EVENT.match(line):
            record_in = None if event[1].startswith("A") else event[2].replace(";", ":")
        elif (found := M2.match(line)) and record_in is not None:
            speeds[record_in] = float(found[1])
    return speeds


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise TimelineError(f"cannot read {path} ({error.strerror})") from error


def in_list_time(timeline: otio.schema.Timeline) -> otio.schema.Timeline:
    """A copy whose start timecode its adapter writes: the inverse of `in_record_time`."""
    copy = timeline.deepcopy()
    start = copy.global_start_time
    for track in copy.tracks if start is not None else ():
        whole = track.available_range()
        track.source_range = otio.opentime.TimeRange(-start, whole.duration)
    return copy
