"""Many edits through one server's queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from via.v1 import edit_pb2, job_service_pb2

from resolve_scripts.client import ViaClient
from resolve_scripts.errors import ServerBusyError, ServerUnreachableError, ViaClientError
from resolve_scripts.follow import follow_job
from resolve_scripts.progress import Reporter

Ended = job_service_pb2.Job | ViaClientError


def run_jobs(
    client: ViaClient,
    specs: Mapping[str, edit_pb2.EditSpec],
    open_jobs: list[str],
    reporter: Reporter,
) -> Iterator[tuple[str, Ended]]:
    """Submits as much as the queue takes, follows the jobs in their order, and yields each end.

    Args:
        client: the server.
        specs: the edits by their label.
        open_jobs: kept up to date with the names of the jobs that are not ended and taken.
        reporter: takes the progress.

    Yields:
        Each label with its finished job, or with why there is none.

    Raises:
        ServerUnreachableError: the server is lost, and with it all that has not been yielded.
    """
    waiting = deque(specs.items())
    begun: deque[tuple[str, str]] = deque()
    while waiting or begun:
        while waiting:
            label, spec = waiting[0]
            created = _created(client, spec)
            if isinstance(created, ServerBusyError) and begun:
                break  # room comes when the first of ours has ended
            waiting.popleft()
            if isinstance(created, ViaClientError):
                yield label, created
            else:
                begun.append((label, created.name))
                open_jobs.append(created.name)
        if begun:
            label, name = begun.popleft()
            yield label, _followed(client, name, label, reporter)
            open_jobs.remove(name)


def _created(client: ViaClient, spec: edit_pb2.EditSpec) -> Ended:
    try:
        return client.create_job(spec)
    except ServerUnreachableError:
        raise
    except ViaClientError as error:
        return error


def _followed(client: ViaClient, name: str, label: str, reporter: Reporter) -> Ended:
    try:
        return follow_job(client, name, label, reporter)
    except ServerUnreachableError:
        raise
    except ViaClientError as error:
        return error
