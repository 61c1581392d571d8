"""Which media frames an edit of a clip needs, what the file says of itself taken into account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor

import opentimelineio as otio

from resolve_scripts.errors import ClipNotSupportedError
from resolve_scripts.timeline.adapters.edl import guessed_rate, with_drop_frames
from resolve_scripts.timeline.clip_edit import ClipEdit
from resolve_scripts.timeline.mapping import Line, MediaFrames, Span, frame_at, frames_in, snapped
from resolve_scripts.timeline.media import is_still
from resolve_scripts.timeline.rates import exact_rate, frames_at, timecode_frames
from resolve_scripts.timeline.record import duration_s
from resolve_scripts.timeline.versions import original_reference

NTSC_RATIO = Fraction(1, 1000)
# Writers round to three decimals; cuts between frames of 24 and 24000/1001 lie farther away.
MEANT_WHOLE = Fraction(1, 2000)


@dataclass(frozen=True, kw_only=True)
class MediaFacts:
    """What the media itself holds; numbered pictures have no timecode.

    Attributes:
        frame_rate: frames per second.
        frame_count: pictures from frame 0 on.
        start_timecode: of frame 0, ";" before the frames for drop frame; empty when there is none.
    """

    frame_rate: Fraction
    frame_count: int
    start_timecode: str = ""

    @property
    def start_frame(self) -> int:
        """Frames since 00:00:00:00 at which the media's own timecode starts."""
        return timecode_frames(self.start_timecode, self.frame_rate) if self.start_timecode else 0


@dataclass(frozen=True, kw_only=True)
class Hold:
    """One picture for as long as the range of its clip, so that the range lies inside its media.

    Attributes:
        frame_count: how often the rendered file has the picture, at least once.
        lead_frames: how many of them lie before the clip's source range: what a dissolve at its
            start shows, and the handle.
    """

    frame_count: int
    lead_frames: int


@dataclass(frozen=True, kw_only=True)
class MediaNeed:
    """The frames to edit and where they are seen.

    Attributes:
        frames: media frames to edit: those seen, those its dissolves show, and the handles.
        shown: those a viewer sees, dissolves included, without handles.
        span: record time the new clip covers, without dissolves.
        position: media frames along record time; `media_frame` reads it.
        source_start: media frame, perhaps between two, at which the clip's source range starts.
        origin: what the timeline calls media frame 0, in media frames: often a timecode.
        record_rate: record frames per second.
        hold: how often a picture that stands still is shown; None where the pictures run.
        is_still: the media is a single picture, so that its source range counts nothing.
        notes: what a person should know, a sentence each.
    """

    frames: MediaFrames
    shown: MediaFrames
    span: Span
    position: Line
    source_start: Fraction
    origin: Fraction
    record_rate: Fraction
    hold: Hold | None = None
    is_still: bool = False
    notes: tuple[str, ...] = ()

    @property
    def rendered_count(self) -> int:
        """Frames the rendered file has."""
        return self.frames.frame_count if self.hold is None else self.hold.frame_count

    @property
    def record_frames(self) -> range:
        """Record frames the new clip covers, from 0 at the start of the timeline."""
        return self.span.frames(self.record_rate)

    def media_frame(self, record_frame: int) -> int:
        """The media frame a viewer sees at a record frame, from 0 at the timeline's start."""
        return frame_at(self.position, Fraction(record_frame) / self.record_rate)


