"""The ledger on disk keeps what it was given, and says so when it cannot."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.edit_spec import Pace
from server.errors import StateDamagedError, StateFolderError, StateTooNewError
from server.jobs import (
    AdapterInfo,
    EditorTuned,
    GroupGathered,
    GroupInfo,
    Job,
    JobChanged,
    JobError,
    JobState,
    MaskFound,
    MaskInfo,
    Noted,
)
from server.json_values import from_json, to_json
from server.store import EVENT_KINDS, JobStore
from tests.server.values import JOB
from via_engine.edit_request import FinishedChunk
from via_engine.edit_settings import AttentionMode
from via_engine.errors import DiskFullError
from via_engine.media_types import FrameRange

RANGES = st.builds(
    lambda start, length: FrameRange(start, start + length), st.integers(0), st.integers(1)
)
st.register_type_strategy(FrameRange, RANGES)
st.register_type_strategy(Path, st.builds(Path, st.text("abc/.", min_size=1)))


@settings(deadline=None)
@given(job=st.builds(Job))
def test_any_job_survives_being_written_down(job: Job) -> None:
    text = json.dumps(to_json(job))
    # Compared as text: a number that is none is not equal to itself.
    assert repr(from_json(Job, json.loads(text))) == repr(job)


@dataclass(frozen=True)
class Odd:
    value: object


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        to_json(Odd({1}))
    with pytest.raises(TypeError, match="expected str"):
        from_json(JobError, {"reason": 1, "message": ""})


def test_a_record_written_before_a_field_existed_is_read_with_its_default() -> None:
    record = to_json(JOB)
    assert isinstance(record, dict)
    del record["notes"]
    assert from_json(Job, record) == JOB


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite3"


def chunk(index: int) -> FinishedChunk:
    frames = FrameRange(8 * index, 8 * index + 8)
    return FinishedChunk(
        index=index, frame_range=frames, path=Path(f"/c{index}"), sha256="ab", size_bytes=3
    )


@pytest.mark.parametrize(
    ("independent", "attention"),
    [("true", AttentionMode.INDEPENDENT), ("false", AttentionMode.GATHER_SWAP)],
)
def test_a_ledger_of_the_first_version_is_taken_over(
    path: Path, independent: str, attention: AttentionMode
) -> None:
    store = JobStore(path)
    store.add(JOB, request_digest="d")
    store.close()
    with sqlite3.connect(path) as connection:
        for table, spec in (("jobs", "$.spec"), ("events", "$.job.spec")):
            connection.execute(
                f"UPDATE {table} SET record = json_set(json_remove(record, '{spec}.attention', "
                f"'{spec}.local'), '{spec}.independent_frames', json('{independent}'))"
            )
        connection.execute("ALTER TABLE paces DROP COLUMN peak_memory_bytes")
        connection.execute("PRAGMA user_version = 1")
    connection.close()

    store = JobStore(path)
    (event,) = store.events_after(JOB.id, 0, limit=9)
    assert isinstance(event.event, JobChanged)
    for job in (store.job(JOB.id), event.event.job):
        assert job is not None
        assert job.spec == replace(JOB.spec, attention=attention)
    store.close()


def test_what_was_stored_is_there_after_opening_again(path: Path) -> None:
    store = JobStore(path)
    job = store.add(replace(JOB, request_id="one"), request_digest="d")
    job = store.save(job, [Noted(text="hello")], chunk=chunk(1))
    job = store.save(job, [], chunk=chunk(0))
    store.set_pace("first", Pace(seconds_per_frame_step=0.25, peak_memory_bytes=7))
    store.close()

    store = JobStore(path)
    assert store.job(JOB.id) == job
    assert store.job_of_request("one") == (job, "d")
    assert store.chunks(JOB.id) == (chunk(0), chunk(1))
    events = store.events_after(JOB.id, 0, limit=10)
    assert [event.sequence for event in events] == [1, 2]
    assert events[1].event == Noted(text="hello")
    assert (store.pace("first"), store.pace("second")) == (
        Pace(seconds_per_frame_step=0.25, peak_memory_bytes=7),
        None,
    )
    store.close()


def test_a_change_in_the_history_carries_the_job_as_it_was_then(path: Path) -> None:
    store = JobStore(path)
    job = store.add(JOB, request_digest="d")
    running = replace(job, state=JobState.LOADING_MODELS)
    job = store.save(running, [Noted(text="a"), JobChanged(job=running), Noted(text="b")])
    (change,) = store.events_after(JOB.id, 2, limit=1)
    assert change.event == JobChanged(job=replace(running, last_sequence=3))
    assert job.last_sequence == 4
    store.close()


def test_a_failed_write_leaves_nothing_half_done(path: Path) -> None:
    store = JobStore(path)
    job = store.add(JOB, request_digest="d")
    # The second event takes a place that is taken already.
    stale = replace(job, last_sequence=0, state=JobState.CANCELLED)
    with pytest.raises(StateFolderError):
        store.save(stale, [Noted(text="again")], chunk=chunk(0))
    assert (store.job(JOB.id), store.chunks(JOB.id)) == (job, ())
    store.close()


def test_deleting_a_job_takes_its_history_along(path: Path) -> None:
    store = JobStore(path)
    store.save(store.add(JOB, request_digest="d"), [], chunk=chunk(0))
    store.delete(JOB.id)
    assert store.job(JOB.id) is None
    assert store.events_after(JOB.id, 0, limit=10) == []
    assert store.chunks(JOB.id) == ()
    store.close()


def test_every_kind_of_event_is_read_as_it_was_written(path: Path) -> None:
    store = JobStore(path)
    adapter = AdapterInfo(
        path=Path("/a"), file_name="a", root_frame=None, steps=3, reused=True, seconds=0.5,
        size_bytes=7, sha256="ab",
    )  # fmt: skip
    samples = [
        MaskFound(mask=MaskInfo(phrases=("a ball",), frames_with_subject=1, frames_total=2)),
        EditorTuned(adapter=adapter),
        GroupGathered(group=GroupInfo(group_frames=(0, 47), reused=True, size_bytes=5)),
        Noted(text="x"),
    ]
    store.save(store.add(JOB, request_digest="d"), samples)
    assert [at.event for at in store.events_after(JOB.id, 1, limit=9)] == samples
    assert all(dataclasses.is_dataclass(kind) for kind in EVENT_KINDS.values())
    store.close()


def test_a_damaged_ledger_is_refused_and_left_as_it_is(path: Path) -> None:
    store = JobStore(path)
    for number in range(50):
        store.add(replace(JOB, id=f"{number:016x}"), request_digest="d")
    store.close()
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 4] = b"\xff" * 8192
    path.write_bytes(content)
    with pytest.raises(StateDamagedError, match="left as it is"):
        JobStore(path)
    assert path.read_bytes() == content


def test_a_file_that_is_no_ledger_is_refused(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(StateDamagedError):
        JobStore(path)


def test_the_ledger_of_a_newer_via_is_refused(path: Path) -> None:
    JobStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StateTooNewError, match="99"):
        JobStore(path)


def test_a_full_disk_is_named(path: Path) -> None:
    store = JobStore(path)
    job = store.add(JOB, request_digest="d")
    store._connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(DiskFullError):
        store.save(job, [Noted(text="x" * 1_000_000)])
    store._connection.execute("PRAGMA max_page_count = 1000000")
    assert store.save(job, [Noted(text="room again")]).last_sequence == 2
    store.close()
