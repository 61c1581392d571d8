"""A spawned process at the other end of a pipe, as seen from both ends."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

STOP_TIMEOUT_S = 5.0


class ChildEndedError(Exception):
    """The child process is gone; the argument says how."""


class ChildProcess:
    """A process that runs `target(connection, *arguments)`, freshly started, nothing inherited.

    `target` and `arguments` must be importable and picklable. The process ends when this one
    does, however it ends, if it reads its pipe through `Inbox`.
    """

    def __init__(self, target: Callable[..., None], *arguments: object, name: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=target, args=(theirs, *arguments), name=name, daemon=True
        )
        self._process.start()
        # Kept open here, the pipe would never tell that the child is gone.
        theirs.close()

    @property
    def process_id(self) -> int | None:
        """Process id, for people who look at the machine."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.is_alive()

    def send(self, message: object) -> None:
        """Hands `message` to the child.

        Raises:
            ChildEndedError: it is gone.
        """
        try:
            self._connection.send(message)
        except OSError as error:
            raise self._ended() from error

    def receive(self, timeout_s: float) -> object | None:
        """The child's next message; None when it stays silent for `timeout_s` seconds.

        Raises:
            ChildEndedError: it is gone.
        """
        try:
            return self._connection.recv() if self._connection.poll(timeout_s) else None
        except (EOFError, OSError) as error:
            raise self._ended() from error

    def stop(self) -> None:
        """Lets the process end by itself once it has nothing to do; kills it when it does not."""
        with suppress(ChildEndedError):
            self.send(None)
        self._process.join(STOP_TIMEOUT_S)
        self.kill()

    def kill(self) -> None:
        """Ends the process without asking it; returns when it is gone."""
        # The pipe stays open: another thread may be reading it, and learns of the end that way.
        self._process.kill()
        self._process.join(STOP_TIMEOUT_S)

    def _ended(self) -> ChildEndedError:
        self._process.join(STOP_TIMEOUT_S)
        return ChildEndedError(f"exit code {self._process.exitcode}")


class Inbox:
    """The child's end: messages in order, and the end of the child when the parent is gone.

    `overtaking` sees each message as it arrives, on another thread; when it returns True the
    message is not queued.
    """

    def __init__(self, connection: Connection, overtaking: Callable[[object], bool]) -> None:
        # Ctrl-C in a terminal and a service manager reach all processes at once; the parent
        # alone decides when its children end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # Standard output belongs to the parent's one line of JSON.
        os.dup2(2, 1)
        self._connection = connection
        self._overtaking = overtaking
        self._messages: queue.SimpleQueue[object] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def next_message(self) -> object | None:
        """The next message, waiting for it as long as it takes; None when there are no more."""
        return self._messages.get()

    def _read(self) -> None:
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                os._exit(0)
            if not self._overtaking(message):
                self._messages.put(message)
