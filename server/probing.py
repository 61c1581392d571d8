"""Looks into media files in a process of its own: a hostile file can take down only that."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

from server.child import ChildEndedError, ChildProcess, Inbox
from via_engine.edit_types import MediaInfo
from via_engine.errors import MediaError, MediaUnreadableError


def run_prober(connection: Connection) -> None:
    """Answers every path with its MediaInfo or a MediaError, until the server is gone."""
    inbox = Inbox(connection, lambda _: False)
    # Loaded here, in the process that opens the files.
    from via_engine.picture.probe import probe_media  # noqa: PLC0415

    while isinstance(path := inbox.next_message(), Path):
        try:
            connection.send(probe_media(path))
        except MediaError as error:
            connection.send(error)
        except Exception as error:  # libraries of codecs raise whatever they like
            connection.send(MediaUnreadableError(f"{path} cannot be read as video: {error!r}"))


class MediaProber:
    """Probes one file at a time, each within `timeout_s` seconds."""

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prober")
        self._process: ChildProcess | None = None

    def start(self) -> None:
        """Starts the process, so that the first file need not wait for it."""
        self._started()

    async def probe(self, path: Path) -> MediaInfo:
        """What the file holds.

        Raises:
            MediaError: the file is missing, no video, damaged, or took too long.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._probe, path)

    def close(self) -> None:
        """Ends the process."""
        self._thread.shutdown(cancel_futures=True)
        if self._process is not None:
            self._process.stop()

    def _probe(self, path: Path) -> MediaInfo:
        process = self._started()
        try:
            process.send(path)
            found = process.receive(self._timeout_s)
        except ChildEndedError as error:
            raise MediaUnreadableError(
                f"{path} brought down the process that reads media ({error}); the file is "
                "damaged or hostile, write it anew with a known program"
            ) from error
        if isinstance(found, MediaInfo):
            return found
        if isinstance(found, MediaError):
            raise found
        process.kill()
        raise MediaUnreadableError(
            f"{path} did not show what it holds within {self._timeout_s:g} seconds; copy it to a "
            "faster disk, or write it anew if it is damaged"
        )

    def _started(self) -> ChildProcess:
        if self._process is None or not self._process.is_alive:
            self._process = ChildProcess(run_prober, name="via-prober")
        return self._process
