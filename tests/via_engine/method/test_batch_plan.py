"""Which batches are edited, against a count frame by frame."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from via_engine.media_types import FrameRange
from via_engine.method.batch_plan import Batch, needed_batches, runs
from via_engine.schedule import chunk_ranges


class Plan(NamedTuple):
    """What is to be edited, and how."""

    shots: tuple[FrameRange, ...]
    chunks: tuple[FrameRange, ...]
    missing: frozenset[int]
    batch_frames: int
    radius: int

    @property
    def batches(self) -> tuple[Batch, ...]:
        return needed_batches(
            self.shots,
            self.chunks,
            self.missing,
            batch_frames=self.batch_frames,
            radius=self.radius,
        )

    @property
    def missing_frames(self) -> set[int]:
        return {frame for place in self.missing for frame in self.chunks[place].frames}


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    edges = list(accumulate(lengths, initial=draw(st.integers(0, 20))))
    chunks = chunk_ranges(FrameRange(edges[0], edges[-1]), draw(st.integers(1, 9)))
    return Plan(
        shots=tuple(FrameRange(first, last) for first, last in pairwise(edges)),
        chunks=chunks,
        missing=draw(st.frozensets(st.integers(0, len(chunks) - 1), min_size=1)),
        batch_frames=draw(st.integers(1, 5)),
        radius=draw(st.integers(0, 4)),
    )


@given(plan=plans())
def test_every_missing_frame_has_its_neighbours_within_its_shot(plan: Plan) -> None:
    edited = {(batch.shot, frame) for batch in plan.batches for frame in batch.frame_range.frames}

    for frame in plan.missing_frames:
        [shot] = [number for number, one in enumerate(plan.shots) if frame in one.frames]
        near = range(frame - plan.radius, frame + plan.radius + 1)
        assert {(shot, one) for one in near if one in plan.shots[shot].frames} <= edited


@given(plan=plans())
def test_frames_share_a_batch_whatever_is_missing(plan: Plan) -> None:
    everything = plan._replace(missing=frozenset(range(len(plan.chunks)))).batches

    assert [one for one in everything if one in plan.batches] == list(plan.batches)


@given(plan=plans())
def test_nothing_is_edited_that_no_missing_frame_needs(plan: Plan) -> None:
    for batch in plan.batches:
        frames = batch.frame_range
        near = range(frames.start_frame - plan.radius, frames.end_frame_exclusive + plan.radius)
        assert plan.missing_frames & set(near)


@given(plan=plans())
def test_runs_hold_every_batch_once_and_have_no_gaps(plan: Plan) -> None:
    found = list(runs(plan.batches))

    assert [batch for run in found for batch in run] == list(plan.batches)
    for run in found:
        assert len({batch.shot for batch in run}) == 1
        for one, other in pairwise(run):
            assert one.frame_range.end_frame_exclusive == other.frame_range.start_frame
    for run, after in pairwise(found):
        is_apart = run[-1].frame_range.end_frame_exclusive < after[0].frame_range.start_frame
        assert is_apart or run[-1].shot != after[0].shot
