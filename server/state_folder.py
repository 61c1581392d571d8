"""The folder that holds what a server must not lose: one server each, and a note of where it is."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from server.errors import StateFolderBusyError, StateFolderError

LOCK_NAME = "server.lock"
NOTE_NAME = "server.json"
LOOPBACK = "127.0.0.1"
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where a server listens: in clear text, beside TLS on this machine only; None without TLS."""

    plain: int
    tls: int | None = None


@contextmanager
def held_state_folder(folder: Path) -> Iterator[None]:
    """Keeps the folder, made when missing, for this process alone.

    Raises:
        StateFolderBusyError: another server holds it.
        StateFolderError: it cannot be written.
    """
    lock = FileLock(folder / LOCK_NAME)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise StateFolderBusyError(
            f"another Via server uses {folder} ({_other_server(folder)}); use that one, or choose "
            "another folder with --state-folder"
        ) from error
    except OSError as error:
        raise StateFolderError(
            f"{folder} cannot be used ({error.strerror}); choose another with --state-folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def server_note(folder: Path, *, host: str, ports: Ports) -> Iterator[dict[str, object]]:
    """Writes `server.json`, by which clients on this machine find the server; gives its content."""
    content: dict[str, object] = {
        "address": local_address(host if ports.tls is None else LOOPBACK, ports.plain),
        "tls_port": ports.tls,
        "process_id": os.getpid(),
        "started": time.time(),
    }
    note = folder / NOTE_NAME
    partial = folder / f"{NOTE_NAME}.partial"
    partial.write_text(json.dumps(content), encoding="utf-8")
    partial.replace(note)
    try:
        yield content
    finally:
        note.unlink(missing_ok=True)


def local_address(host: str, port: int) -> str:
    """The address by which callers on this machine reach a server that listens on `host`."""
    reachable = ANY_ADDRESS.get(host, host)
    return f"[{reachable}]:{port}" if ":" in reachable else f"{reachable}:{port}"


def _other_server(folder: Path) -> str:
    try:
        content = json.loads((folder / NOTE_NAME).read_text(encoding="utf-8"))
        return f"{content['address']}, process {content['process_id']}"
    except (OSError, ValueError, KeyError):
        return "it is just starting or stopping"
