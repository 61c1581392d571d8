"""The server's handle on the worker process: gives it orders, starts it again when it is gone."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from itertools import count
from typing import cast

import structlog

from server.child import ChildEndedError, ChildProcess
from server.errors import EngineFaultError, WorkerDiedError
from server.worker_process import (
    Answer,
    CancelOrder,
    Command,
    Edit,
    Finished,
    Order,
    Ready,
    run_worker,
)
from via_engine.config import EngineConfig
from via_engine.edit_events import EditEvent
from via_engine.edit_request import EditRequest
from via_engine.models.estimate import DeviceFacts

POLL_S = 0.05

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Worker:
    """The engine in its own process, one order at a time. For one thread, except `kill`.

    Attributes:
        device: torch device of the engine; empty until it has said it.
        facts: memory and speed of the device; None until it has said them, or when it cannot.
        is_tried: whether the engine has started, or failed to.
        loaded_models: names of the resident models, as of the last order.
    """

    def __init__(self, *, editor_factory: str, config: EngineConfig) -> None:
        self.device = ""
        self.facts: DeviceFacts | None = None
        self.loaded_models: tuple[str, ...] = ()
        self.is_tried = False
        self._editor_factory = editor_factory
        self._config = config
        self._numbers = count(1)
        self._process: ChildProcess | None = None

    @property
    def process_id(self) -> int | None:
        """Process id of the engine; None while there is none."""
        return self._process.process_id if self._process else None

    def warm_up(self, cancelled: Callable[[], bool]) -> None:
        """Starts the process and waits until the engine is loaded, or is no longer wanted.

        Raises:
            WorkerDiedError: the engine cannot be loaded.
        """
        try:
            process = self._started()
            with _translated(process):
                while not self.device and not cancelled():
                    self._note_ready(process.receive(POLL_S))
        finally:
            self.is_tried = True

    def kill(self) -> None:
        """Ends the process at once; whatever it was doing raises WorkerDiedError."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """Ends the process once its order is over; there must be none it works on for long."""
        if self._process is not None:
            self._process.stop()

    def edit(self, request: EditRequest, cancelled: Callable[[], bool]) -> Generator[EditEvent]:
        """Has an edit done and gives its events as they come.

        Raises:
            ViaEngineError: the engine's own, EditCancelledError among them.
            EngineFaultError: the engine failed without a name for it; the process is replaced.
            WorkerDiedError: the process ended.
        """
        with closing(self._replies(Edit(request=request), cancelled)) as replies:
            for reply in replies:
                if isinstance(reply, Finished):
                    self._check(reply)
                else:
                    yield reply

    def run(self, command: Command, cancelled: Callable[[], bool]) -> Answer | None:
        """Has one command done; gives its answer where it has one. Raises as `edit` does."""
        answer = None
        for reply in self._replies(command, cancelled):
            if isinstance(reply, Finished):
                self._check(reply)
                answer = reply.answer
        return answer

    def _replies(
        self, command: Command, cancelled: Callable[[], bool]
    ) -> Generator[EditEvent | Finished]:
        process, number = self._started(), next(self._numbers)
        is_over, is_told = False, False
        try:
            with _translated(process):
                process.send(Order(number=number, command=command))
                while not is_over:
                    reply = process.receive(POLL_S)
                    if not is_told and cancelled():
                        process.send(CancelOrder(number=number))
                        is_told = True
                    is_over = isinstance(reply, Finished)
                    if reply is not None and not self._note_ready(reply):
                        yield cast(EditEvent | Finished, reply)
        finally:
            if not is_over:
                # Nobody listens to this order any more; it must not hold the worker.
                process.kill()

    def _started(self) -> ChildProcess:
        if self._process is None or not self._process.is_alive:
            self.device, self.loaded_models = "", ()
            self._process = ChildProcess(
                run_worker, self._editor_factory, self._config, name="via-worker"
            )
            log.info("worker started", worker_process_id=self._process.process_id)
        return self._process

    def _note_ready(self, reply: object) -> bool:
        if isinstance(reply, Ready):
            self.device, self.facts = reply.device, reply.facts
        return isinstance(reply, Ready)

    def _check(self, finished: Finished) -> None:
        self.loaded_models = finished.loaded_models
        if isinstance(finished.error, EngineFaultError):
            # Nobody knows what state such a failure leaves behind.
            self.kill()
        if finished.error is not None:
            raise finished.error


@contextmanager
def _translated(process: ChildProcess) -> Iterator[None]:
    try:
        yield
    except ChildEndedError as error:
        raise WorkerDiedError(
            f"The engine's process ended unexpectedly ({error}).",
            metadata={"process_id": str(process.process_id)},
        ) from error
