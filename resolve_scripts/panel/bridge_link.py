"""The workstation's end of the line to the bridge inside Resolve: requests out, answers in.

Messages are JSON objects, one a line. The bridge serves one request at a time, in order, on
Resolve's main thread; a request may wait behind a long one.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol

from resolve_scripts.errors import ResolveClosedError, ResolveRefusedError

QUICK_DEADLINE_S = 60.0
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
        number, answer = next(self._ids), Future[Any]()
        with self._lock:
            if not self.is_open:
                raise closed()
            self._waiting[number], self._on_percent[number] = answer, on_percent
        request = {"id": number, "call": name, "arguments": dict(arguments or {})}
        try:
            self._send(json.dumps(request).encode() + b"\n")
            return answer.result(deadline_s)
        except TimeoutError as error:
            raise ResolveRefusedError(
                f"Resolve has not answered for {deadline_s:g} seconds",
                reason="RESOLVE_SILENT",
                next_step="look whether a dialog is open in Resolve, close it and try again",
            ) from error
        except OSError as error:
            raise closed() from error
        finally:
            self._waiting.pop(number, None)
            self._on_percent.pop(number, None)

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
