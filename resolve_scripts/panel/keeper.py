"""Keeps an eye on the server while pages come and go, and places what is wished for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from via.v1 import job_service_pb2

from resolve_scripts.client import ENDED_STATES, OPEN_STATES
from resolve_scripts.errors import NotKnownError, ServerUnreachableError, ViaClientError
from resolve_scripts.panel.bridge_link import SILENT, Bridge
from resolve_scripts.panel.edit_book import EditBook, PanelEdit
from resolve_scripts.panel.placing import Placing
from resolve_scripts.panel.server_link import ServerLink

LOOK_EVERY_S = 0.5
BUSY_STATES = (*OPEN_STATES, job_service_pb2.JOB_STATE_CANCEL_REQUESTED)


class Keeper:
    """Knows the newest state of every remembered edit's job.

    Args:
        server: where the jobs run.
        book: the remembered edits.
        placing: puts results onto the timeline.
        bridge: Resolve; None without it.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        *,
        server: ServerLink,
        book: EditBook,
        placing: Placing,
        bridge: Bridge | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._server = server
        self._book = book
        self._placing = placing
        self._bridge = bridge
        self._started_s = clock()
        self._jobs: dict[str, job_service_pb2.Job] = {}
        self._gone: set[str] = set()
        self._on_its_way: set[str] = set()
        self._placer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="placer")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="keeper", daemon=True)
        self.other_jobs = 0

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Looks no more."""
        self._stopping.set()
        self._placer.shutdown(wait=False, cancel_futures=True)

    def job(self, edit: PanelEdit) -> job_service_pb2.Job | None:
        """The edit's job as it was seen last; None when the server never told it."""
        return self._jobs.get(edit.job)

    def is_gone(self, edit: PanelEdit) -> bool:
        """Whether the server does not know the edit's job any more."""
        return edit.job in self._gone

    def is_being_placed(self, edit: PanelEdit) -> bool:
        """Whether the result is on its way to the timeline right now."""
        return edit.id in self._on_its_way

    def is_left_over(self, edit: PanelEdit) -> bool:
        """Whether it was begun before this panel and still waits to be placed."""
        is_waiting = edit.wish is not None and edit.placed is None
        return is_waiting and edit.created_s < self._started_s

    def look(self) -> None:
        """Looks once."""
        if not self._server.look():
            return
        try:
            self._look_at_jobs()
        except ServerUnreachableError as error:
            self._server.lose(error)
        except ViaClientError:
            return  # said where a person asks for something; the next look may do better
        self._place_wished()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            with suppress(ViaClientError, OSError):
                self.look()
            self._stopping.wait(LOOK_EVERY_S)

    def _look_at_jobs(self) -> None:
        client = self._server.client
        busy = {job.name: job for job in client.list_jobs(BUSY_STATES)}
        names = {edit.job for edit in self._book.all()}
        self.other_jobs = len(busy.keys() - names)
        for name in names:
            seen = self._jobs.get(name)
            if name in busy:
                self._jobs[name] = busy[name]
            elif name not in self._gone and (seen is None or seen.state not in ENDED_STATES):
                try:
                    self._jobs[name] = client.get_job(name)
                except NotKnownError:
                    self._gone.add(name)

    def _place_wished(self) -> None:
        for edit in self._book.all():
            if self._is_wished(edit):
                self._on_its_way.add(edit.id)
                self._placer.submit(self._place, edit)

    def _is_wished(self, edit: PanelEdit) -> bool:
        job = self.job(edit)
        return (
            edit.wish is not None
            and edit.placed is None
            and (edit.problem is None or edit.problem.reason == SILENT)
            and edit.id not in self._on_its_way
            and not self.is_left_over(edit)
            and job is not None
            and job.state == job_service_pb2.JOB_STATE_SUCCEEDED
            and self._bridge is not None
            and self._bridge.is_open
        )

    def _place(self, edit: PanelEdit) -> None:
        try:
            with suppress(ViaClientError):  # kept with the edit, where the page shows it
                self._placing.place(edit, edit.wish or "track")
        finally:
            self._on_its_way.discard(edit.id)
