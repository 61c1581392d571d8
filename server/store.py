"""The job ledger on disk: jobs, their events, their finished chunks. Only importer of sqlite3.

One connection in one process, guarded by a lock. Every write is one transaction that is on disk
when the method returns (write-ahead log, synchronous=FULL).
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from server.edit_spec import Pace
from server.errors import StateDamagedError, StateFolderError, StateTooNewError
from server.jobs import (
    ChunkStored,
    EditorTuned,
    GroupGathered,
    Job,
    JobChanged,
    JobEvent,
    JobState,
    MaskFound,
    Noted,
    Progressed,
    StoredEvent,
)
from server.json_values import from_json, to_json
from via_engine.edit_request import FinishedChunk
from via_engine.errors import DiskFullError
from via_engine.media_types import FrameRange

SCHEMA_VERSION = 3
SCHEMA = """
CREATE TABLE jobs (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    request_id TEXT UNIQUE,
    request_digest TEXT NOT NULL,
    state TEXT NOT NULL,
    queue_order INTEGER NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX jobs_by_state ON jobs (state, queue_order);
CREATE TABLE events (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    kind TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (job_id, sequence)
) WITHOUT ROWID;
CREATE TABLE chunks (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    chunk_index INTEGER NOT NULL,
    start_frame INTEGER NOT NULL,
    end_frame_exclusive INTEGER NOT NULL,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    PRIMARY KEY (job_id, chunk_index)
) WITHOUT ROWID;
CREATE TABLE paces (
    model TEXT PRIMARY KEY,
    seconds_per_frame_step REAL NOT NULL,
    peak_memory_bytes INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""
# From version 1, whose edits said `independent_frames` instead of an attention mode.
ATTENTION_OF_VERSION_1 = """
UPDATE {table} SET record = json_set(
    json_remove(record, '{spec}.independent_frames'),
    '{spec}.attention',
    iif(json_extract(record, '{spec}.independent_frames'), 'independent', 'gather_swap')
) WHERE json_type(record, '{spec}.independent_frames') IS NOT NULL;
"""
MIGRATIONS = {
    1: ATTENTION_OF_VERSION_1.format(table="jobs", spec="$.spec")
    + ATTENTION_OF_VERSION_1.format(table="events", spec="$.job.spec"),
    2: "ALTER TABLE paces ADD COLUMN peak_memory_bytes INTEGER NOT NULL DEFAULT 0;",
}
EVENT_KINDS: dict[str, type[JobEvent]] = {
    "job": JobChanged,
    "progress": Progressed,
    "mask": MaskFound,
    "adapter": EditorTuned,
    "group": GroupGathered,
    "chunk": ChunkStored,
    "note": Noted,
}
KIND_NAMES = {kind: name for name, kind in EVENT_KINDS.items()}


class JobStore:
    """The ledger file at `path`; made when missing, checked when there.

    Raises:
        StateFolderError: the file cannot be opened, is damaged, or a newer Via wrote it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._translated():
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Closes the file; the store is of no use afterwards."""
        with self._lock:
            self._connection.close()

    def add(self, job: Job, *, request_digest: str) -> Job:
        """Stores a new job at the end of the queue with its first event; gives it as stored."""
        with self._transaction() as connection:
            (newest,) = connection.execute("SELECT MAX(queue_order) FROM jobs").fetchone()
            job = replace(job, queue_order=(newest or 0) + 1)
            row = (job.id, job.request_id or None, request_digest, job.state.value)
            connection.execute(
                "INSERT INTO jobs (id, request_id, request_digest, state, queue_order, record)"
                " VALUES (?, ?, ?, ?, ?, '')",
                (*row, job.queue_order),
            )
            return self._write(connection, job, [JobChanged(job=job)])

    def save(
        self, job: Job, events: Sequence[JobEvent] = (), *, chunk: FinishedChunk | None = None
    ) -> Job:
        """Stores a job's new record, its new events in order, and a chunk; gives it as stored."""
        with self._transaction() as connection:
            if chunk is not None:
                frames = chunk.frame_range
                connection.execute(
                    "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        job.id,
                        chunk.index,
                        frames.start_frame,
                        frames.end_frame_exclusive,
                        str(chunk.path),
                        chunk.sha256,
                        chunk.size_bytes,
                    ),
                )
            return self._write(connection, job, events)

    def move_to_end(self, job: Job) -> Job:
        """The job with the last place in the queue; nothing is stored."""
        ((newest,),) = self._read("SELECT MAX(queue_order) FROM jobs")
        return replace(job, queue_order=newest + 1)

    def job(self, job_id: str) -> Job | None:
        """The job of that id."""
        rows = self._read("SELECT record FROM jobs WHERE id = ?", job_id)
        return _job(rows[0][0]) if rows else None

    def job_of_request(self, request_id: str) -> tuple[Job, str] | None:
        """The job that came with `request_id`, and the digest of that request."""
        rows = self._read(
            "SELECT record, request_digest FROM jobs WHERE request_id = ?", request_id
        )
        return (_job(rows[0][0]), rows[0][1]) if rows else None

    def page(
        self, *, limit: int, before: int | None, states: Collection[JobState]
    ) -> list[tuple[int, Job]]:
        """Up to `limit` jobs older than the ordinal `before`, newest first, each with its own."""
        wanted = [state.value for state in states or JobState]
        marks = ", ".join("?" * len(wanted))
        rows = self._read(
            f"SELECT ordinal, record FROM jobs WHERE ordinal < ? AND state IN ({marks})"
            " ORDER BY ordinal DESC LIMIT ?",
            *(before if before is not None else 1 << 62, *wanted, limit),
        )
        return [(ordinal, _job(record)) for ordinal, record in rows]

    def queue(self, states: Collection[JobState], *, limit: int = -1) -> list[Job]:
        """Jobs in these states, first to be taken first; -1 means all."""
        marks = ", ".join("?" * len(states))
        rows = self._read(
            f"SELECT record FROM jobs WHERE state IN ({marks}) ORDER BY queue_order LIMIT ?",
            *(*(state.value for state in states), limit),
        )
        return [_job(record) for (record,) in rows]

    def count(self, states: Collection[JobState]) -> int:
        """Number of jobs in these states."""
        marks = ", ".join("?" * len(states))
        ((number,),) = self._read(
            f"SELECT COUNT(*) FROM jobs WHERE state IN ({marks})",
            *(state.value for state in states),
        )
        return int(number)

    def job_ids(self) -> set[str]:
        """Ids of all jobs."""
        return {job_id for (job_id,) in self._read("SELECT id FROM jobs")}

    def events_after(self, job_id: str, sequence: int, *, limit: int) -> list[StoredEvent]:
        """The job's events newer than `sequence`, oldest first."""
        rows = self._read(
            "SELECT sequence, kind, record FROM events"
            " WHERE job_id = ? AND sequence > ? ORDER BY sequence LIMIT ?",
            *(job_id, sequence, limit),
        )
        return [
            StoredEvent(sequence=at, event=from_json(EVENT_KINDS[kind], json.loads(record)))
            for at, kind, record in rows
        ]

    def chunks(self, job_id: str) -> tuple[FinishedChunk, ...]:
        """The job's finished chunks in order."""
        rows = self._read(
            "SELECT chunk_index, start_frame, end_frame_exclusive, path, sha256, size_bytes"
            " FROM chunks WHERE job_id = ? ORDER BY chunk_index",
            job_id,
        )
        return tuple(
            FinishedChunk(
                index=index,
                frame_range=FrameRange(start, end),
                path=Path(path),
                sha256=sha256,
                size_bytes=size_bytes,
            )
            for index, start, end, path, sha256, size_bytes in rows
        )

    def drop_chunk(self, job_id: str, index: int) -> None:
        """Forgets a chunk that is no longer what it was."""
        with self._transaction() as connection:
            connection.execute(
                "DELETE FROM chunks WHERE job_id = ? AND chunk_index = ?", (job_id, index)
            )

    def delete(self, job_id: str) -> None:
        """Removes a job with its events and chunks."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def pace(self, model: str) -> Pace | None:
        """What the model took last."""
        columns = "seconds_per_frame_step, peak_memory_bytes"
        rows = self._read(f"SELECT {columns} FROM paces WHERE model = ?", model)
        if not rows:
            return None
        return Pace(seconds_per_frame_step=float(rows[0][0]), peak_memory_bytes=int(rows[0][1]))

    def set_pace(self, model: str, pace: Pace) -> None:
        """Remembers what the model took."""
        row = (model, pace.seconds_per_frame_step, pace.peak_memory_bytes)
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO paces VALUES (?, ?, ?)", row)

    def _prepare(self) -> None:
        connection = self._connection
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise self._damaged(verdict)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise StateTooNewError(
                f"{self._path} was written by a newer Via (schema {version}, this one knows "
                f"{SCHEMA_VERSION}); update Via or choose another state folder"
            )
        since = (step for number, step in MIGRATIONS.items() if number >= version)
        steps = SCHEMA if version == 0 else "".join(since)
        if version < SCHEMA_VERSION:
            connection.executescript(
                f"BEGIN; {steps} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )

    def _write(self, connection: sqlite3.Connection, job: Job, events: Sequence[JobEvent]) -> Job:
        stored = replace(job, last_sequence=job.last_sequence + len(events))
        for sequence, event in enumerate(events, start=job.last_sequence + 1):
            # A change carries the job as it is after this very event.
            if isinstance(event, JobChanged):
                event = JobChanged(job=replace(event.job, last_sequence=sequence))  # noqa: PLW2901
            row = (job.id, sequence, KIND_NAMES[type(event)], json.dumps(to_json(event)))
            connection.execute("INSERT INTO events VALUES (?, ?, ?, ?)", row)
        connection.execute(
            "UPDATE jobs SET state = ?, queue_order = ?, record = ? WHERE id = ?",
            (stored.state.value, stored.queue_order, json.dumps(to_json(stored)), stored.id),
        )
        return stored

    def _read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock, self._translated():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise DiskFullError(f"no space is left for the job ledger {self._path}") from error
            raise StateFolderError(f"the job ledger {self._path} fails: {error}") from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, verdict: str) -> StateDamagedError:
        return StateDamagedError(
            f"the job ledger {self._path} is damaged ({verdict}); it was left as it is. Move it "
            "away to start with an empty one; finished clips stay in the folder jobs beside it"
        )


def _job(record: str) -> Job:
    return from_json(Job, json.loads(record))
