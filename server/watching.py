"""A job's history as it happens: a snapshot, what came since, what comes, until the job ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from server.errors import ArgumentError, ServerStoppingError
from server.jobs import Job, JobChanged, JobEvent, Progressed, StoredEvent
from server.ledger import JobLedger
from server.store import JobStore

EVENTS_AT_ONCE = 200
BEHIND_EVENTS = 20
"""A reader with more events waiting than this is spared outdated progress."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One message to a watcher; an event of None is a sign of life."""

    sequence: int
    event: JobEvent | None


class JobWatcher:
    """Follows jobs for any number of readers. Nothing is kept for a slow one but its position.

    Args:
        heartbeat_s: longest silence, in seconds.
        stopping: set when the server is on its way down.
    """

    def __init__(
        self, ledger: JobLedger, store: JobStore, *, heartbeat_s: float, stopping: asyncio.Event
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._heartbeat_s = heartbeat_s
        self._stopping = stopping

    async def watch(self, job_id: str, after_sequence: int) -> AsyncGenerator[Watched]:
        """The whole job, then every event after `after_sequence`, to the end of the job.

        Raises:
            JobNotFoundError: there is no such job, or it was deleted meanwhile.
            ArgumentError: the job has no event of that sequence.
            ServerStoppingError: the server stops; the history goes on with the next one.
        """
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def tell() -> None:
            loop.call_soon_threadsafe(changed.set)

        with self._ledger.listening(job_id, tell):
            job = await asyncio.to_thread(self._ledger.read, job_id)
            _check_sequence(after_sequence, job)
            yield Watched(sequence=job.last_sequence, event=JobChanged(job=job))
            sequence, has_ended = after_sequence, job.has_ended
            while (events := await self._events(job_id, sequence)) or not has_ended:
                for stored in spared(events, job.last_sequence):
                    yield Watched(sequence=stored.sequence, event=stored.event)
                    sequence = stored.sequence
                    if isinstance(stored.event, JobChanged):
                        has_ended = stored.event.job.has_ended
                if not events and not await self._wait(changed):
                    # Says that the job is still there, too.
                    await asyncio.to_thread(self._ledger.read, job_id)
                    yield Watched(sequence=sequence, event=None)

    async def _events(self, job_id: str, sequence: int) -> list[StoredEvent]:
        return await asyncio.to_thread(
            self._store.events_after, job_id, sequence, limit=EVENTS_AT_ONCE
        )

    async def _wait(self, changed: asyncio.Event) -> bool:
        """Waits for a change; False when the longest silence went by without one."""
        waits = [asyncio.create_task(event.wait()) for event in (changed, self._stopping)]
        try:
            done, _ = await asyncio.wait(
                waits, timeout=self._heartbeat_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for wait in waits:
                wait.cancel()
        if self._stopping.is_set():
            raise ServerStoppingError(
                "the server is stopping; watch again from the last sequence once it is back"
            )
        changed.clear()
        return bool(done)


def spared(events: Sequence[StoredEvent], history_end: int) -> list[StoredEvent]:
    """The events without progress that newer progress among them has overtaken.

    History up to the sequence `history_end` is told whole, and so is everything to a reader that
    keeps up.
    """
    if len(events) <= BEHIND_EVENTS:
        return list(events)
    newest = max((at.sequence for at in events if isinstance(at.event, Progressed)), default=0)
    return [
        stored
        for stored in events
        if not isinstance(stored.event, Progressed)
        or stored.sequence <= history_end
        or stored.sequence == newest
    ]


def _check_sequence(after_sequence: int, job: Job) -> None:
    if not 0 <= after_sequence <= job.last_sequence:
        raise ArgumentError(
            f"{job.name} has no event {after_sequence}, its newest is {job.last_sequence}; "
            "watch from 0 to have its whole history",
            field="after_sequence",
        )
