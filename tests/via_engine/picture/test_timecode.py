from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentimelineio import opentime

from via_engine.errors import MediaUnreadableError
from via_engine.picture.timecode import timecode_at

FILM = Fraction(24000, 1001)
NTSC = Fraction(30000, 1001)
NTSC_DOUBLE = Fraction(60000, 1001)
ONE_DAY_OF_NTSC = 24 * 6 * 17982


@pytest.mark.parametrize(
    ("start", "rate", "frame", "label"),
    [
        ("00:00:00;00", NTSC, 1799, "00:00:59;29"),
        ("00:00:00;00", NTSC, 1800, "00:01:00;02"),
        ("00:00:00;00", NTSC, 17982, "00:10:00;00"),
        ("00:00:00;00", NTSC_DOUBLE, 3600, "00:01:00;04"),
        ("00:00:00:00", NTSC, 1800, "00:01:00:00"),
        ("01:00:00:00", FILM, 25, "01:00:01:01"),
        ("10:00:00.00", NTSC, 0, "10:00:00;00"),
        ("23:59:59:24", Fraction(25), 1, "00:00:00:00"),
        ("23:59:59;29", NTSC, 1, "00:00:00;00"),
        ("00:00:00:14", Fraction(15), 1, "00:00:01:00"),
    ],
)
def test_known_labels(start: str, rate: Fraction, frame: int, label: str) -> None:
    assert timecode_at(start, rate, frame) == label


@settings(deadline=None)
@given(st.sampled_from([NTSC, NTSC_DOUBLE]), st.integers(0, ONE_DAY_OF_NTSC - 1))
def test_drop_frame_agrees_with_opentimelineio(rate: Fraction, frame: int) -> None:
    time = opentime.RationalTime(frame, float(rate))
    expected = opentime.to_timecode(time, float(rate), drop_frame=True)
    assert timecode_at("00:00:00;00", rate, frame) == expected


@settings(deadline=None)
@given(
    st.sampled_from([FILM, Fraction(24), Fraction(25), NTSC, Fraction(30), Fraction(50)]),
    st.integers(0, 24 * 3600 * 24 - 1),
)
def test_non_drop_frame_agrees_with_opentimelineio(rate: Fraction, frame: int) -> None:
    nominal = round(rate)
    expected = opentime.to_timecode(opentime.RationalTime(frame, nominal), nominal)
    assert timecode_at("00:00:00:00", rate, frame) == expected


@settings(deadline=None)
@given(st.integers(0, ONE_DAY_OF_NTSC), st.integers(0, ONE_DAY_OF_NTSC))
def test_counting_on_from_a_label_is_counting_from_its_frame(first: int, more: int) -> None:
    label = timecode_at("00:00:00;00", NTSC, first)
    assert timecode_at(label, NTSC, more) == timecode_at("00:00:00;00", NTSC, first + more)


@pytest.mark.parametrize(
    ("start", "rate"),
    [
        ("", FILM),
        ("1:2:3:4", FILM),
        ("00:60:00:00", FILM),
        ("00:00:00:24", FILM),
        ("00:00:00;00", FILM),
        ("00:00:00;00", Fraction(30)),
        ("00:00:00:00\n", FILM),
    ],
)
def test_what_is_no_label_of_the_rate_is_refused(start: str, rate: Fraction) -> None:
    with pytest.raises(MediaUnreadableError):
        timecode_at(start, rate, 0)
