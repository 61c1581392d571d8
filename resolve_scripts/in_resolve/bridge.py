"""The bridge: holds the `resolve` object and answers the workstation process, line by line.

A thread reads, the main thread alone calls Resolve: its objects are not to be used from others.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import IO, Any, Protocol

from resolve_scripts.in_resolve.calls import answer
from resolve_scripts.in_resolve.errors import BridgeError, MessageError
from resolve_scripts.in_resolve.host import Host, say_plainly
from resolve_scripts.in_resolve.messages import (
    MAX_LINE_BYTES,
    PROTOCOL,
    Request,
    error_line,
    event_line,
    read_request,
    result_line,
)

LOOK_AROUND_S = 1.0
TAKEN_BACK = BridgeError(
    "the call was taken back before its turn came", next_step="ask again", reason="CANCELLED"
)


class Partner(Protocol):
    """The other end of the bridge."""

    def send(self, line: bytes) -> bool:
        """Takes a line; False when nobody reads any more."""


class Inbox:
    """Requests as they arrive, read by a thread of its own."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._waiting: queue.Queue[Request | BridgeError | None] = queue.Queue()
        self._cancelled: set[int] = set()
        self.is_over = threading.Event()
        threading.Thread(target=self._read, name="via-inbox", daemon=True).start()

    def next(self, wait_s: float) -> Request | BridgeError | None:
        """The next request, or what was wrong with the line; None at the end.

        Raises:
            queue.Empty: nothing came in `wait_s`.
        """
        return self._waiting.get(timeout=wait_s)

    def is_cancelled(self, request_id: int) -> bool:
        """Whether a running call is wanted no longer."""
        return self.is_over.is_set() or self.is_taken_back(request_id)

    def is_taken_back(self, request_id: int) -> bool:
        """Whether nobody waits for a call any more."""
        return request_id in self._cancelled

    def _read(self) -> None:
        try:
            for line in iter(self._line, b""):
                # Half a line at the end is what a killed process left behind.
                if line.endswith(b"\n") and line.strip():
                    self._waiting.put(self._understood(line))
        except (OSError, ValueError):
            pass  # the pipe was closed under us: the same end
        self.is_over.set()
        self._waiting.put(None)

    def _line(self) -> bytes:
        line = self._stream.readline(MAX_LINE_BYTES)
        if len(line) < MAX_LINE_BYTES or line.endswith(b"\n"):
            return line
        while line and not line.endswith(b"\n"):
            line = self._stream.readline(MAX_LINE_BYTES)
        return b"too long\n" if line else b""

    def _understood(self, line: bytes) -> Request | BridgeError:
        try:
            request = read_request(line)
        except MessageError as error:
            return error
        if request.call == "cancel" and isinstance(request.arguments.get("id"), int):
            self._cancelled.add(request.arguments["id"])
        return request


def serve(
    resolve: Any,
    stream: IO[bytes],
    partner: Partner,
    *,
    via: str = "in Resolve",
    sleep: Callable[[float], None] = time.sleep,
    say: Callable[[str], None] = say_plainly,
    is_resolve_there: Callable[[], bool] | None = None,
) -> str:
    """Answers requests until the partner closes, goes away, or Resolve itself does.

    Args:
        resolve: Resolve's object.
        stream: the partner's lines.
        partner: takes ours.
        via: the way to Resolve, told in the greeting.
        sleep: waits for seconds.
        say: writes into Resolve's console.
        is_resolve_there: whether Resolve still runs; default: whether the process that started
            this one does.

    Returns:
        Why it ended.
    """
    inbox = Inbox(stream)
    is_there = is_resolve_there or _same_parent(os.getppid())
    is_heard = partner.send(event_line("hello", protocol=PROTOCOL, via=via))
    while is_heard:
        try:
            asked = inbox.next(LOOK_AROUND_S)
        except queue.Empty:
            if not is_there():
                return _closed(partner, "Resolve has closed")
            continue
        if asked is None:
            return _closed(partner, "the panel has ended")
        if isinstance(asked, BridgeError):
            is_heard = partner.send(error_line(None, asked))
        elif asked.call == "close":
            partner.send(result_line(asked.id, {}))
            return _closed(partner, "the panel asked for it")
        elif inbox.is_taken_back(asked.id):
            is_heard = partner.send(error_line(asked.id, TAKEN_BACK))
        else:
            host = _host_of(asked, inbox, partner, sleep, say)
            is_heard = partner.send(_answer_line(resolve, asked, host))
    return "the panel has ended"


def _same_parent(parent: int) -> Callable[[], bool]:
    """Whether the process that started this one still lives; orphans get another parent."""
    return lambda: os.getppid() == parent


def _host_of(
    request: Request,
    inbox: Inbox,
    partner: Partner,
    sleep: Callable[[float], None],
    say: Callable[[str], None],
) -> Host:
    def tell(percent: int) -> None:
        partner.send(event_line("progress", id=request.id, stage="rendering", percent=percent))

    return Host(
        sleep=sleep, tell=tell, say=say, is_cancelled=lambda: inbox.is_cancelled(request.id)
    )


def _closed(partner: Partner, why: str) -> str:
    partner.send(event_line("closing", why=why))
    return why


def _answer_line(resolve: Any, request: Request, host: Host) -> bytes:
    if request.call == "cancel":
        return result_line(request.id, {})
    try:
        return result_line(request.id, answer(resolve, request.call, request.arguments, host))
    except BridgeError as error:
        if error.reason == BridgeError.reason:
            traceback.print_exc()  # a fault of Via: the console has what a report needs
        return error_line(request.id, error)
