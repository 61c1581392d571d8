"""Resolve's objects from afar: asked through files that `in_resolve/menu/mailbox.lua` answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from resolve_scripts.in_resolve.errors import NotAnsweringError

POLL_S = 0.003
BEAT_S = 1.0
# A call such as an import may keep Lua from giving its sign of life for long.
SILENT_S = 90.0
LEFTOVER_S = 24 * 3600.0
# Their Lua tables may have the keys 1, 2, 3 and are no lists all the same.
GIVE_DICTIONARIES = ("GetMarkers", "GetMarkerByCustomData")


class Mailbox:
    """One session's files; see mailbox.lua for their names."""

    def __init__(self, folder: Path, session: str, *, silent_s: float = SILENT_S) -> None:
        self._folder, self._session, self._silent_s = folder, session, silent_s
        self._number = 0
        self._beat: str | None = None
        self._beat_at = time.monotonic()

    def ask(self, **question: Any) -> Any:
        """The answer to a question.

        Raises:
            TypeError: the call failed in Resolve, as a proxy's does in its own Python.
            NotAnsweringError: Resolve has closed.
        """
        self._number += 1
        path = self._path(f"ask-{self._number}.json")
        partial = self._path(f"ask-{self._number}.json.partial")
        partial.write_text(json.dumps(question, ensure_ascii=False), encoding="utf-8")
        partial.replace(path)
        answer = self._answer()
        if "error" in answer:
            raise TypeError(answer["error"])
        return answer.get("result")

    def is_alive(self) -> bool:
        """Whether the Lua side gave a sign of life lately."""
        with suppress(OSError):
            beat = self._path("resolve.alive").read_text(encoding="utf-8")
            if beat != self._beat:
                self._beat, self._beat_at = beat, time.monotonic()
        return time.monotonic() - self._beat_at < self._silent_s

    @contextmanager
    def kept_alive(self) -> Iterator[None]:
        """Gives signs of life to the Lua side, and cleans the session's files up at the end."""
        over = threading.Event()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clear_leftovers()
        thread = threading.Thread(target=self._give_signs, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            for path in self._folder.glob(f"{self._session}-*"):
                path.unlink(missing_ok=True)

    def _clear_leftovers(self) -> None:
        """Removes what sessions left behind that were killed long ago."""
        for path in self._folder.iterdir():
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > LEFTOVER_S:
                    path.unlink()

    def _give_signs(self, over: threading.Event) -> None:
        number = 0
        while True:
            number += 1
            with suppress(OSError):
                self._path("via.alive").write_text(str(number), encoding="utf-8")
            if over.wait(BEAT_S):
                return

    def _answer(self) -> dict[str, Any]:
        path = self._path(f"answer-{self._number}.json")
        while True:
            with suppress(OSError):
                text = path.read_text(encoding="utf-8", errors="replace")
                path.unlink()
                return dict(json.loads(text))
            if not self.is_alive():
                raise NotAnsweringError(
                    "Resolve has closed, or its script was stopped",
                    next_step="start it again from Workspace > Scripts",
                    reason="RESOLVE_CLOSED",
                )
            time.sleep(POLL_S)

    def _path(self, name: str) -> Path:
        return self._folder / f"{self._session}-{name}"


class RemoteObject:
    """One of Resolve's objects; its methods are called where it lives."""

    def __init__(self, mailbox: Mailbox, number: int) -> None:
        self._mailbox, self._number = mailbox, number
        self._known: dict[str, bool] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*arguments: Any) -> Any:
            sent = [self._sent(one) for one in arguments]
            result = self._mailbox.ask(do="call", object=self._number, method=name, arguments=sent)
            return self._got(result, name)

        return call

    def has_method(self, name: str) -> bool:
        """Whether the object has a method on this build."""
        if name not in self._known:
            told = self._mailbox.ask(do="has", object=self._number, method=name)
            self._known[name] = bool(told)
        return self._known[name]

    @staticmethod
    def read_all(objects: Sequence[RemoteObject], methods: Sequence[str]) -> list[list[Any]]:
        """The answers of many objects to the same questions, in one message."""
        first = objects[0]
        numbers = [one._number for one in objects]
        rows = first._mailbox.ask(do="read_all", objects=numbers, methods=list(methods))
        return [
            [first._got(value, name) for value, name in zip(row, methods, strict=True)]
            for row in rows
        ]

    def _sent(self, value: Any) -> Any:
        if isinstance(value, RemoteObject):
            return {"object": value._number}
        if isinstance(value, dict):
            pairs = [[key, self._sent(inner)] for key, inner in value.items()]
            return {"table": pairs}
        if isinstance(value, list | tuple):
            pairs = [[index, self._sent(inner)] for index, inner in enumerate(value, 1)]
            return {"table": pairs}
        return value

    def _got(self, value: Any, method: str) -> Any:
        if not isinstance(value, dict):
            return value
        if "object" in value:
            return RemoteObject(self._mailbox, value["object"])
        pairs = {key: self._got(inner, "") for key, inner in value["table"]}
        is_list = sorted(pairs, key=str) == sorted(range(1, len(pairs) + 1), key=str)
        if is_list and method not in GIVE_DICTIONARIES:
            return [pairs[index] for index in range(1, len(pairs) + 1)]
        return pairs