def needed_media(
    edit: ClipEdit,
    *,
    handles: int = 0,
    facts: MediaFacts | None = None,
    in_place: bool = False,
) -> MediaNeed:
    """The media frames an edit needs.

    Args:
        edit: a clip, or the part of one, to edit.
        handles: record frames to add on each side, as far as the media reaches.
        facts: what the media itself holds; without it the timeline is believed.
        in_place: whether the edit takes the place of the clip's media, not a track of its own.

    Raises:
        ClipNotSupportedError: the clip is retimed unevenly, shows no frame, reaches outside its
            media, or its media runs at another rate than the timeline says.
    """
    if edit.place.problem is not None:
        raise edit.place.problem
    span = edit.span
    if span.duration_s <= 0:
        raise ClipNotSupportedError("the clip shows no frame", reason="RANGE_EMPTY")
    clock = _clock(edit.clip, facts)
    notes: list[str] = []
    still = facts.frame_count == 1 if facts else is_still(edit.clip)
    if still:
        clock = clock.of_still()
        position = Line(per_s=Fraction(0), at_zero=Fraction(0))
        notes.append("a still: one picture is edited and held")
    else:
        fitting = _fitting(edit, span, clock)
        if fitting != clock:
            notes.append("its range counts in the numbers of its pictures")
        clock = fitting
        position = clock.position(edit)
        notes.extend(_speed_notes(position, clock.rate))
    seen = frames_in(position, edit.reveal)
    lacking = clock.lacks(seen) - clock.lacks(frames_in(position, span))
    if lacking > 0:
        notes.append(f"its dissolve shows {lacking} frames more than its media has")
    handle_s = handles / edit.place.record_rate
    hold = None
    if position.per_s == 0:
        hold = _hold(edit, position, clock, handle_s, in_place=in_place)
    wide = _with_handles(position, edit.reveal, handle_s)
    filled = _source_range(position, span, clock.rate)
    return MediaNeed(
        frames=clock.frames(min(seen[0], wide[0], filled[0]), max(seen[1], wide[1], filled[1])),
        hold=hold,
        is_still=still,
        shown=clock.frames(*seen),
        span=span,
        position=position,
        source_start=clock.source_start,
        origin=clock.origin,
        record_rate=edit.place.record_rate,
        notes=(*edit.notes, *notes),
    )


@dataclass(frozen=True, kw_only=True)
class _Clock:
    """How the clip's source range counts in media frames.

    Attributes:
        rate: media frames per second.
        frame_count: media frames there are; None when nobody says.
        source_start: media frame at which the source range starts.
        origin: what the source range calls media frame 0, in media frames.
    """

    rate: Fraction
    frame_count: int | None
    source_start: Fraction
    origin: Fraction

    def position(self, edit: ClipEdit) -> Line:
        """Media frames along record time."""
        return edit.place.since_source.then(self.rate, self.source_start)

    def of_still(self) -> _Clock:
        """The same where there is one picture: wherever the source range starts, it is that one."""
        origin = self.origin + self.source_start
        return replace(self, frame_count=1, source_start=Fraction(0), origin=origin)

    def holds(self, frames: tuple[int, int]) -> bool:
        """Whether there are both of two media frames."""
        return min(frames) >= 0 and (self.frame_count is None or max(frames) < self.frame_count)

    def frames(self, low: int, high: int) -> MediaFrames:
        """The frames of low … high that there are; high is exclusive."""
        end = high if self.frame_count is None else min(high, self.frame_count)
        return MediaFrames(start_frame=max(0, low), end_frame_exclusive=end, frame_rate=self.rate)

    def lacks(self, frames: tuple[int, int]) -> int:
        """How many of the frames there are not."""
        return frames[1] - frames[0] - max(0, self.frames(*frames).frame_count)


def _clock(clip: otio.schema.Clip, facts: MediaFacts | None) -> _Clock:
    available = original_reference(clip).available_range
    source = clip.source_range or available
    if source is None:
        raise ClipNotSupportedError(
            "neither it nor its media says which frames it shows; trim it in the NLE and export "
            "again",
            reason="RANGE_EMPTY",
        )
    if available is None:
        return _clock_of_file(clip, source, facts)
    rate = exact_rate(available.duration.rate)
    count = floor(snapped(frames_at(available.duration, rate)))
    if facts is not None:
        _check_rate(rate, count, facts)
        count = min(count, facts.frame_count)
    start = _start_frame(source.start_time, available.start_time, rate)
    origin = frames_at(available.start_time, rate)
    return _Clock(rate=rate, frame_count=count, source_start=start, origin=origin)


