"""Waiting for a job: every event to the reporter, its end as a value or an error."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from via.v1 import job_service_pb2

from resolve_scripts.client import ViaClient
from resolve_scripts.errors import (
    JobCancelledError,
    JobFailedError,
    ViaClientError,
    with_next_step,
)
from resolve_scripts.progress import Reporter, adapter_text, group_text, mask_text

SECOND_INTERRUPT_S = 2.0


def follow_job(client: ViaClient, name: str, label: str, reporter: Reporter) -> job_service_pb2.Job:
    """Watches a job until it ends and returns it, finished, with its result.

    Raises:
        JobFailedError: it failed; reason and message are the server's.
        JobCancelledError: someone cancelled it.
    """
    told: set[str] = set()
    job = client.get_job(name)
    # What happened up to a snapshot is in it; only what comes after is told as it happens.
    for event in client.watch_job(name, job.last_sequence):
        kind = event.WhichOneof("event")
        notes: list[str] = []
        if kind == "job":
            job = event.job
            notes = _job_notes(job)
            reporter.progress(label, job.progress)
        elif kind == "progress" and event.sequence > job.last_sequence:
            reporter.progress(label, event.progress)
        elif kind == "mask":
            notes = [mask_text(event.mask)]
        elif kind == "adapter":
            notes = [adapter_text(event.adapter)]
        elif kind == "group":
            notes = [group_text(event.group)]
        elif kind == "log_line":
            notes = [event.log_line.text]
        # The same note comes as an event and again with the job.
        for note in [each for each in notes if each not in told]:
            told.add(note)
            reporter.note(f"{label}: {note}")
    return _finished(job)


def _job_notes(job: job_service_pb2.Job) -> list[str]:
    mask = [mask_text(job.mask)] if job.HasField("mask") else []
    adapter = [adapter_text(job.adapter)] if job.HasField("adapter") else []
    group = [group_text(job.group)] if job.HasField("group") else []
    return [*mask, *adapter, *group, *job.notes]


def _finished(job: job_service_pb2.Job) -> job_service_pb2.Job:
    if job.state == job_service_pb2.JOB_STATE_CANCELLED:
        raise JobCancelledError(
            f"{job.name} was cancelled; `via jobs retry {job.name}` goes on with it"
        )
    if job.state == job_service_pb2.JOB_STATE_FAILED:
        message = with_next_step(f"{job.error.message} ({job.name})", job.error.reason)
        raise JobFailedError(message, reason=job.error.reason or None)
    return job


@contextmanager
def detachable(
    client: ViaClient, jobs: Sequence[str], reporter: Reporter, *, goes_on: str = ""
) -> Iterator[None]:
    """Ctrl-C once leaves the jobs to the server and says how to find them; twice cancels them.

    Args:
        client: the server.
        jobs: names of the jobs begun so far; it may grow inside the block.
        reporter: takes the hint.
        goes_on: how to find all jobs again; without it each is told by name.
    """
    try:
        yield
    except KeyboardInterrupt:
        if jobs:
            _detach_or_cancel(client, jobs, reporter, goes_on)
        raise


def _detach_or_cancel(
    client: ViaClient, jobs: Sequence[str], reporter: Reporter, goes_on: str
) -> None:
    try:
        reporter.note("detached: the server goes on. Press Ctrl-C again now to cancel instead.")
        time.sleep(SECOND_INTERRUPT_S)
    except KeyboardInterrupt:
        for name in jobs:
            _cancel(client, name, reporter)
    else:
        if goes_on:
            reporter.note(f"  {goes_on}")
            return
        for name in jobs:
            reporter.note(f"  via jobs watch {name} -o FILE   (or: via jobs cancel {name})")


def _cancel(client: ViaClient, name: str, reporter: Reporter) -> None:
    try:
        client.cancel_job(name)
        reporter.note(f"cancelled {name}")
    except ViaClientError as error:
        reporter.note(f"could not cancel {name}: {error}")
