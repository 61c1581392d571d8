"""The page's server as an application: pages, questions, events, and the guard before them."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from resolve_scripts.panel.api import routes
from resolve_scripts.panel.events import event_stream
from resolve_scripts.panel.guard import Guard, Keys
from resolve_scripts.panel.pages import HERE, Pages
from resolve_scripts.panel.panel import Panel


def make_app(
    panel: Panel, keys: Keys, *, is_ending: Callable[[], bool], end: Callable[[], None]
) -> Starlette:
    """The application.

    Args:
        panel: what it serves.
        keys: who is let in.
        is_ending: whether the panel is on its way down.
        end: brings it down.
    """
    pages = Pages()

    async def close(_request: Request) -> Response:
        return JSONResponse({}, background=BackgroundTask(end))

    return Starlette(
        routes=[
            Route("/", pages.panel),
            Route("/api/events", event_stream(panel, is_ending)),
            Route("/api/close", close, methods=["POST"]),
            *routes(panel),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(Guard, keys=keys, refuse=pages.refuse)],
    )
