"""The workstation's end of the line to the bridge inside Resolve: requests out, answers in.

Messages are JSON objects, one a line. The bridge serves one request at a time, in order, on
Resolve's main thread; a request may wait behind a long one, and its own time begins after that.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol

from resolve_scripts.errors import ResolveClosedError, ResolveRefusedError

QUICK_DEADLINE_S = 60.0
LOOK_EVERY_S = 1.0
# Why a call failed that got no answer in its time; Resolve may be busy and answer the next.
SILENT = "RESOLVE_SILENT"
RENDER_DEADLINE_S = 4 * 3600.0


class Bridge(Protocol):
    """Somebody who can ask Resolve."""

    @property
    def is_open(self) -> bool:
        """Whether Resolve still answers."""
        ...

    def call(
        self,
        name: str,
        arguments: Mapping[str, object] | None = None,
        *,
        deadline_s: float = QUICK_DEADLINE_S,
        on_percent: Callable[[int], None] | None = None,
    ) -> Any:
        """What Resolve answers to the call `name`."""
        ...


class BridgeLink:
    """A bridge at the other end of two streams.

    Args:
        lines: what the bridge says, line by line; its end is the end of the bridge.
        send: hands one line to the bridge; OSError when it is gone.
    """

    def __init__(self, lines: Iterable[bytes], send: Callable[[bytes], None]) -> None:
        self._lines = lines
        self._send = send
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Any]] = {}
        self._on_percent: dict[int, Callable[[int], None] | None] = {}
        self._long: set[int] = set()
        # Numbers go up in the order in which the bridge serves them.
        self._in_order = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._read, name="bridge", daemon=True).start()

    @property
    def is_open(self) -> bool:
        """Whether the bridge has not closed."""
        return not self._closed.is_set()

    def wait_until_closed(self, timeout_s: float | None = None) -> bool:
        """Whether it has closed within the time."""
        return self._closed.wait(timeout_s)

    def call(
        self,
        name: str,
        arguments: Mapping[str, object] | None = None,
        *,
        deadline_s: float = QUICK_DEADLINE_S,
        on_percent: Callable[[int], None] | None = None,
    ) -> Any:
        """What the bridge answers to the call `name`; `on_percent` hears how far a long one is.

        Raises:
            ResolveRefusedError: it could not do it; the reason, words and next step are its own.
            ResolveClosedError: it is gone.
        """
        answer = Future[Any]()
        is_long = deadline_s > QUICK_DEADLINE_S
        with self._in_order:
            number = self._register(answer, on_percent, is_long=is_long)
            is_sent = self._is_sent(number, name, arguments or {})
        try:
            if not is_sent:
                raise closed()
            return self._answer_to(number, answer, deadline_s)
        finally:
            self._waiting.pop(number, None)
            self._on_percent.pop(number, None)
            self._long.discard(number)

    def _register(
        self,
        answer: Future[Any],
        on_percent: Callable[[int], None] | None,
        *,
        is_long: bool,
    ) -> int:
        with self._lock:
            if not self.is_open:
                raise closed()
            number = next(self._ids)
            self._waiting[number], self._on_percent[number] = answer, on_percent
            if is_long:
                self._long.add(number)
            return number

    def _is_sent(self, number: int, name: str, arguments: Mapping[str, object]) -> bool:
        request = {"id": number, "call": name, "arguments": dict(arguments)}
        try:
            self._send(json.dumps(request).encode() + b"\n")
        except (OSError, ValueError):  # the pipe is broken, or closed on this side
            return False
        return True

    def _answer_to(self, number: int, answer: Future[Any], deadline_s: float) -> Any:
        """The answer; what the bridge does before the call's turn does not count as silence."""
        end = time.monotonic() + deadline_s
        while True:
            left = end - time.monotonic()
            with suppress(TimeoutError):
                return answer.result(max(0.0, min(left, LOOK_EVERY_S)))
            if any(earlier < number for earlier in tuple(self._long)):
                end = time.monotonic() + deadline_s
            elif left <= LOOK_EVERY_S:
                break
        # What is not begun yet shall not be done when nobody expects it any more.
        with self._in_order:
            self._is_sent(next(self._ids), "cancel", {"id": number})
        raise ResolveRefusedError(
            f"Resolve has not answered for {deadline_s:g} seconds",
            reason=SILENT,
            next_step="look whether a dialog is open in Resolve, close it and try again",
        )

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            for line in self._lines:
                self._take(line)
                if not self.is_open:
                    break
        self._close()

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):  # half a line of a bridge that died while writing
            return
        if not isinstance(message, dict):
            return
        number = message.get("id")
        number = number if isinstance(number, int) else 0
        if "event" in message:
            self._hear(message["event"], number, message.get("percent"))
            return
        answer = self._waiting.get(number)
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(_refusal(message["error"]))
        else:
            answer.set_result(message.get("result"))

    def _hear(self, event: object, number: int, percent: object) -> None:
        """Takes what the bridge says on its own."""
        if event == "closing":
            self._close()
        listener = self._on_percent.get(number)
        if event == "progress" and listener is not None and isinstance(percent, int):
            listener(percent)

    def _close(self) -> None:
        with self._lock:
            self._closed.set()
            left = list(self._waiting.values())
        for answer in left:
            if not answer.done():
                answer.set_exception(closed())


def closed() -> ResolveClosedError:
    """Said of everything that Resolve was asked for and does not answer any more."""
    return ResolveClosedError(
        "Resolve, or its VIA script, was closed",
        next_step="open the project again and choose Workspace > Scripts > VIA; edits go on "
        "meanwhile and are offered there",
    )


def _refusal(error: Any) -> ResolveRefusedError:
    told = error if isinstance(error, dict) else {}
    return ResolveRefusedError(
        str(told.get("message") or "Resolve could not do it and gave no reason"),
        reason=str(told.get("reason") or "RESOLVE_REFUSED"),
        next_step=str(told.get("next_step") or "look whether a dialog is open in Resolve"),
    )
