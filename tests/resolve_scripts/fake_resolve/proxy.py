"""Handles as Resolve gives them out: nothing raises, `hasattr` is always true, unknown is None."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tests.resolve_scripts.fake_resolve.since import methods_of

# What a call answers while a dialog is open or Resolve is wedged.
SETTERS = ("Set", "Add", "Delete", "Open", "Load", "Save", "Start", "Append", "Import", "Export")


class Api:
    """Base of what lies behind a handle; its methods are named as Resolve's.

    Attributes:
        is_dead: what it stood for is gone: every attribute of its handles is None.
        is_hollow: every call answers None, as some media pool items do.
    """

    kind = ""
    is_dead = False
    is_hollow = False


class Switchboard:
    """Every call goes through here: dialogs, versions, threads, and the record for tests.

    Attributes:
        version: of the build, decides what `dir()` shows.
        is_modal: a dialog is open, nothing answers.
        calls: (kind, method, arguments) of all calls so far.
        faults: what no script should ever do, such as calling from another thread.
        on_change: called after each call that may have changed something.
    """

    def __init__(self, version: tuple[int, ...]) -> None:
        self.version = version
        self.is_modal = False
        self.calls: list[tuple[str, str, tuple[Any, ...]]] = []
        self.faults: list[str] = []
        self.on_change: Callable[[], None] = lambda: None
        self._thread = threading.get_ident()

    def call(self, api: Api, method: str, arguments: tuple[Any, ...]) -> Any:
        self.calls.append((api.kind, method, arguments))
        if threading.get_ident() != self._thread:
            self.faults.append(f"{api.kind}.{method} called from another thread")
        if self.is_modal:
            return False if method.startswith(SETTERS) else None
        found = getattr(api, method, None)
        if found is None or api.is_hollow:
            return None
        try:
            answer = found(*[opened(argument) for argument in arguments])
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            # Resolve says nothing about wrong arguments.
            self.faults.append(f"{api.kind}.{method}{arguments!r}: {error!r}")
            return None
        if method.startswith(SETTERS) or method.endswith("Take") or "Take" in method:
            self.on_change()
        return handed_out(self, answer)


class Proxy:
    """One handle. Two handles to one thing are different objects."""

    def __init__(self, switchboard: Switchboard, api: Api) -> None:
        object.__setattr__(self, "_switchboard", switchboard)
        object.__setattr__(self, "_api", api)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        api, switchboard = self._api, self._switchboard
        if name in getattr(api, "constants", {}):
            return api.constants[name]
        if api.is_dead or name not in methods_of(api.kind, switchboard.version):
            return None
        return lambda *arguments: switchboard.call(api, name, arguments)

    def __dir__(self) -> list[str]:
        constants = sorted(getattr(self._api, "constants", {}))
        return methods_of(self._api.kind, self._switchboard.version) + constants


def handed_out(switchboard: Switchboard, value: Any) -> Any:
    """A value with fresh handles in place of the things themselves."""
    if isinstance(value, Api):
        return Proxy(switchboard, value)
    if isinstance(value, list):
        return [handed_out(switchboard, one) for one in value]
    if isinstance(value, dict):
        return {key: handed_out(switchboard, one) for key, one in value.items()}
    return value


def opened(value: Any) -> Any:
    """A value with the things themselves in place of handles."""
    if isinstance(value, Proxy):
        return value._api
    if isinstance(value, list):
        return [opened(one) for one in value]
    if isinstance(value, dict):
        return {key: opened(one) for key, one in value.items()}
    return value
