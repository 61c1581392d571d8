"""What a call may use of the program that runs it: waiting, telling, and being told to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Host:
    """The surroundings of one call.

    Attributes:
        sleep: waits for seconds.
        tell: takes the percentage done of a long call.
        say: writes into Resolve's console.
        is_cancelled: whether the call is wanted no longer.
    """

    sleep: Callable[[float], None]
    tell: Callable[[int], None]
    say: Callable[[str], None]
    is_cancelled: Callable[[], bool]


def say_plainly(message: str) -> None:
    """Prints; Resolve's Python may have an ASCII locale, where other letters would raise."""
    print(message.encode("ascii", "replace").decode("ascii"), flush=True)
