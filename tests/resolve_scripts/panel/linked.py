"""The panel's parts joined to a fake Resolve in this process, without a page."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from resolve_scripts.connect import ServerChoice
from resolve_scripts.in_resolve.bridge import serve
from resolve_scripts.panel.bridge_link import BridgeLink
from resolve_scripts.panel.panel import Panel, make_panel
from tests.resolve_scripts.fake_resolve.build import FakeResolve, build
from tests.resolve_scripts.fake_resolve.scene import Scene

WAIT_S = 60.0


class PipePartner:
    """The workstation's end as the bridge sees it."""

    def __init__(self, descriptor: int) -> None:
        self._stream = os.fdopen(descriptor, "wb", buffering=0)

    def send(self, line: bytes) -> bool:
        self._stream.write(line)
        return True

    def close(self) -> None:
        self._stream.close()


@contextmanager
def bridged(fake: FakeResolve) -> Iterator[BridgeLink]:
    """A link to a bridge that serves the fake on a thread."""
    (requests_out, requests_in), (answers_out, answers_in) = os.pipe(), os.pipe()
    partner = PipePartner(answers_in)
    sender = os.fdopen(requests_in, "wb", buffering=0)
    stream = os.fdopen(requests_out, "rb")

    def bridge() -> None:
        serve(fake.resolve, stream, partner)
        partner.close()

    thread = threading.Thread(target=bridge)
    thread.start()
    with os.fdopen(answers_out, "rb") as lines:
        link = BridgeLink(lines, lambda line: sender.write(line) and None)
        try:
            yield link
        finally:
            # The end of its requests is the end of the bridge.
            sender.close()
            thread.join(WAIT_S)
            link.wait_until_closed(WAIT_S)
    stream.close()


@contextmanager
def panel_with(scene: Scene, server: str, folder: Path) -> Iterator[tuple[Panel, FakeResolve]]:
    """A panel whose keeper runs, and the fake it works with."""
    fake = build(scene)
    choice = ServerChoice(address=server, state_folder=folder / "via")
    with bridged(fake) as link:
        panel = make_panel(choice, link, lambda text: None)
        panel.keeper.start()
        assert panel.server.look()
        try:
            yield panel, fake
        finally:
            panel.keeper.stop()
            panel.server.close()


def until(condition: Callable[[], bool], what: str) -> None:
    """Waits for what another thread does."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, f"it never happened: {what}"
        threading.Event().wait(0.05)
