"""Frame counts against OpenTimelineIO's own timecode and against counting."""

from __future__ import annotations

from fractions import Fraction

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolve_scripts.in_resolve.coordinates import (
    frame_of,
    marked_range,
    media_range,
    pictures_for,
    rate_of,
    record_length,
    render_marks,
    timecode_of,
)

RATES = [
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(50),
    Fraction(60000, 1001),
]
DROP_RATES = [Fraction(30000, 1001), Fraction(60000, 1001)]
DAY_FRAMES = 24 * 3600 * 24 - 1


@given(frame=st.integers(0, DAY_FRAMES), rate=st.sampled_from(RATES))
def test_timecode_is_that_of_opentimelineio(frame: int, rate: Fraction) -> None:
    time = otio.opentime.RationalTime(frame, float(rate))
    timecode = timecode_of(frame, rate, False)
    assert timecode == otio.opentime.to_timecode(time, float(rate), drop_frame=False)
    assert frame_of(timecode, rate, False) == frame


@given(frame=st.integers(0, DAY_FRAMES), rate=st.sampled_from(DROP_RATES))
def test_drop_frame_timecode_is_that_of_opentimelineio(frame: int, rate: Fraction) -> None:
    time = otio.opentime.RationalTime(frame, float(rate))
    timecode = timecode_of(frame, rate, True)
    assert timecode == otio.opentime.to_timecode(time, float(rate), drop_frame=True)
    assert frame_of(timecode, rate, True) == frame


def test_drop_frame_hour_at_59_94_is_the_measured_one() -> None:
    assert frame_of("01:00:00;00", Fraction(60000, 1001), True) == 215784


@pytest.mark.parametrize(
    ("setting", "rate"),
    [
        (24.0, Fraction(24)),
        ("24", Fraction(24)),
        ("23.976", Fraction(24000, 1001)),
        ("23", Fraction(24000, 1001)),
        ("29", Fraction(30000, 1001)),
        ("29.97 DF", Fraction(30000, 1001)),
        (59.94, Fraction(60000, 1001)),
        ("59", Fraction(60000, 1001)),
        ("119.88", Fraction(120000, 1001)),
        ("50", Fraction(50)),
        ("", None),
        (None, None),
        (False, None),
    ],
)
def test_rates_as_settings_say_them(setting: object, rate: Fraction | None) -> None:
    assert rate_of(setting) == rate


@given(start=st.integers(0, 10**6), length=st.integers(1, 10**4), origin=st.integers(0, 10**7))
def test_marks_keep_their_length(start: int, length: int, origin: int) -> None:
    frame_range = marked_range(start, start + length - 1, origin)
    assert frame_range == (origin + start, origin + start + length)
    mark_in, mark_out = render_marks(frame_range)
    assert mark_out - mark_in + 1 == length


@given(
    frames=st.integers(1, 5000),
    timeline=st.sampled_from(RATES),
    media=st.sampled_from(RATES),
)
def test_pictures_for_a_length_are_found_whenever_there_are_any(
    frames: int, timeline: Fraction, media: Fraction
) -> None:
    near = int(frames * media / timeline)
    fits = [n for n in range(max(1, near - 2), near + 4) if int(n * timeline / media) == frames]
    found = pictures_for(frames, timeline, media)
    assert (found is None) == (not fits)
    if found is not None:
        assert found in fits
        assert record_length(found, timeline, media) == frames


@given(start=st.integers(0, 5000), length=st.integers(1, 500), rate=st.sampled_from(RATES))
def test_media_pictures_are_the_record_frames_at_one_rate(
    start: int, length: int, rate: Fraction
) -> None:
    assert media_range((start, start + length), rate, rate) == (start, start + length)
