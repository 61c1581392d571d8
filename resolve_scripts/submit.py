"""Many edits through one server's queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from via.v1 import edit_pb2, job_service_pb2

from resolve_scripts.client import ViaClient
from resolve_scripts.errors import (
    ClipNotSupportedError,
    InvalidEditError,
    ServerBusyError,
    ServerUnreachableError,
    ViaClientError,
)
from resolve_scripts.follow import follow_job
from resolve_scripts.progress import Reporter

RETRYABLE = frozenset({job_service_pb2.JOB_STATE_FAILED, job_service_pb2.JOB_STATE_CANCELLED})

Ended = job_service_pb2.Job | ViaClientError


@dataclass(frozen=True, kw_only=True)
class Order:
    """An edit to have done.

    Attributes:
        spec: the edit.
        request_id: UUID; the same one with the same edit is the same job again, whatever became
            of it.
        look_of: label of the order whose look it shares; it stands before this one.
    """

    spec: edit_pb2.EditSpec
    request_id: str
    look_of: str | None = None


def submitted(client: ViaClient, order: Order, names: dict[str, str], label: str) -> Ended:
    """Queues the order called `label`, or goes on with the job it made earlier.

    Args:
        client: the server.
        order: the edit.
        names: job names by label, of the orders before; this one's is added.
        label: of this order.

    Returns:
        The job as it is now, or why there is none.

    Raises:
        ServerUnreachableError: the server is lost.
    """
    try:
        job = _created(client, order, _spec(order, names))
        names[label] = job.name
        return client.retry_job(job.name) if job.state in RETRYABLE else job
    except ServerUnreachableError:
        raise
    except ViaClientError as error:
        return error


def run_jobs(
    client: ViaClient,
    orders: Mapping[str, Order],
    open_jobs: list[str],
    reporter: Reporter,
) -> Iterator[tuple[str, Ended]]:
    """Submits as much as the queue takes, follows the jobs in their order, and yields each end.

    Args:
        client: the server.
        orders: the edits by their label.
        open_jobs: kept up to date with the names of the jobs that are not ended and taken.
        reporter: takes the progress.

    Yields:
        Each label with its finished job, or with why there is none.

    Raises:
        ServerUnreachableError: the server is lost, and with it all that has not been yielded.
    """
    waiting, names = deque(orders.items()), dict[str, str]()
    begun: deque[tuple[str, str]] = deque()
    while waiting or begun:
        while waiting:
            label, order = waiting[0]
            job = submitted(client, order, names, label)
            if isinstance(job, ServerBusyError) and begun:
                break  # room comes when the first of ours has ended
            waiting.popleft()
            if isinstance(job, ViaClientError):
                yield label, job
            else:
                begun.append((label, job.name))
                open_jobs.append(job.name)
        if begun:
            label, name = begun.popleft()
            yield label, _followed(client, name, label, reporter)
            open_jobs.remove(name)


def _created(client: ViaClient, order: Order, spec: edit_pb2.EditSpec) -> job_service_pb2.Job:
    try:
        return client.create_job(spec, request_id=order.request_id)
    except InvalidEditError as error:
        if error.reason != "REQUEST_ID_REUSED":
            raise
        # Another version of Via read the same edit differently.
        return client.create_job(spec)


def _spec(order: Order, names: Mapping[str, str]) -> edit_pb2.EditSpec:
    if order.look_of is None:
        return order.spec
    if order.look_of not in names:
        raise ClipNotSupportedError(
            "the clip whose look it shares could not be submitted; edit it without --same-look",
            reason="LOOK_MISSING",
        )
    spec = edit_pb2.EditSpec()
    spec.CopyFrom(order.spec)
    spec.group_from = names[order.look_of]
    return spec


def _followed(client: ViaClient, name: str, label: str, reporter: Reporter) -> Ended:
    try:
        return follow_job(client, name, label, reporter)
    except ServerUnreachableError:
        raise
    except ViaClientError as error:
        return error
