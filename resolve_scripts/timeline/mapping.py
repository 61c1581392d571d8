"""Record ranges to media frames and back: exact arithmetic on values, no files.

A clip's trimmed range counts in the media's own time, which often starts at a timecode. Media
frames count from 0 at the first picture. Both directions are exact; what does not fall on whole
frames is refused instead of rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import opentimelineio as otio

from resolve_scripts.errors import ClipNotSupportedError

# NLEs write rates as floats such as 23.98; no standard rate lies this close to another.
INTEGER_TOLERANCE = 1e-3
NTSC_TOLERANCE = 5e-3
NTSC_RATIO = Fraction(1, 1000)
# RationalTime values are doubles; a whole frame number may miss by rounding, never by this much.
WHOLE_FRAME_TOLERANCE = Fraction(1, 1000)


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


def media_frames(
    trimmed_range: otio.opentime.TimeRange,
    available_range: otio.opentime.TimeRange | None,
    media_rate: Fraction | None = None,
) -> MediaFrames:
    """Media frames a clip shows.

    Args:
        trimmed_range: the clip's source range, else its available range, in media time.
        available_range: all media that exists; its start is the media's start timecode. None
            means that media time starts at 0.
        media_rate: rate of the media when `available_range` does not tell it; else the rate of
            `trimmed_range` is taken.

    Raises:
        ClipNotSupportedError: the range is empty, does not fall on whole media frames, or starts
            or ends outside the available range.
    """
    rate = _media_rate(trimmed_range, available_range, media_rate)
    origin = frames_at(available_range.start_time, rate) if available_range else Fraction(0)
    start = _whole(frames_at(trimmed_range.start_time, rate) - origin, trimmed_range, rate)
    count = _whole(frames_at(trimmed_range.duration, rate), trimmed_range, rate)
    if count < 1:
        raise ClipNotSupportedError("the clip shows no frame", reason="RANGE_EMPTY")
    _check_inside(start, count, available_range, rate)
    return MediaFrames(start_frame=start, end_frame_exclusive=start + count, frame_rate=rate)


def check_against_file(
    frames: MediaFrames,
    available_range: otio.opentime.TimeRange | None,
    *,
    frame_rate: Fraction,
    frame_count: int,
) -> None:
    """Compares what a timeline says of its media with what the file holds.

    Frame numbers stay right when the rates differ only as 24 and 24000/1001 do, and when the
    timeline counts as many frames as the file has; else they would mean other pictures.

    Raises:
        ClipNotSupportedError: the rates differ, or the file ends before the range does.
    """
    said = round(frames_at(available_range.duration, frames.frame_rate)) if available_range else 0
    is_near = abs(frames.frame_rate / frame_rate - 1) <= NTSC_RATIO
    if not is_near and said != frame_count:
        raise ClipNotSupportedError(
            f"the timeline counts its media at {float(frames.frame_rate):.6g} fps, but the file "
            f"runs at {float(frame_rate):.6g} fps; relink the clip to the file it was cut from",
            reason="FRAME_RATE_DIFFERS",
        )
    if frames.end_frame_exclusive > frame_count:
        raise ClipNotSupportedError(
            f"it shows media frames {frames.start_frame}:{frames.end_frame_exclusive}, but the "
            f"file holds 0:{frame_count}; relink or trim the clip",
            reason="RANGE_OUTSIDE_MEDIA",
        )


def rendered_range(
    frames: MediaFrames, available_range: otio.opentime.TimeRange | None, *, has_timecode: bool
) -> otio.opentime.TimeRange:
    """Available range of a file that holds exactly `frames`, in that file's own media time.

    It goes on counting where the source counts when the source has a timecode, else from 0.
    """
    rate = _float_rate(frames.frame_rate, available_range)
    start = 0.0
    if has_timecode:
        origin = frames_at(available_range.start_time, frames.frame_rate) if available_range else 0
        start = float(origin + frames.start_frame)
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, rate),
        otio.opentime.RationalTime(frames.frame_count, rate),
    )


def _media_rate(
    trimmed_range: otio.opentime.TimeRange,
    available_range: otio.opentime.TimeRange | None,
    media_rate: Fraction | None,
) -> Fraction:
    if available_range is not None:
        return exact_rate(available_range.duration.rate)
    return media_rate or exact_rate(trimmed_range.duration.rate)


def _float_rate(frame_rate: Fraction, available_range: otio.opentime.TimeRange | None) -> float:
    """The rate as the timeline spells it, so that a reader finds equal floats."""
    return float(available_range.duration.rate if available_range else frame_rate)


def _whole(frames: Fraction, range_: otio.opentime.TimeRange, rate: Fraction) -> int:
    if abs(frames - round(frames)) > WHOLE_FRAME_TOLERANCE:
        start, duration = range_.start_time, range_.duration
        raise ClipNotSupportedError(
            f"its range starts at {start.value:g} and lasts {duration.value:g} at "
            f"{start.rate:g} fps, which is not a whole number of the media's frames at "
            f"{float(rate):.6g} fps; conform the clip to the timeline rate first",
            reason="RANGE_NOT_WHOLE_FRAMES",
        )
    return round(frames)


def _check_inside(
    start: int, count: int, available_range: otio.opentime.TimeRange | None, rate: Fraction
) -> None:
    end = round(frames_at(available_range.duration, rate)) if available_range else start + count
    if start < 0 or start + count > end:
        raise ClipNotSupportedError(
            f"it shows media frames {start}:{start + count}, but its media is said to hold "
            f"0:{max(end, 0)}; relink or trim the clip",
            reason="RANGE_OUTSIDE_MEDIA",
        )
