"""Who may talk to the page's server: this machine's browser, with the link that was opened.

Any web page may send requests to 127.0.0.1, and a name of its own may be made to point there. So
every request must name this server as its host, changes must come from this page's origin, and all
of them must carry a cookie that the one-time link was exchanged for.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_METHODS = {"GET", "HEAD"}
KEY = "key"
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}

Refusal = Literal["host", "origin", "key"]


@dataclass
class Keys:
    """The one-time key of the link, and what the browser has after it was used."""

    port: int
    link_key: str | None = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def link(self) -> str:
        """The address to open; it works once."""
        return f"http://127.0.0.1:{self.port}/?{KEY}={self.link_key}"

    @property
    def cookie_name(self) -> str:
        """Cookies know no ports: two panels on one machine must not share one."""
        return f"via_panel_{self.port}"

    def new_link(self) -> str:
        """A further link, for a further window."""
        self.link_key = secrets.token_urlsafe(32)
        return self.link

    def exchange(self, key: str) -> bool:
        """Whether the key is the link's; it is used up then."""
        if self.link_key is None or not _same(key, self.link_key):
            return False
        self.link_key = None
        return True

    def refusal(self, request: Request) -> Refusal | None:
        """Why a request is not answered; None when it is."""
        hosts = {f"{host}:{self.port}" for host in ("127.0.0.1", "localhost", "[::1]")}
        host = request.headers.get("host", "").lower()
        if host not in hosts:
            return "host"
        if request.method not in SAFE_METHODS and not _is_own(request.headers, host):
            return "origin"
        if request.url.path.startswith("/static/"):
            return None  # no secret, and the page that refuses wants its style
        cookie = request.cookies.get(self.cookie_name, "")
        return None if _same(cookie, self.session) else "key"


class Guard:
    """Lets requests of the page through; `refuse` makes the answer to the others."""

    def __init__(
        self, app: ASGIApp, *, keys: Keys, refuse: Callable[[Request, Refusal], Response]
    ) -> None:
        self._app = app
        self._keys = keys
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or hands it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refused = self._keys.refusal(request)
        answer: ASGIApp = self._app
        if refused != "host" and KEY in request.query_params and request.url.path == "/":
            answer = self._opened(request)
        elif refused is not None:
            answer = self._refuse(request, refused)
        await answer(scope, receive, _with_headers(send))

    def _opened(self, request: Request) -> Response:
        if not self._keys.exchange(request.query_params[KEY]):
            return self._refuse(request, "key")
        # The key goes out of the address bar and the history's reach.
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(
            self._keys.cookie_name, self._keys.session, httponly=True, samesite="strict", path="/"
        )
        return response


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _is_own(headers: Headers, host: str) -> bool:
    """Whether a change was sent by this very page."""
    return headers.get("origin", "").lower() == f"http://{host}"


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
