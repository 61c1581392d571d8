"""Record ranges and media frames: named rates, exact round trips, refusals."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from resolve_scripts.errors import ClipNotSupportedError
from resolve_scripts.timeline.mapping import (
    MediaFrames,
    check_against_file,
    exact_rate,
    media_frames,
    rendered_range,
)
from tests.resolve_scripts.timelines import time_range

FLOAT_RATES = {
    23.976: (24000, 1001),
    23.98: (24000, 1001),
    23.976023976023978: (24000, 1001),
    29.97: (30000, 1001),
    47.952: (48000, 1001),
    59.94: (60000, 1001),
    119.88: (120000, 1001),
    24.0: (24, 1),
    25.0: (25, 1),
    12.5: (25, 2),
    45000 / 1499: (45000, 1499),
    1000.0: (1000, 1),
}
rates = st.sampled_from(sorted(FLOAT_RATES))
frame_numbers = st.integers(0, 200_000)
frame_counts = st.integers(1, 20_000)


@pytest.mark.parametrize("rate", FLOAT_RATES)
def test_float_rates_mean_exact_ratios(rate: float) -> None:
    assert exact_rate(rate) == Fraction(*FLOAT_RATES[rate])


@given(rate=st.integers(1, 120_000).map(lambda n: Fraction(n, 1001)))
def test_any_ratio_survives_being_a_float(rate: Fraction) -> None:
    assert abs(exact_rate(float(rate)) - rate) < Fraction(1, 190)


@given(
    rate=rates,
    origin=st.integers(0, 24 * 3600 * 60),
    start=frame_numbers,
    count=frame_counts,
    tail=frame_numbers,
)
def test_frames_come_back_from_their_record_range(
    rate: float, origin: int, start: int, count: int, tail: int
) -> None:
    available = time_range(origin, start + count + tail, rate)
    frames = media_frames(time_range(origin + start, count, rate), available)
    assert (frames.start_frame, frames.frame_count) == (start, count)
    assert frames.frame_rate == Fraction(*FLOAT_RATES[rate])
    render = rendered_range(frames, available, has_timecode=True)
    assert render == time_range(origin + start, count, rate)
    assert render.clamped(available) == render
    untimed = rendered_range(frames, available, has_timecode=False)
    assert untimed == time_range(0, count, rate)


@given(
    media_rate=st.sampled_from([24, 25, 30, 50, 60]),
    record_rate=st.sampled_from([24, 25, 30, 50, 60]),
    start=st.integers(0, 10_000),
    count=st.integers(1, 10_000),
)
def test_another_record_rate_is_exact_or_refused(
    media_rate: int, record_rate: int, start: int, count: int
) -> None:
    available, trimmed = time_range(0, 10**6, media_rate), time_range(start, count, record_rate)
    scaled = [Fraction(each * media_rate, record_rate) for each in (start, count)]
    if all(each.denominator == 1 for each in scaled):
        frames = media_frames(trimmed, available)
        assert (frames.start_frame, frames.frame_count) == tuple(scaled)
        assert frames.start_frame == trimmed.start_time.rescaled_to(media_rate).value
    else:
        with pytest.raises(ClipNotSupportedError, match="whole number") as caught:
            media_frames(trimmed, available)
        assert caught.value.reason == "RANGE_NOT_WHOLE_FRAMES"


@given(start=st.integers(-1000, 1000), count=st.integers(-10, 1000), size=st.integers(1, 900))
def test_ranges_outside_the_media_are_refused(start: int, count: int, size: int) -> None:
    trimmed, available = time_range(start, count), time_range(0, size)
    if start >= 0 and count >= 1 and start + count <= size:
        assert media_frames(trimmed, available).frame_count == count
        return
    with pytest.raises(ClipNotSupportedError) as caught:
        media_frames(trimmed, available)
    assert caught.value.reason == ("RANGE_EMPTY" if count < 1 else "RANGE_OUTSIDE_MEDIA")


@given(rate=rates, start=frame_numbers, count=frame_counts)
def test_without_available_range_media_time_starts_at_zero(
    rate: float, start: int, count: int
) -> None:
    exact = Fraction(*FLOAT_RATES[rate])
    frames = media_frames(time_range(start, count, rate), None, exact)
    assert (frames.start_frame, frames.frame_count) == (start, count)
    assert rendered_range(frames, None, has_timecode=False).duration.value == count


def test_a_real_resolve_clip_with_timecode_maps_to_media_frames(shared_timelines: Path) -> None:
    text = (shared_timelines / "ayon" / "movie_with_handles.json").read_text(encoding="utf-8")
    clip = otio.adapters.read_from_string(text, "otio_json")
    frames = media_frames(clip.trimmed_range(), clip.media_reference.available_range)
    assert (frames.start_frame, frames.end_frame_exclusive, frames.frame_rate) == (0, 171, 25)


def test_a_real_resolve_clip_between_frames_is_refused(shared_timelines: Path) -> None:
    text = (shared_timelines / "ayon" / "qt_embedded_tc.json").read_text(encoding="utf-8")
    assert json.loads(text)["source_range"]["start_time"]["value"] == 90032  # at 25, media at 24
    clip = otio.adapters.read_from_string(text, "otio_json")
    with pytest.raises(ClipNotSupportedError, match="conform"):
        media_frames(clip.trimmed_range(), clip.media_reference.available_range)


@given(said=rates, real=rates, count=st.integers(1, 1000), file_count=st.integers(1, 1000))
def test_the_files_own_rate_and_length_are_compared(
    said: float, real: float, count: int, file_count: int
) -> None:
    assume(said != real)
    frames = MediaFrames(start_frame=0, end_frame_exclusive=count, frame_rate=exact_rate(said))
    available = time_range(0, count, said)
    near = abs(said - real) / real < 1.1e-3
    refused = file_count < count or (not near and count != file_count)
    try:
        check_against_file(frames, available, frame_rate=exact_rate(real), frame_count=file_count)
        assert not refused
    except ClipNotSupportedError:
        assert refused
