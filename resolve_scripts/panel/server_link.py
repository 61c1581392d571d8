"""The server the panel works with: the one named, or this machine's, or one it is told to start."""

from __future__ import annotations

import threading
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from via.v1 import model_service_pb2

from resolve_scripts.client import ViaClient
from resolve_scripts.connect import Connection, Say, ServerChoice, connect, running_server
from resolve_scripts.errors import ServerUnreachableError, ViaClientError
from resolve_scripts.transfer import MediaDesk

NO_SERVER = "no Via server is running"


class ServerLink:
    """At most one connection; looked for again after it was lost, started only when asked.

    Args:
        choice: how to find the server.
        say: takes sentences for people who read the log.
    """

    def __init__(self, choice: ServerChoice, say: Say) -> None:
        self.choice = choice
        self._say = say
        self._lock = threading.RLock()
        self._stack = ExitStack()
        self._connection: Connection | None = None
        self._desk: MediaDesk | None = None
        self._models: tuple[model_service_pb2.Model, ...] = ()
        self.trouble: ViaClientError | None = ServerUnreachableError(NO_SERVER)

    @property
    def client(self) -> ViaClient:
        """The connected client.

        Raises:
            ViaClientError: there is none; why.
        """
        connection = self._connection
        if connection is None:
            raise self.trouble or ServerUnreachableError(NO_SERVER)
        return connection.client

    @property
    def is_connected(self) -> bool:
        """Whether a server answered when it was last asked."""
        return self._connection is not None

    @property
    def can_start(self) -> bool:
        """Whether a server could be started here; not when another one was named."""
        return self.choice.address is None

    @property
    def models(self) -> tuple[model_service_pb2.Model, ...]:
        """The server's models, the default first; none without a server."""
        return self._models if self.is_connected else ()

    @property
    def desk(self) -> MediaDesk:
        """Names media files to the server."""
        client = self.client
        with self._lock:
            if self._desk is None:
                connection = self._connection
                shares_disk = connection is not None and connection.shares_disk
                self._desk = MediaDesk(client, shares_disk=shares_disk)
            return self._desk

    def look(self) -> bool:
        """Connects to a server that runs, if there is one; whether there is."""
        with self._lock:
            if self.is_connected:
                return True
            address = self.choice.address or running_server(self.choice)
            if address is None:
                self.trouble = ServerUnreachableError(NO_SERVER)
                return False
            try:
                self._use(replace(self.choice, address=address), ())
            except ViaClientError as error:
                self.trouble = error
            return self.is_connected

    def start(self, media_folders: Collection[Path]) -> None:
        """Starts a server on this machine that reads media in these folders; uses a running one.

        Raises:
            ServerUnreachableError: it did not start.
        """
        with self._lock:
            if not self.look():
                self._use(self.choice, media_folders)

    def lose(self, error: ViaClientError) -> None:
        """Takes note that the server does not answer any more."""
        self.trouble = error
        self.close()

    def close(self) -> None:
        """Leaves the server; one that was started here and has no work is stopped."""
        with self._lock:
            self._connection = self._desk = None
            self._stack.close()

    def _use(self, choice: ServerChoice, media_folders: Collection[Path]) -> None:
        connection = self._stack.enter_context(
            connect(choice, self._say, media_folders=media_folders)
        )
        self._models = tuple(connection.client.list_models())
        self._connection, self.trouble = connection, None
