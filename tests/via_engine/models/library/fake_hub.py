"""A small server that speaks the part of the model hub's protocol that fetching needs."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(kw_only=True)
class FakeHub:
    """Repositories by name, each with its files, all at one commit.

    `cut_after_bytes` ends the answer to the next download early, once.
    """

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    address: str = ""
    requests: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    cut_after_bytes: int | None = None

    def info(self, repository: str) -> bytes:
        siblings = [
            {
                "rfilename": name,
                "size": len(content),
                "lfs": {
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "size": len(content),
                    "pointerSize": 100,
                },
            }
            for name, content in self.repositories[repository].items()
        ]
        return json.dumps({"id": repository, "sha": COMMIT, "siblings": siblings}).encode()


@contextmanager
def running_hub() -> Iterator[FakeHub]:
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            path = unquote(urlsplit(self.path).path).strip("/")
            hub.requests.append(f"{self.command} /{path}")
            if path.startswith("api/models/"):
                repository = "/".join(path.split("/")[2:4])
                found = hub.info(repository) if repository in hub.repositories else None
                self._send(found, {"content-type": "application/json"}, with_body=with_body)
                return
            repository, _, rest = path.partition("/resolve/")
            name = rest.partition("/")[2]
            content = hub.repositories.get(repository, {}).get(name)
            etag = hashlib.sha256(content or b"").hexdigest()
            self._send(content, {"etag": f'"{etag}"', "x-repo-commit": COMMIT}, with_body=with_body)

        def _send(self, content: bytes | None, headers: dict[str, str], *, with_body: bool) -> None:
            if content is None:
                self.send_response(404)
                self.send_header("x-error-code", "RepoNotFound")
                self.send_header("content-length", "0")
                self.end_headers()
                return
            start, asked = 0, self.headers.get("range")
            if asked and with_body:
                hub.ranges.append(asked)
                start = int(asked.removeprefix("bytes=").partition("-")[0])
            self.send_response(206 if start else 200)
            rest = content[start:]
            for key, value in {**headers, "content-length": str(len(rest))}.items():
                self.send_header(key, value)
            if start:
                span = f"{start}-{len(content) - 1}/{len(content)}"
                self.send_header("content-range", f"bytes {span}")
            self.end_headers()
            if not with_body:
                return
            if hub.cut_after_bytes is not None and "etag" in headers:
                rest, hub.cut_after_bytes = rest[: hub.cut_after_bytes], None
                self.close_connection = True
            self.wfile.write(rest)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Nothing on the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        hub.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
