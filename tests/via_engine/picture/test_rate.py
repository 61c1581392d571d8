from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from via_engine.picture.rate import STANDARD_RATES, exact_rate

MILLISECOND = Fraction(1, 1000)
FILM = Fraction(24000, 1001)


def ticks(rate: Fraction, count: int, time_base: Fraction) -> np.ndarray:
    return np.array([round(frame / (rate * time_base)) for frame in range(count)], np.int64)


@settings(deadline=None)
@given(
    st.sampled_from(STANDARD_RATES),
    st.integers(2, 3000),
    st.sampled_from([MILLISECOND, Fraction(1, 90000), Fraction(1, 12800)]),
)
def test_a_rounded_rate_is_corrected(rate: Fraction, count: int, time_base: Fraction) -> None:
    reported = Fraction(round(float(rate), 3)).limit_denominator(1000)
    assert exact_rate(ticks(rate, count, time_base), time_base, [reported]) == (rate, False)


@pytest.mark.parametrize("count", [2, 36, 5000])
def test_an_odd_rate_is_left_alone(count: int) -> None:
    odd = Fraction(45000, 1499)
    assert exact_rate(ticks(odd, count, Fraction(1, 90000)), Fraction(1, 90000), [odd]) == (
        odd,
        False,
    )


def test_pictures_overrule_a_standard_rate_they_disprove() -> None:
    times = ticks(Fraction(24), 20_000, MILLISECOND)
    assert exact_rate(times, MILLISECOND, [FILM]) == (Fraction(24), False)


def test_a_long_last_picture_does_not_change_the_rate() -> None:
    times = ticks(Fraction(30), 100, Fraction(1, 90000))
    average = Fraction(100 * 30, 103)
    assert exact_rate(times, Fraction(1, 90000), [average, Fraction(30)]) == (Fraction(30), False)


def test_uneven_pictures_are_a_variable_rate() -> None:
    times = np.cumsum([0, 256, 256, 768, 256, 768])
    assert exact_rate(times, Fraction(1, 15360), [Fraction(860, 29)]) == (Fraction(860, 29), True)


def test_jitter_of_a_few_ticks_is_no_variable_rate() -> None:
    times = ticks(Fraction(30), 50, Fraction(1, 90000)) + np.tile([0, 40], 25)
    assert exact_rate(times, Fraction(1, 90000), [Fraction(30)]) == (Fraction(30), False)


def test_one_picture_has_the_reported_rate() -> None:
    assert exact_rate(np.zeros(1, np.int64), MILLISECOND, [FILM]) == (FILM, False)