def _clock_of_file(
    clip: otio.schema.Clip, source: otio.opentime.TimeRange, facts: MediaFacts | None
) -> _Clock:
    """The clock where the timeline does not say which frames the media has."""
    if facts is None:
        rate = exact_rate(source.duration.rate)
        start = frames_at(source.start_time, rate)
        return _Clock(rate=rate, frame_count=None, source_start=start, origin=Fraction(0))
    time, timecode = source.start_time, Fraction(facts.start_frame)
    said = exact_rate(time.rate)
    is_near = abs(said / facts.frame_rate - 1) <= NTSC_RATIO
    if not is_near:
        _check_guess(clip, facts)
    if ";" in facts.start_timecode:
        time = with_drop_frames(clip, time, facts.frame_rate)
    # 24 and 24000/1001 count the same frames; only others are converted by their seconds.
    rate = said if is_near else facts.frame_rate
    start = frames_at(time, rate)
    start -= timecode if start >= timecode else 0
    return _Clock(
        rate=rate,
        frame_count=facts.frame_count,
        source_start=start,
        origin=frames_at(source.start_time, rate) - start,
    )


def _check_guess(clip: otio.schema.Clip, facts: MediaFacts) -> None:
    guess = guessed_rate(clip)
    if guess is not None:
        raise ClipNotSupportedError(
            f"the EDL does not say its frame rate and was read at {guess:.6g} fps, but the media "
            f"runs at {float(facts.frame_rate):.6g} fps; tell the rate of the list with --rate",
            reason="FRAME_RATE_DIFFERS",
        )


def _start_frame(
    time: otio.opentime.RationalTime, origin: otio.opentime.RationalTime, rate: Fraction
) -> Fraction:
    """Media frames from `origin` to `time`, counted at `rate`.

    Where a rate such as 23.976 meets another one, writers compute with the float or with the
    ratio it means; the reading that names a whole frame was theirs.
    """
    exact = frames_at(time, rate) - frames_at(origin, rate)
    if exact_rate(time.rate) == rate:
        return _meant(exact)
    float_rate = Fraction(origin.rate)
    literal = Fraction(time.value) * float_rate / Fraction(time.rate) - Fraction(origin.value)
    return next((whole for each in (literal, exact) if (whole := _meant(each)) != each), literal)


def _meant(frames: Fraction) -> Fraction:
    """The whole frame a writer meant, where one is near."""
    return Fraction(round(frames)) if abs(frames - round(frames)) <= MEANT_WHOLE else frames


def _check_rate(rate: Fraction, said_count: int, facts: MediaFacts) -> None:
    """Compares the rate a timeline gives its media with the file's own.

    Frame numbers stay right when the rates differ only as 24 and 24000/1001 do, and when the
    timeline counts as many frames as the file has; else they would mean other pictures.
    """
    is_near = abs(rate / facts.frame_rate - 1) <= NTSC_RATIO
    if not is_near and said_count != facts.frame_count:
        raise ClipNotSupportedError(
            f"the timeline counts its media at {float(rate):.6g} fps, but the file runs at "
            f"{float(facts.frame_rate):.6g} fps; relink the clip to the file it was cut from",
            reason="FRAME_RATE_DIFFERS",
        )


def _fitting(edit: ClipEdit, span: Span, clock: _Clock) -> _Clock:
    """The reading of the source range that lies inside the media.

    The whole clip decides, so that each part of it is read as the whole is.

    Raises:
        ClipNotSupportedError: there is none.
    """
    record_rate = edit.place.record_rate
    for reading in (clock, *_by_number(edit, clock)):
        if reading.holds(_ends(reading.position(edit), edit.place.window, record_rate)):
            return reading
    ends = _ends(clock.position(edit), span, record_rate)
    if clock.holds(ends):
        return clock
    low, high = sorted(ends)
    raise ClipNotSupportedError(
        f"it shows media frames {low}:{high + 1}, but its media holds 0:{clock.frame_count}; "
        "relink or trim the clip",
        reason="RANGE_OUTSIDE_MEDIA",
    )


