"""Hands jobs and errands to the worker, one at a time, on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, field

import structlog

from server.attachments import have_changed
from server.errors import (
    QueueFullError,
    ServerStoppingError,
    ViaServerError,
    WorkerDiedError,
)
from server.jobs import Job, JobError, JobState
from server.ledger import JobLedger
from server.recording import JobRecorder
from server.shared_look import check_lent_adapter
from server.store import JobStore
from server.worker import Worker
from server.worker_process import Answer, Command
from via_engine.edit_request import FinishedChunk
from via_engine.errors import EditCancelledError, ViaEngineError
from via_engine.picture.assemble import verify_chunk

MAX_ERRANDS = 16
PAUSE_AFTER_FAULT_S = 1.0

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, eq=False)
class Errand:
    """A small order that somebody waits for: a preview, roots, or a model to load or free."""

    command: Command
    cancelled: threading.Event = field(default_factory=threading.Event)
    answer: Future[Answer | None] = field(default_factory=Future)


class Dispatcher:
    """Owner of the worker: errands first, then waiting jobs in their order."""

    def __init__(self, ledger: JobLedger, store: JobStore, worker: Worker) -> None:
        self._ledger = ledger
        self._store = store
        self._worker = worker
        self._errands: deque[Errand] = deque()
        self._owed: deque[Callable[[], object]] = deque()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Starts the worker, then serves what waits."""
        self._thread.start()

    def wake(self) -> None:
        """Says that a job was queued."""
        self._wake.set()

    def submit(self, command: Command) -> Errand:
        """Has `command` done between two jobs; the errand's future has the answer.

        Raises:
            QueueFullError: too many errands wait already.
            ServerStoppingError: nothing new is begun.
        """
        if self._stopping.is_set():
            raise ServerStoppingError("the server is stopping; call again once it is back")
        self._forget_cancelled()
        if len(self._errands) >= MAX_ERRANDS:
            raise QueueFullError(
                f"{MAX_ERRANDS} calls wait for the worker already; try again later",
                metadata={"limit": str(MAX_ERRANDS)},
            )
        errand = Errand(command=command)
        self._errands.append(errand)
        self._wake.set()
        return errand

    def stop(self, grace_period_s: float) -> None:
        """Lets the batch under way finish, at most for the grace period, then ends the worker.

        The job it belonged to is INTERRUPTED and waits for the next server.
        """
        self._stopping.set()
        self._wake.set()
        self._thread.join(grace_period_s)
        if self._thread.is_alive():
            self._worker.kill()
            self._thread.join()
        self._worker.stop()
        while self._errands:
            answer = self._errands.popleft().answer
            if answer.set_running_or_notify_cancel():
                answer.set_exception(
                    ServerStoppingError("the server is stopping; call again once it is back")
                )

    def _run(self) -> None:
        try:
            self._worker.warm_up(self._stopping.is_set)
        except WorkerDiedError as error:
            log.error("the engine cannot be loaded; the next order tries again", error=str(error))
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                # Whoever stops the server says so before waking us, so no wake is missed.
                if not self._serve_next() and not self._stopping.is_set():
                    self._wake.wait()
            except Exception:
                # A fault here, a full disk say, must not end the server's work.
                log.exception("the dispatcher failed and tries again")
                self._stopping.wait(PAUSE_AFTER_FAULT_S)

    def _serve_next(self) -> bool:
        """Serves what is first in line; False when nothing waits."""
        self._settle_owed()
        if self._errands:
            self._run_errand(self._errands.popleft())
            return True
        job = self._ledger.take_next()
        if job is not None:
            self._edit(job)
        return job is not None

    def _forget_cancelled(self) -> None:
        """Those whose callers have gone take no place from others."""
        for errand in tuple(self._errands):
            if errand.cancelled.is_set():
                with suppress(ValueError):  # the worker took it meanwhile
                    self._errands.remove(errand)

    def _settle(self, outcome: Callable[[], object]) -> None:
        """Writes how a job ended; if that fails now, before anything else is begun."""
        self._owed.append(outcome)
        self._settle_owed()

    def _settle_owed(self) -> None:
        while self._owed:
            self._owed[0]()
            self._owed.popleft()

    def _run_errand(self, errand: Errand) -> None:
        if not errand.answer.set_running_or_notify_cancel():
            return
        try:
            answer = self._worker.run(
                errand.command, lambda: errand.cancelled.is_set() or self._stopping.is_set()
            )
        except Exception as error:
            errand.answer.set_exception(error)
        else:
            errand.answer.set_result(answer)

    def _edit(self, job: Job) -> None:
        log.info("job taken", job=job.name, attempt=job.attempt)
        try:
            self._attempt(job)
        except EditCancelledError as error:
            cancelled = error
            self._settle(lambda: self._settle_cancelled(job, cancelled))
        except WorkerDiedError as error:
            lost = error
            self._settle(lambda: self._settle_lost(job, lost))
        except (ViaEngineError, ViaServerError) as error:
            self._fail(job, error.reason, str(error))
        except Exception:
            self._fail(job, "INTERNAL", "the server failed while it served this job; see its log")
            raise

    def _attempt(self, job: Job) -> None:
        check_lent_adapter(job.spec)
        recorder = JobRecorder(self._ledger, self._store, job, clock=time.monotonic)
        request = job.spec.engine_request(
            job.media,
            work_folder=self._ledger.work_folder(job.id),
            finished_chunks=self._kept_chunks(job),
        )
        with closing(self._worker.edit(request, lambda: self._is_stopped(job))) as events:
            for event in events:
                recorder.record(event)
        recorder.succeed()
        with suppress(ViaEngineError):  # the job has succeeded, whatever of it stays on the disk
            self._ledger.drop_chunks(job.id)

    def _kept_chunks(self, job: Job) -> tuple[FinishedChunk, ...]:
        kept: list[FinishedChunk] = []
        changed = have_changed(job.spec.files)
        if changed and self._store.chunks(job.id):
            names = ", ".join(path.name for path in changed)
            self._ledger.note(job.id, f"{names} changed meanwhile, so all frames are made again.")
            self._ledger.drop_chunks(job.id)
        for chunk in self._store.chunks(job.id):
            if verify_chunk(chunk):
                kept.append(chunk)
            else:
                self._store.drop_chunk(job.id, chunk.index)
                self._ledger.note(job.id, f"Chunk {chunk.index} was damaged and is made again.")
        return tuple(kept)

    def _is_stopped(self, job: Job) -> bool:
        is_cancelled = self._ledger.read(job.id).state is JobState.CANCEL_REQUESTED
        return is_cancelled or self._stopping.is_set()

    def _settle_cancelled(self, job: Job, error: EditCancelledError) -> None:
        if self._ledger.read(job.id).state is JobState.CANCEL_REQUESTED:
            self._ledger.move(job.id, JobState.CANCELLED)
        elif self._stopping.is_set():
            self._ledger.interrupt(job.id, "The server was stopped.", counts=False)
        else:
            self._end_failed(job, error.reason, str(error))

    def _settle_lost(self, job: Job, error: WorkerDiedError) -> None:
        log.warning("worker lost", job=job.name, error=str(error))
        is_stopping = self._stopping.is_set()
        why = "The server was stopped." if is_stopping else str(error)
        self._ledger.interrupt(job.id, why, counts=not is_stopping)
        if not is_stopping:
            self._ledger.requeue_interrupted()

    def _fail(self, job: Job, reason: str, message: str) -> None:
        self._settle(lambda: self._end_failed(job, reason, message))

    def _end_failed(self, job: Job, reason: str, message: str) -> None:
        log.warning("job failed", job=job.name, reason=reason, error=message)
        self._ledger.fail(job.id, JobError(reason=reason, message=message))
