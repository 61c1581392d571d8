"""Which server: the one that is named, else the one running here, else one started for now."""

from __future__ import annotations

import ipaddress
import json
import queue
import subprocess
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from resolve_scripts.client import OPEN_STATES, TLS, ViaClient
from resolve_scripts.errors import ServerStartError, ServerUnreachableError, ViaClientError
from resolve_scripts.parts import part_command

START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 45.0
IDLE_EXIT_S = 600.0
ALIVE_DEADLINE_S = 3.0
LOG_LINES_SHOWN = 8

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ServerChoice:
    """How to find a server.

    Attributes:
        address: the server that was named; None to look on this machine.
        state_folder: where a server on this machine keeps its jobs and says that it runs.
        token: bearer token, when the server asks for one.
        trusted: PEM of the certificates to trust with TLS; None trusts the usual ones.
    """

    address: str | None
    state_folder: Path
    token: str | None = None
    trusted: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A server to talk to, for the length of one command.

    Attributes:
        client: the connected client.
        shares_disk: whether the server runs on this machine and sees the same files.
    """

    client: ViaClient
    shares_disk: bool


@contextmanager
def connect(
    choice: ServerChoice, say: Say, *, media_folders: Collection[Path] = ()
) -> Iterator[Connection]:
    """The server to use; one that had to be started is stopped at the end, unless others use it.

    Args:
        choice: how to find it.
        say: takes a sentence for the person.
        media_folders: folders whose media a server started here shall accept, so that it reads
            them in place; a server that runs already may be sent the media instead.

    Raises:
        ServerUnreachableError: the named server does not answer, or none could be started.
    """
    if choice.address:
        with ViaClient(choice.address, token=choice.token, trusted=choice.trusted) as client:
            client.server_info()
            yield Connection(client=client, shares_disk=is_loopback(choice.address))
        return
    address, process = running_server(choice), None
    if address is None:
        say("no Via server runs on this machine; starting one for the duration")
        address, process = _started_server(choice, media_folders)
    with ViaClient(address, token=choice.token) as client:
        try:
            yield Connection(client=client, shares_disk=True)
        finally:
            if process is not None:
                _leave(client, process, say)


def is_loopback(address: str) -> bool:
    """Whether an address names this machine."""
    if address.startswith("unix:"):
        return True
    host = address.removeprefix(TLS).removeprefix("dns:///").rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def running_server(choice: ServerChoice) -> str | None:
    """Address of the server that runs on this machine, when it says so and answers."""
    try:
        written = json.loads((choice.state_folder / "server.json").read_text(encoding="utf-8"))
        address, process_id = str(written["address"]), int(written["process_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not psutil.pid_exists(process_id):
        return None
    try:
        with ViaClient(address, token=choice.token) as client:
            info = client.server_info(deadline_s=ALIVE_DEADLINE_S)
    except ServerUnreachableError:
        return None
    return address if info.process_id == process_id else None


def _started_server(
    choice: ServerChoice, media_folders: Collection[Path]
) -> tuple[str, subprocess.Popen[str] | None]:
    """Address of a server, and its process when it is ours and not one another command started."""
    arguments = ["--listen", "127.0.0.1:0", "--state-folder", str(choice.state_folder)]
    # Left behind by Ctrl-C, it works its jobs off and then goes.
    arguments += ["--idle-exit", f"{IDLE_EXIT_S:g}"]
    folders = [Path.home(), *sorted(media_folders)]
    for number, folder in enumerate(folders):
        arguments += ["--media-root", f"{f'media{number}' if number else 'home'}={folder}"]
    command = part_command("server", arguments)
    choice.state_folder.mkdir(parents=True, exist_ok=True)
    log_path = choice.state_folder / "server.log"
    with log_path.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # Ctrl-C in this terminal is not meant for the server
        )
    address = _address_said(process)
    if address is not None:
        return address, process
    process.kill()
    process.wait()
    # Two commands may start a server at the same moment; the folder lets only one of them live.
    other = running_server(choice)
    if other is not None:
        return other, None
    raise ServerStartError(
        f"the Via server did not start (exit {process.returncode}); its last words in "
        f"{log_path}:\n{_last_lines(log_path)}"
    )


def _address_said(process: subprocess.Popen[str]) -> str | None:
    """Address in the one line a server prints when it is ready; None when that never comes."""
    lines: queue.Queue[str] = queue.Queue()
    stdout = process.stdout
    if stdout is None:
        return None
    threading.Thread(target=lambda: lines.put(stdout.readline()), daemon=True).start()
    try:
        return str(json.loads(lines.get(timeout=START_DEADLINE_S))["address"])
    except (queue.Empty, ValueError, KeyError, TypeError):
        return None


def _last_lines(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-LOG_LINES_SHOWN:])


def _leave(client: ViaClient, process: subprocess.Popen[str], say: Say) -> None:
    """Stops the server we started, unless it still has work."""
    if _has_work(client):
        say(f"the server at {client.address} goes on with its jobs (process {process.pid})")
        return
    process.terminate()
    try:
        process.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        say(f"the server (process {process.pid}) did not stop in {STOP_DEADLINE_S:g} s; ended it")
        process.kill()
        process.wait()


def _has_work(client: ViaClient) -> bool:
    """Whether jobs wait or run: those left by Ctrl-C, or those of other commands."""
    try:
        return any(True for _ in client.list_jobs(OPEN_STATES))
    except ViaClientError:
        return False
