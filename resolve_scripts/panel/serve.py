"""Runs the panel: its page on this machine only, for as long as Resolve or a person wants it."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn

from resolve_scripts.connect import Say, ServerChoice
from resolve_scripts.errors import ResolveRefusedError, ViaClientError
from resolve_scripts.panel.app import make_app
from resolve_scripts.panel.bridge_link import Bridge, BridgeLink
from resolve_scripts.panel.guard import Keys
from resolve_scripts.panel.panel import Panel, make_panel

LINGER_S = 1.5
SHUTDOWN_S = 2


def run_panel(
    choice: ServerChoice,
    *,
    bridge: BridgeLink | None,
    files: tuple[Path, ...],
    port: int,
    show: Callable[[str], None],
    say: Say,
) -> None:
    """Serves the page until Resolve closes, the page is closed for good, or Ctrl-C.

    Args:
        choice: how to find the server.
        bridge: Resolve; None without it.
        files: media files to offer.
        port: where to listen; 0 takes any.
        show: opens the page's link, which works once.
        say: takes sentences for people who read the log.

    Raises:
        ViaClientError: the port is taken, or a file is missing.
    """
    panel = make_panel(choice, bridge, say)
    if bridge is None:
        panel.offer_files(files)
    used = {edit.material.path for edit in panel.book.all()}
    panel.materials.clean(used, now_s=time.time())
    with _listening(port) as listener:
        keys = Keys(listener.getsockname()[1])
        server = _server(panel, keys)
        panel.keeper.start()
        if bridge is not None:
            _end_with(bridge, server)
        # The socket listens already: a browser that is quick waits a moment.
        threading.Thread(target=show, args=(keys.link,), daemon=True).start()
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            say("the panel has ended; edits go on")
        finally:
            panel.keeper.stop()
            panel.server.close()


def open_in_browser(link: str) -> bool:
    """Whether a browser took the link."""
    with suppress(webbrowser.Error, OSError):
        return webbrowser.open(link)
    return False


def announce(bridge: BridgeLink | None, text: str) -> None:
    """Writes a sentence into Resolve's console, if there is one."""
    if bridge is not None:
        with suppress(ResolveRefusedError):
            bridge.call("say", {"message": text})


def dismiss(bridge: Bridge | None) -> None:
    """Lets the script inside Resolve end."""
    if bridge is not None:
        with suppress(ResolveRefusedError):
            bridge.call("close")


def stdio_bridge() -> BridgeLink:
    """The bridge at the other end of this process's stdin and stdout.

    From now on whatever is printed goes to stderr: stdout carries messages only.
    """
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    lock = threading.Lock()

    def send(line: bytes) -> None:
        with lock:
            rest = memoryview(line)
            while rest:
                rest = rest[out.write(rest) or 0 :]

    return BridgeLink(sys.stdin.buffer, send)


def _server(panel: Panel, keys: Keys) -> uvicorn.Server:
    def end() -> None:
        dismiss(panel.bridge)
        server.should_exit = True

    def is_ending() -> bool:
        return server.should_exit

    config = uvicorn.Config(
        make_app(panel, keys, is_ending=is_ending, end=end),
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    server = uvicorn.Server(config)
    return server


def _end_with(bridge: BridgeLink, server: uvicorn.Server) -> None:
    """Ends the server when the bridge closes, once pages had a moment to be told."""

    def wait() -> None:
        bridge.wait_until_closed()
        threading.Event().wait(LINGER_S)
        server.should_exit = True

    threading.Thread(target=wait, name="bridge-end", daemon=True).start()


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen()
        except OSError as error:
            raise ViaClientError(
                f"the panel cannot listen on 127.0.0.1:{port} ({error.strerror}); choose another "
                "with --port, or let a firewall allow Via local connections",
                reason="PORT_UNUSABLE",
            ) from error
        yield listener
