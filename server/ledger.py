"""Every change of a job goes through here: checked, made durable, then told to who listens."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from server.edit_spec import EditPlan
from server.errors import JobNotFoundError, JobStateError, QueueFullError, RequestIdReusedError
from server.jobs import (
    ENDED,
    MAX_INTERRUPTIONS,
    RETRYABLE,
    WITH_WORKER,
    Job,
    JobChanged,
    JobError,
    JobEvent,
    JobProgress,
    JobState,
    Noted,
)
from server.store import JobStore
from via_engine.edit_request import FinishedChunk

WAITING = frozenset({JobState.QUEUED, JobState.INTERRUPTED})


class JobLedger:
    """The jobs of this server; what only reads asks the store. Safe to call from any thread.

    Args:
        store: where jobs are durable.
        folder: holds one folder per job.
        max_queued_jobs: jobs that may wait.
        clock: current time in Unix seconds.
    """

    def __init__(
        self, store: JobStore, *, folder: Path, max_queued_jobs: int, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._folder = folder
        self._max_queued_jobs = max_queued_jobs
        self._clock = clock
        self._lock = threading.RLock()
        self._listeners: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)

    def create(self, plan: EditPlan, *, request_id: str, request_digest: str) -> Job:
        """Queues a planned edit; the job is durable when this returns.

        Raises:
            RequestIdReusedError: `request_id` came before with another digest.
            QueueFullError: no more jobs may wait.
        """
        with self._lock:
            earlier = self.find_request(request_id, request_digest)
            if earlier is not None:
                return earlier
            self._check_room()
            job = Job(
                id=secrets.token_hex(8),
                state=JobState.QUEUED,
                spec=plan.spec,
                media=plan.media,
                request_id=request_id,
                create_time_s=self._clock(),
                progress=JobProgress(frames_total=plan.spec.frame_range.frame_count),
                notes=plan.warnings,
            )
            self.work_folder(job.id).mkdir(parents=True)
            return self._store.add(job, request_digest=request_digest)

    def find_request(self, request_id: str, request_digest: str) -> Job | None:
        """The job that `request_id` made earlier, if any.

        Raises:
            RequestIdReusedError: it came with another digest.
        """
        found = self._store.job_of_request(request_id) if request_id else None
        if found is None:
            return None
        job, digest = found
        if digest != request_digest:
            raise RequestIdReusedError(
                f"request_id {request_id} belongs to {job.name}, which is another edit; "
                "make a new request_id for every new edit",
                metadata={"request_id": request_id, "job": job.name},
            )
        return job

    def read(self, job_id: str) -> Job:
        """The job as it is now.

        Raises:
            JobNotFoundError: there is none of that id.
        """
        job = self._store.job(job_id)
        if job is None:
            raise JobNotFoundError(
                f"there is no job jobs/{job_id} on this server; ListJobs names those there are",
                metadata={"job": f"jobs/{job_id}"},
            )
        return job

    def work_folder(self, job_id: str) -> Path:
        """Where the job's chunks and result lie."""
        return self._folder / job_id

    def waiting_count(self) -> int:
        """Jobs that wait for the worker."""
        return self._store.count(WAITING)

    def open_count(self) -> int:
        """Jobs that have not ended."""
        return self._store.count(frozenset(JobState) - ENDED)

    def take_next(self) -> Job | None:
        """Gives the first waiting job to the worker: it is LOADING_MODELS from here on."""
        with self._lock:
            waiting = self._store.queue({JobState.QUEUED}, limit=1)
            return self.move(waiting[0].id, JobState.LOADING_MODELS) if waiting else None

    def move(
        self, job_id: str, state: JobState, *, change: Callable[[Job], Job] | None = None
    ) -> Job:
        """Takes the job one step on, after `change` to its other fields.

        Raises:
            ForbiddenTransitionError: the job has no such step.
        """
        with self._lock:
            job = self.read(job_id)
            changed = change(job) if change else job
            moved = changed.moved_to(state, now_s=self._clock())
            return self._save(moved, [JobChanged(job=moved)])

    def begin_running(self, job_id: str) -> None:
        """The models are there: a job that was loading them is RUNNING from here on."""
        with self._lock:
            if self.read(job_id).state is JobState.LOADING_MODELS:
                self.move(job_id, JobState.RUNNING)

    def record(
        self,
        job_id: str,
        change: Callable[[Job], Job],
        event: JobEvent,
        *,
        chunk: FinishedChunk | None = None,
    ) -> Job:
        """Stores what the worker told of a job: its new fields, the event, a durable chunk."""
        with self._lock:
            return self._save(change(self.read(job_id)), [event], chunk=chunk)

    def cancel(self, job_id: str) -> Job:
        """Asks a job to stop: at once when it waits, within a batch when it runs."""
        with self._lock:
            job = self.read(job_id)
            if job.state in WAITING:
                return self.move(job_id, JobState.CANCELLED)
            if job.state in WITH_WORKER - {JobState.CANCEL_REQUESTED}:
                return self.move(job_id, JobState.CANCEL_REQUESTED)
            return job

    def retry(self, job_id: str) -> Job:
        """Queues an ended job again, behind those that wait.

        Raises:
            JobStateError: the job has not ended, or it succeeded.
            QueueFullError: no more jobs may wait.
        """
        with self._lock:
            job = self.read(job_id)
            if job.state not in RETRYABLE:
                raise _state_error(job, "a job can be retried once it has failed or was cancelled")
            self._check_room()
            fresh = replace(self._store.move_to_end(job), interruptions=0)
            return self.move(job_id, JobState.QUEUED, change=lambda _: fresh)

    def delete(self, job_id: str) -> None:
        """Removes an ended job with its files.

        Raises:
            JobStateError: the job has not ended.
        """
        with self._lock:
            job = self.read(job_id)
            if not job.has_ended:
                raise _state_error(job, "cancel it first and wait until it has ended")
            self._store.delete(job_id)
            self._publish(job_id)
        # What cannot be removed now is removed by `recover`.
        shutil.rmtree(self.work_folder(job_id), ignore_errors=True)

    def drop_chunks(self, job_id: str) -> None:
        """Removes the pieces of a result that is whole; what cannot be removed stays."""
        for chunk in self._store.chunks(job_id):
            with suppress(OSError):
                chunk.path.unlink(missing_ok=True)
            self._store.drop_chunk(job_id, chunk.index)

    def interrupt(self, job_id: str, why: str, *, counts: bool) -> Job:
        """The worker is gone: the job waits again, or ends when that happened too often.

        Args:
            why: a sentence for people.
            counts: whether this speaks against the job; a server that is stopped does not.
        """
        with self._lock:
            job = self.read(job_id)
            if job.state is JobState.CANCEL_REQUESTED:
                return self.move(job_id, JobState.CANCELLED)
            self.note(job_id, why)
            lost = job.interruptions + counts
            if lost < MAX_INTERRUPTIONS:
                return self.move(
                    job_id,
                    JobState.INTERRUPTED,
                    change=lambda job: replace(job, interruptions=lost),
                )
            message = f"{why} That was {lost} times in a row without a finished chunk in between."
            return self.fail(job_id, JobError(reason="WORKER_CRASHED", message=message))

    def requeue_interrupted(self) -> None:
        """Queues every interrupted job again, at the place it had."""
        with self._lock:
            for job in self._store.queue({JobState.INTERRUPTED}):
                self.move(job.id, JobState.QUEUED)

    def fail(self, job_id: str, error: JobError) -> Job:
        """Ends the job with an error."""
        return self.move(job_id, JobState.FAILED, change=lambda job: replace(job, error=error))

    def note(self, job_id: str, text: str) -> Job:
        """Adds a sentence for people to the job."""
        return self.record(
            job_id, lambda job: replace(job, notes=(*job.notes, text)), Noted(text=text)
        )

    def recover(self) -> None:
        """At the start of a server: what an earlier one left running waits again.

        Folders that belong to no job are removed; the job they were made for was never promised.
        """
        for job in self._store.queue(WITH_WORKER):
            self.interrupt(job.id, "The server ended while this job ran.", counts=True)
        self.requeue_interrupted()
        known = self._store.job_ids()
        self._folder.mkdir(parents=True, exist_ok=True)
        for folder in self._folder.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def listening(self, job_id: str, listener: Callable[[], None]) -> Iterator[None]:
        """Calls `listener`, from any thread, after each change of the job."""
        with self._lock:
            self._listeners[job_id].append(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners[job_id].remove(listener)
                if not self._listeners[job_id]:
                    del self._listeners[job_id]

    def _save(
        self, job: Job, events: Sequence[JobEvent], *, chunk: FinishedChunk | None = None
    ) -> Job:
        stored = self._store.save(job, events, chunk=chunk)
        self._publish(job.id)
        return stored

    def _publish(self, job_id: str) -> None:
        for listener in tuple(self._listeners.get(job_id, ())):
            listener()

    def _check_room(self) -> None:
        waiting = self.waiting_count()
        if waiting >= self._max_queued_jobs:
            raise QueueFullError(
                f"{waiting} jobs wait and this server holds no more; try again later",
                metadata={"queued_jobs": str(waiting), "limit": str(self._max_queued_jobs)},
            )


def _state_error(job: Job, next_step: str) -> JobStateError:
    return JobStateError(
        f"{job.name} is {job.state.value}; {next_step}",
        metadata={"job": job.name, "state": job.state.value},
    )
