"""The exact frame rate of a stream, found from where its pictures stand in time."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_NOMINAL_RATES = (24, 25, 30, 48, 50, 60, 90, 96, 100, 120, 240)
STANDARD_RATES = tuple(
    rate
    for nominal in _NOMINAL_RATES
    for rate in (Fraction(nominal), Fraction(nominal * 1000, 1001))
)
# 23.98 stands for 24000/1001, but 45000/1499 (30.02) is a rate of its own.
_ROUNDING = Fraction(1, 5000)
_VARIABLE_FROM_FRAMES = 1 / 8
# Matroska says its rate as nanoseconds per frame; readers find a ratio of such numbers again.
_MATROSKA_NUMERATOR = 30_000


def exact_rate(
    times: NDArray[np.int64], time_base: Fraction, reported: Sequence[Fraction]
) -> tuple[Fraction, bool]:
    """Frame rate, and whether pictures leave its grid so far that the rate is variable.

    A rate is corrected only where every picture proves it to within one tick: containers round
    23.976 and count ticks of a millisecond.

    Args:
        times: pts of all pictures, ascending, in ticks of `time_base` seconds.
        time_base: seconds of a tick.
        reported: rates the container gives, most trusted first; at least one.
    """
    for rate in _candidates(times, time_base, reported):
        if _largest_offset(times, time_base, rate) <= 1:
            return rate, False
    ticks_per_frame = float(1 / (reported[0] * time_base))
    allowed = max(1.0, _VARIABLE_FROM_FRAMES * ticks_per_frame)
    return reported[0], _largest_offset(times, time_base, reported[0]) > allowed


def matroska_keeps(rate: Fraction) -> bool:
    """Whether a rate is the same ratio again once it is read from Matroska."""
    return rate in STANDARD_RATES or rate.numerator <= _MATROSKA_NUMERATOR


def _candidates(
    times: NDArray[np.int64], time_base: Fraction, reported: Sequence[Fraction]
) -> list[Fraction]:
    measured = list(reported)
    if len(times) > 1:
        span = Fraction(int(times[-1] - times[0])) * time_base
        measured.append((len(times) - 1) / span)
    candidates: list[Fraction] = []
    for rate in measured:
        near = [standard for standard in STANDARD_RATES if abs(standard - rate) <= _ROUNDING * rate]
        candidates += [*sorted(near, key=lambda standard: abs(standard - rate)), rate]
    return candidates


def _largest_offset(times: NDArray[np.int64], time_base: Fraction, rate: Fraction) -> float:
    """Ticks by which a picture is off the grid of `rate` that starts at the first picture."""
    ticks_per_frame = 1 / (rate * time_base)
    frames = np.arange(len(times), dtype=np.float64)
    grid = frames * ticks_per_frame.numerator / ticks_per_frame.denominator
    return float(np.abs(times - times[0] - grid).max())