def _by_number(edit: ClipEdit, clock: _Clock) -> Iterator[_Clock]:
    """The source range read in the numbers of its pictures, where it has such."""
    reference = original_reference(edit.clip)
    if isinstance(reference, otio.schema.ImageSequenceReference) and edit.clip.source_range:
        number = frames_at(edit.clip.source_range.start_time, clock.rate)
        first = Fraction(reference.start_frame)
        yield replace(clock, source_start=number - first, origin=first)


def _ends(position: Line, span: Span, record_rate: Fraction) -> tuple[int, int]:
    """Media frames of the first and the last record frame."""
    seen = span.frames(record_rate)
    if not seen:  # it lies between two record frames
        return frame_at(position, span.start_s), frame_at(position, span.start_s)
    first, last = (frame_at(position, Fraction(each) / record_rate) for each in (seen[0], seen[-1]))
    return first, last


def _speed_notes(position: Line, rate: Fraction) -> list[str]:
    speed = position.per_s / rate
    if speed == 1:
        return []
    if speed == 0:
        return ["frozen: one picture is edited, and the clip holds it"]
    backwards = ", backwards" if speed < 0 else ""
    return [f"retimed to {float(abs(speed)):.4g} times{backwards}; the new clip is retimed too"]


def _with_handles(position: Line, span: Span, handle_s: Fraction) -> tuple[int, int]:
    """Whole media frames that `handle_s` more on each side shows."""
    low, high = sorted(position.at(each) for each in (span.start_s, span.end_s))
    extra = ceil(snapped(abs(position.per_s) * handle_s))
    return floor(snapped(low)) - extra, floor(snapped(high)) + extra


def _source_range(position: Line, span: Span, rate: Fraction) -> tuple[int, int]:
    """Media frames that the new clip's source range names.

    A source range is as long as its clip, so below normal speed it names more frames than are
    seen, and readers that know nothing of retimes want them to be there. A frozen clip has its one
    picture as often instead: see `_hold`.
    """
    low, high = sorted(position.at(each) for each in (span.start_s, span.end_s))
    end = low + span.duration_s * rate if 0 < abs(position.per_s) < rate else high
    return floor(snapped(low)), ceil(snapped(end))


def _hold(
    edit: ClipEdit, position: Line, clock: _Clock, handle_s: Fraction, *, in_place: bool
) -> Hold:
    """How often a picture is needed that stands still, so that every range lies inside the render.

    In the place of the original the clip keeps that one's range, which a composition around it may
    trim, retime or freeze; in a frozen one it shows a frame anywhere behind its start.
    """
    span, reveal = edit.span, edit.reveal
    lead = ceil(snapped((span.start_s - reveal.start_s + handle_s) * clock.rate))
    tail = (reveal.end_s - span.end_s + handle_s) * clock.rate
    shown = _part_of_frame(position.at(span.start_s)) + span.duration_s * clock.rate
    ends = [Fraction(1), shown + tail]
    if in_place:
        first = floor(snapped(clock.source_start))
        own = _part_of_frame(clock.source_start) + _own_length_s(edit) * clock.rate
        ends += [own + tail, Fraction(frame_at(position, span.start_s) - first + 1)]
    count = lead + max(ceil(snapped(each)) for each in ends)
    return Hold(frame_count=count, lead_frames=lead)


def _own_length_s(edit: ClipEdit) -> Fraction:
    """Length of the clip, or of its edited part, in its own composition."""
    if edit.part is None or edit.place.is_held:
        return duration_s(edit.clip)
    return abs(edit.place.local.per_s) * edit.span.duration_s


def _part_of_frame(position: Fraction) -> Fraction:
    """How far into its frame a position lies."""
    whole = snapped(position)
    return whole - floor(whole)
