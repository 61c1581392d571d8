"""Which batches are edited, against a count frame by frame."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from via_engine.media_types import FrameRange
from via_engine.method.batch_plan import Batch, needed_batches, runs
from via_engine.schedule import chunk_ranges


@st.composite
def plans(draw: st.DrawFn) -> dict[str, object]:
    start = draw(st.integers(0, 20))
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    edges = [start]
    for length in lengths:
        edges.append(edges[-1] + length)
    whole = FrameRange(start, edges[-1])
    chunks = chunk_ranges(whole, draw(st.integers(1, 9)))
    missing = draw(st.sets(st.integers(0, len(chunks) - 1), min_size=1))
    return {
        "shots": [FrameRange(first, last) for first, last in pairwise(edges)],
        "chunks": chunks,
        "missing": missing,
        "batch_frames": draw(st.integers(1, 5)),
        "radius": draw(st.integers(0, 4)),
    }


def found_batches(plan: dict[str, object]) -> tuple[Batch, ...]:
    return needed_batches(**plan)  # type: ignore[arg-type]


@given(plan=plans())
def test_every_missing_frame_has_its_neighbours_within_its_shot(plan: dict[str, object]) -> None:
    shots, chunks, radius = plan["shots"], plan["chunks"], plan["radius"]
    assert isinstance(shots, list)
    assert isinstance(chunks, tuple)
    assert isinstance(radius, int)

    edited = {
        (batch.shot, frame) for batch in found_batches(plan) for frame in batch.frame_range.frames
    }

    for place in plan["missing"]:  # type: ignore[attr-defined]
        for frame in chunks[place].frames:
            [shot] = [number for number, one in enumerate(shots) if frame in one.frames]
            near = range(frame - radius, frame + radius + 1)
            assert {(shot, one) for one in near if one in shots[shot].frames} <= edited


@given(plan=plans())
def test_frames_share_a_batch_whatever_is_missing(plan: dict[str, object]) -> None:
    chunks = plan["chunks"]
    assert isinstance(chunks, tuple)
    everything = found_batches({**plan, "missing": set(range(len(chunks)))})

    some = found_batches(plan)

    assert set(some) <= set(everything)
    assert [one for one in everything if one in some] == list(some)


@given(plan=plans())
def test_nothing_is_edited_that_no_missing_frame_needs(plan: dict[str, object]) -> None:
    chunks, radius, missing = plan["chunks"], plan["radius"], plan["missing"]
    assert isinstance(chunks, tuple)
    assert isinstance(radius, int)
    wanted = {frame for place in missing for frame in chunks[place].frames}  # type: ignore[attr-defined]

    for batch in found_batches(plan):
        near = range(
            batch.frame_range.start_frame - radius, batch.frame_range.end_frame_exclusive + radius
        )
        assert wanted & set(near)


@given(plan=plans())
def test_runs_hold_every_batch_once_and_have_no_gaps(plan: dict[str, object]) -> None:
    batches = found_batches(plan)

    found = list(runs(batches))

    assert [batch for run in found for batch in run] == list(batches)
    for run in found:
        assert len({batch.shot for batch in run}) == 1
        for one, other in pairwise(run):
            assert one.frame_range.end_frame_exclusive == other.frame_range.start_frame
    for run, after in pairwise(found):
        is_apart = run[-1].frame_range.end_frame_exclusive < after[0].frame_range.start_frame
        assert is_apart or run[-1].shot != after[0].shot
