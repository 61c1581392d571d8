"""What a CMX3600 list leaves open: its rate, how its timecodes count, where its record starts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from pathlib import Path

import opentimelineio as otio

from resolve_scripts.errors import TimelineError, UsageError
from resolve_scripts.timeline.rates import exact_rate, seconds, spelled, timecode_frames
from resolve_scripts.timeline.record import clip_places, record_clock

TIMECODE = re.compile(r"\b\d\d:\d\d:\d\d([:;])(\d\d)\b")
CODE = r"\d\d:\d\d:\d\d[:;]\d\d"
M2 = re.compile(r"M2\s+\S+\s+(-?[\d.]+)")
# Number, reel, channel and, after whatever else, source start and end, record start and end.
EVENT = re.compile(rf"(\d+\s+\S+\s+(\S+)\s.*\s)({CODE}\s+{CODE})(\s+({CODE})\s+{CODE})\s*$")
FCM = re.compile(r"FCM\s*:?\s*(NON\W*)?DROP", re.IGNORECASE)
# M2 lines round speeds to a tenth.
SPEED_TOLERANCE = 0.051
# Rates an edit decision list may have, by the highest frame number that fits.
RATES = (24.0, 25.0, 30.0, 50.0, 60.0)
DROP_RATES = (30000 / 1001, 60000 / 1001)
OWNER = "cmx_3600"
GUESSED = "guessed_rate"
PLAIN = "has_plain_timecode"


@dataclass(frozen=True, kw_only=True)
class EditList:
    """The text of a list and how to count it.

    Attributes:
        text: as it was written, drop-frame timecodes spelled with ";" throughout.
        rate: record frames per second.
        is_guessed: whether nobody said the rate.
        is_plain: whether none of its timecodes is a drop-frame one.
    """

    text: str
    rate: float
    is_guessed: bool
    is_plain: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """What had to be assumed, a sentence each."""
        if not self.is_guessed:
            return ()
        return (
            f"an EDL does not say its frame rate; {self.rate:.6g} fps fits its timecodes, --rate "
            "names another",
        )


def read_list(path: Path, frame_rate: float | None) -> EditList:
    """Reads a list and finds its rate, where nobody says it.

    The slowest rate that its frame numbers fit is taken, 24 at least; drop-frame timecode, which
    has ";" before the frames or the line "FCM: DROP FRAME" before it, means 30000/1001.

    Raises:
        TimelineError: the list cannot be read.
        UsageError: `frame_rate` is none.
    """
    text = _text(path)
    found = TIMECODE.findall(text)
    has_drop = any(sign == ";" for sign, _ in found)
    has_drop |= any(not each[1] for each in FCM.finditer(text))
    if frame_rate is None:
        highest = max((int(frames) for _, frames in found), default=0)
        rates = DROP_RATES if has_drop else RATES
        rate = next((each for each in rates if highest < round(each)), rates[-1])
    elif isfinite(frame_rate) and frame_rate > 0:
        rate = float(exact_rate(frame_rate))
    else:
        raise UsageError(f"--rate {frame_rate} is no frame rate; give one such as 23.976")
    if has_drop and rate in DROP_RATES:
        text = _with_drop_signs(text)
    return EditList(
        text=text, rate=rate, is_guessed=frame_rate is None, is_plain=text == text.replace(";", ":")
    )


def _with_drop_signs(text: str) -> str:
    """The list with ";" in the timecodes that its FCM lines make drop-frame ones.

    The line before the first event says how the record side counts, each line how the sources of
    the events after it do.
    """
    lines: list[str] = []
    is_drop = False
    is_record_drop: bool | None = None
    for line in text.splitlines():
        if said := FCM.match(line.strip()):
            is_drop = not said[1]
        event = EVENT.match(line.strip())
        if event is None:
            lines.append(line)
            continue
        is_record_drop = is_drop if is_record_drop is None else is_record_drop
        source = _signed(event[3]) if is_drop else event[3]
        lines.append(event[1] + source + (_signed(event[4]) if is_record_drop else event[4]))
    return "\n".join(lines)


def _signed(timecodes: str) -> str:
    return TIMECODE.sub(lambda found: f"{found[0][:8]};{found[2]}", timecodes)


def mark_clips(timeline: otio.schema.Timeline, listed: EditList) -> None:
    """Has the clips of a list remember how it was read, in place."""
    for clip in timeline.find_clips():
        told = clip.metadata.setdefault(OWNER, {})
        if listed.is_guessed:
            told[GUESSED] = listed.rate
        if listed.is_plain:
            told[PLAIN] = True


def guessed_rate(clip: otio.schema.Clip) -> float | None:
    """The rate at which the list the clip comes from was read, if nobody said it."""
    rate = clip.metadata.get(OWNER, {}).get(GUESSED)
    return float(rate) if isinstance(rate, float | int) else None


def with_drop_frames(
    clip: otio.schema.Clip, time: otio.opentime.RationalTime, media_rate: Fraction
) -> otio.opentime.RationalTime:
    """A source time of drop-frame media, which a list may have named without its sign.

    A list copies the timecode the media shows, so 01:00:10:00 of such media is 01:00:10;00.
    """
    if PLAIN not in clip.metadata.get(OWNER, {}) or float(media_rate) not in DROP_RATES:
        return time
    nominal = round(media_rate)
    if round(time.rate) != nominal:
        return time
    label = otio.opentime.to_timecode(otio.opentime.RationalTime(time.value, nominal), nominal)
    frames = timecode_frames(_signed(label), media_rate)
    return otio.opentime.RationalTime(frames, time.rate)


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


def mark_speeds(timeline: otio.schema.Timeline, listed: EditList) -> None:
    """Gives the clips of a list, already in record time, the speeds the adapter drops, in place.

    It drops a speed that does not change the length of an event. Where an event runs backwards,
    programs do not agree where it starts; it gets a time effect that is refused by name.
    """
    speeds = _speeds(listed)
    for place in clip_places(timeline):
        clip, rate = place.clip, place.clip.trimmed_range().duration.rate
        start_s = place.clock.start_s + place.window.start_s
        speed = speeds.get(round(start_s * place.record_rate), rate)
        has_warp = any(isinstance(one, otio.schema.LinearTimeWarp) for one in clip.effects)
        if speed < 0 or (speed > 0 and not has_warp and abs(speed - rate) > SPEED_TOLERANCE):
            clip.effects.clear()
            clip.effects.append(otio.schema.TimeEffect(effect_name=f"M2 {speed:g} fps of the list"))
        elif speed == 0 and not has_warp:
            clip.effects.append(otio.schema.FreezeFrame())


def _speeds(listed: EditList) -> dict[int, float]:
    """Speeds of a list's M2 lines, by the record frame at which the picture event before starts."""
    speeds: dict[int, float] = {}
    record_in = None
    for line in listed.text.splitlines():
        if event := EVENT.match(line.strip()):
            record_in = None if event[2].startswith("A") else event[5]
        elif (found := M2.match(line.strip())) and record_in is not None:
            frame = timecode_frames(record_in, exact_rate(listed.rate))
            speeds[frame] = float(found[1])
    return speeds


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TimelineError(f"cannot read {path} ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise TimelineError(f"{path} is no text in UTF-8; save it as such ({error})") from error


def in_list_time(timeline: otio.schema.Timeline) -> otio.schema.Timeline:
    """A copy whose start timecode its adapter writes: the inverse of `in_record_time`."""
    copy = timeline.deepcopy()
    start = copy.global_start_time
    for track in copy.tracks if start is not None else ():
        whole = track.available_range()
        track.source_range = otio.opentime.TimeRange(-start, whole.duration)
    return copy
