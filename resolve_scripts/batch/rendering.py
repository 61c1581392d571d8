"""Has the renders of a batch done and fetches them; what an earlier batch made stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from via.v1 import job_service_pb2

from resolve_scripts.batch.kept_renders import KeptRenders
from resolve_scripts.batch.overall_progress import OverallProgress
from resolve_scripts.batch.renders import Render
from resolve_scripts.client import ViaClient
from resolve_scripts.errors import (
    NotKnownError,
    ServerBusyError,
    ServerUnreachableError,
    ViaClientError,
)
from resolve_scripts.follow import detachable, follow_job
from resolve_scripts.outputs import next_version
from resolve_scripts.progress import Reporter
from resolve_scripts.record import job_record
from resolve_scripts.submit import Order, run_jobs, submitted
from resolve_scripts.transfer import download_result

GOES_ON = "the same `via batch` command, given again, goes on where this one stopped"


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A finished render on this machine.

    Attributes:
        path: the file, absolute.
        record: `job_record` of the job that made it.
        is_new: whether this batch made it, not an earlier one.
    """

    path: Path
    record: dict[str, Any]
    is_new: bool


@dataclass(frozen=True, kw_only=True)
class Queued:
    """A render left to the server: the resource name of its job."""

    job: str


Outcome = Rendered | Queued | ViaClientError


def render_all(
    client: ViaClient,
    renders: Sequence[Render],
    folder: Path,
    suffix: str,
    reporter: Reporter,
) -> dict[str, Outcome]:
    """The end of every render, by its key; what is finished is remembered in the folder at once.

    Args:
        client: the server.
        renders: those of the batch; one that lends its look stands before those that share it.
        folder: existing folder the files go to.
        suffix: of the files, with its dot.
        reporter: takes progress and failures.
    """
    kept = KeptRenders(folder)
    outcomes = dict(_already_there(renders, kept))
    if outcomes:
        reporter.note(f"{len(outcomes)} of {len(renders)} renders are there from an earlier batch")
    to_do = _to_do(renders, outcomes)
    progress = OverallProgress(reporter, to_do)
    orders = {progress.label(render): _order(render, to_do, progress) for render in to_do}
    fetch = _Fetch(client=client, folder=folder, suffix=suffix, reporter=progress)
    open_jobs: list[str] = []
    by_label = {progress.label(render): render for render in to_do}
    with detachable(client, open_jobs, reporter, goes_on=GOES_ON):
        for label, ended in _ends(client, orders, open_jobs, progress):
            render = by_label[label]
            progress.finish(render)
            if render.key in outcomes:  # it was submitted again for its look alone
                continue
            outcome = fetch.result(render, orders[label], ended)
            outcomes[render.key] = outcome
            if isinstance(outcome, Rendered):
                kept.keep(render.key, outcome.path, outcome.record)
            else:
                reporter.note(f"{label}: {outcome}")
    return outcomes


def submit_all(
    client: ViaClient, renders: Sequence[Render], folder: Path, reporter: Reporter
) -> dict[str, Outcome]:
    """Queues the renders that are not in the folder yet and leaves; what became of each, by key.

    A full queue ends it: what did not fit is an error each. The same batch again, later, goes on.

    Raises:
        ServerUnreachableError: the server is lost.
    """
    outcomes = dict(_already_there(renders, KeptRenders(folder)))
    to_do = _to_do(renders, outcomes)
    progress = OverallProgress(reporter, to_do)
    names: dict[str, str] = {}
    full: ServerBusyError | None = None
    for render in to_do:
        label = progress.label(render)
        job = full or submitted(client, _order(render, to_do, progress), names, label)
        full = job if isinstance(job, ServerBusyError) else None
        outcome = job if isinstance(job, ViaClientError) else Queued(job=job.name)
        outcomes.setdefault(render.key, outcome)
    return outcomes


def _already_there(renders: Sequence[Render], kept: KeptRenders) -> Iterator[tuple[str, Outcome]]:
    for render in renders:
        found = kept.find(render.key)
        if found is not None:
            path, record = found
            yield render.key, Rendered(path=path, record=record, is_new=False)


def _to_do(renders: Sequence[Render], there: Mapping[str, Outcome]) -> list[Render]:
    """Renders that are missing, and those whose look a missing one shares."""
    missing = [render for render in renders if render.key not in there]
    needed = {render.key for render in missing} | {render.look_of for render in missing}
    return [render for render in renders if render.key in needed]


def _order(render: Render, to_do: Sequence[Render], progress: OverallProgress) -> Order:
    lender = next((each for each in to_do if each.key == render.look_of), None)
    return Order(
        spec=render.spec,
        request_id=render.request_id,
        look_of=None if lender is None else progress.label(lender),
    )


def _ends(
    client: ViaClient,
    orders: Mapping[str, Order],
    open_jobs: list[str],
    progress: OverallProgress,
) -> Iterator[tuple[str, job_service_pb2.Job | ViaClientError]]:
    """Every order's end, as it comes; a lost server ends all that are left."""
    left = set(orders)
    try:
        for label, ended in run_jobs(client, orders, open_jobs, progress):
            left.discard(label)
            yield label, ended
    except ServerUnreachableError as error:
        yield from ((label, error) for label in orders if label in left)


@dataclass(frozen=True, kw_only=True)
class _Fetch:
    """Brings finished clips to this machine."""

    client: ViaClient
    folder: Path
    suffix: str
    reporter: Reporter

    def result(
        self, render: Render, order: Order, ended: job_service_pb2.Job | ViaClientError
    ) -> Outcome:
        """The finished render, or why there is none."""
        if isinstance(ended, ViaClientError):
            return ended
        try:
            return self._rendered(render, ended)
        except NotKnownError as error:
            if error.reason != "RESULT_MISSING":
                return error
        except ViaClientError as error:
            return error
        return self._made_anew(render, order, ended)

    def _made_anew(self, render: Render, order: Order, job: job_service_pb2.Job) -> Outcome:
        """The job again: the server knew it from earlier, but no longer has its clip."""
        label = f"{job.name} again"
        try:
            self.client.delete_job(job.name)
            spec = self.client.create_job(job.spec, request_id=order.request_id)
            return self._rendered(render, follow_job(self.client, spec.name, label, self.reporter))
        except ViaClientError as error:
            return error

    def _rendered(self, render: Render, job: job_service_pb2.Job) -> Rendered:
        while True:
            path = next_version(self.folder, render.stem, self.suffix)
            try:
                download_result(self.client, job, path)
            except FileExistsError:  # another batch took the name just now
                continue
            return Rendered(path=path, record=job_record(job), is_new=True)
