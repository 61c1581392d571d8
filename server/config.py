"""Settings of the server, resolved; `cli.py` reads flags and environment."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from via_engine.config import EngineConfig


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """How the server runs on this machine.

    Attributes:
        listen_host: name or address to listen on, without brackets.
        listen_port: TCP port; 0 lets the system choose one.
        state_folder: jobs, uploads, the ledger and `server.json`; made when missing.
        media_roots: id and folder of every tree in which media is accepted.
        token: what callers must carry as a bearer token; None admits every local caller.
        tls: PEM of the certificate chain and of its private key; None speaks clear text.
        is_clear_text_allowed: whether other machines may call in clear text.
        max_queued_jobs: jobs that may wait; one more is refused.
        max_upload_bytes: largest media file taken by UploadMedia.
        idle_exit_s: ends the server after so many seconds without jobs and calls; None never.
        grace_period_s: time for the running batch and open calls at shutdown.
        heartbeat_s: longest silence of a WatchJob stream.
        probe_timeout_s: time a media file has to show what it holds.
        engine: settings of the engine in the worker process.
        editor_factory: "module:attribute" of what makes the worker's editor from `engine`.
    """

    listen_host: str = "127.0.0.1"
    listen_port: int = 0
    state_folder: Path
    media_roots: tuple[tuple[str, Path], ...] = ()
    token: str | None = field(default=None, repr=False)
    tls: tuple[bytes, bytes] | None = field(default=None, repr=False)
    is_clear_text_allowed: bool = False
    max_queued_jobs: int = 64
    max_upload_bytes: int = 64 << 30
    idle_exit_s: float | None = None
    grace_period_s: float = 30.0
    heartbeat_s: float = 10.0
    probe_timeout_s: float = 120.0
    engine: EngineConfig = field(default_factory=EngineConfig)
    editor_factory: str = "via_engine.editor:VideoEditor"

    @property
    def is_loopback(self) -> bool:
        """Whether only callers on this machine can reach the server."""
        if self.listen_host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.listen_host).is_loopback
        except ValueError:
            return False

    @property
    def jobs_folder(self) -> Path:
        """One folder per job, named by its id."""
        return self.state_folder / "jobs"

    @property
    def uploads_folder(self) -> Path:
        """One folder per upload, named by its id."""
        return self.state_folder / "uploads"
