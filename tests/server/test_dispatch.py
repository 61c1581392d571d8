"""What the dispatcher owes: answers to those who wait, an end to every job, no room to the gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from server import dispatch
from server.dispatch import MAX_ERRANDS, Dispatcher
from server.edit_spec import EditPlan
from server.errors import EngineFaultError, QueueFullError, ServerStoppingError
from server.jobs import Job, JobError, JobState
from server.ledger import JobLedger
from server.store import JobStore
from server.worker_process import Load
from tests.server.values import MEDIA, SPEC
from via_engine.errors import DiskFullError

DEADLINE_S = 30.0
COMMAND = Load(model="first")


class StubWorker:
    """Works on an errand until it is told to stop; every edit is a fault of the engine."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    def warm_up(self, is_stopping: Callable[[], bool]) -> None:
        """Nothing to load."""

    def run(self, command: object, is_cancelled: Callable[[], bool]) -> None:
        self.begun.set()
        while not is_cancelled():
            threading.Event().wait(0.001)

    def edit(self, request: object, is_cancelled: Callable[[], bool]) -> Iterator[Any]:
        yield from ()
        raise EngineFaultError("the engine broke")

    def stop(self) -> None:
        """It has nothing to end."""

    def kill(self) -> None:
        """It cannot be killed."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    found = JobStore(tmp_path / "ledger.db")
    yield found
    found.close()


@pytest.fixture
def ledger(store: JobStore, tmp_path: Path) -> JobLedger:
    return JobLedger(store, folder=tmp_path / "jobs", max_queued_jobs=4, clock=lambda: 1.0)


def dispatcher_of(ledger: JobLedger, store: JobStore, worker: StubWorker) -> Dispatcher:
    stub: Any = worker
    return Dispatcher(ledger, store, stub)


def test_calls_whose_callers_have_gone_take_no_place(ledger: JobLedger, store: JobStore) -> None:
    dispatcher = dispatcher_of(ledger, store, StubWorker())
    waiting = [dispatcher.submit(COMMAND) for _ in range(MAX_ERRANDS)]
    with pytest.raises(QueueFullError):
        dispatcher.submit(COMMAND)
    waiting[3].cancelled.set()
    dispatcher.submit(COMMAND)


def test_a_stop_answers_all_who_still_wait(ledger: JobLedger, store: JobStore) -> None:
    worker = StubWorker()
    dispatcher = dispatcher_of(ledger, store, worker)
    dispatcher.start()
    dispatcher.submit(COMMAND)
    assert worker.begun.wait(DEADLINE_S)
    gone, waiting = dispatcher.submit(COMMAND), dispatcher.submit(COMMAND)
    gone.answer.cancel()

    dispatcher.stop(DEADLINE_S)

    with pytest.raises(ServerStoppingError):
        waiting.answer.result(DEADLINE_S)


def test_a_job_ends_although_the_disk_was_full_when_it_failed(
    ledger: JobLedger, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "PAUSE_AFTER_FAULT_S", 0.001)
    ended, tries, fail = threading.Event(), [], ledger.fail

    def fail_later(job_id: str, error: JobError) -> Job:
        tries.append(error.reason)
        if len(tries) == 1:
            raise DiskFullError("no space is left; free some")
        job = fail(job_id, error)
        ended.set()
        return job

    monkeypatch.setattr(ledger, "fail", fail_later)
    plan = EditPlan(
        spec=SPEC,
        media=MEDIA,
        working_width=64,
        working_height=48,
        estimated_seconds=None,
        warnings=(),
    )
    job = ledger.create(plan, request_id="", request_digest="")
    dispatcher = dispatcher_of(ledger, store, StubWorker())
    dispatcher.start()
    assert ended.wait(DEADLINE_S)
    dispatcher.stop(DEADLINE_S)
    assert (ledger.read(job.id).state, len(set(tries))) == (JobState.FAILED, 1)
