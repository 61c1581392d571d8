"""How far an edit is and what its stages took."""

from __future__ import annotations

import time

from via_engine.edit_events import FramesEdited, Stage, StageStarted


class StageClock:
    """Wall time of each stage: what passed from each of its starts to the start after that."""

    def __init__(self) -> None:
        self._starts: list[tuple[Stage, float]] = []

    def start(self, stage: Stage) -> StageStarted:
        """Ends the stage before and begins this one."""
        self._starts.append((stage, time.perf_counter()))
        return StageStarted(stage=stage)

    def seconds(self) -> tuple[tuple[str, float], ...]:
        """Name and seconds of every stage in the order they began, the last one up to now."""
        ends = [start for _, start in self._starts[1:]] + [time.perf_counter()]
        found: dict[str, float] = {}
        for (stage, start), end in zip(self._starts, ends, strict=True):
            found[stage.value] = found.get(stage.value, 0.0) + end - start
        return tuple(found.items())


class Pace:
    """Counts frames and measures the mean time of those edited now."""

    def __init__(self, frames_kept: int, frames_total: int) -> None:
        self._frames_kept = frames_kept
        self._frames_total = frames_total
        self._frames_edited = 0
        self._started = time.perf_counter()

    def after(self, frames: int) -> FramesEdited:
        """Progress once `frames` more left the model."""
        self._frames_edited += frames
        return FramesEdited(
            frames_done=self._frames_kept + self._frames_edited,
            frames_total=self._frames_total,
            seconds_per_frame=(time.perf_counter() - self._started) / self._frames_edited,
        )
