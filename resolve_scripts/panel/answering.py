"""How the page's questions are answered: values in, JSON or a problem out."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from resolve_scripts.errors import UsageError, ViaClientError
from resolve_scripts.panel.panel import Panel
from resolve_scripts.panel.problems import problem_of

Values = dict[str, Any]
Work = Callable[[Panel, Request, Values], Any]

MAX_JSON_BYTES = 1 << 20
LOOK_EVERY_S = 0.25


def answering(panel: Panel, work: Work) -> Callable[[Request], Any]:
    """The handler that does `work` on a thread and answers with what it gives."""

    async def answer(request: Request) -> Response:
        try:
            values = await _body(request) if request.method == "POST" else {}
            async with _told_when_left(request):
                found = await run_in_threadpool(work, panel, request, values)
        except ViaClientError as error:
            return refused(error)
        return found if isinstance(found, Response) else JSONResponse(found)

    return answer


def refused(error: ViaClientError, status: int = 409) -> Response:
    """An error as the page reads it."""
    return JSONResponse({"problem": asdict(problem_of(error))}, status)


def text(values: Values, name: str, default: str | None = None) -> str:
    """A text the page sent.

    Raises:
        UsageError: it sent something else.
    """
    value = values.get(name, default)
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a text", reason="REQUEST_INVALID")
    return value


def number(request: Request, name: str) -> int:
    """A whole number of the address.

    Raises:
        UsageError: it is none.
    """
    digits = request.query_params.get(name, "")
    if not re.fullmatch(r"\d{1,9}", digits):
        raise UsageError(f"{name} must be a whole number from 0", reason="REQUEST_INVALID")
    return int(digits)


@asynccontextmanager
async def _told_when_left(request: Request) -> AsyncIterator[None]:
    """Sets `request.state.left` when the page stops waiting for the answer."""
    left = request.state.left = threading.Event()

    async def watch() -> None:
        while not await request.is_disconnected():
            await asyncio.sleep(LOOK_EVERY_S)
        left.set()

    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()


async def _body(request: Request) -> Values:
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > MAX_JSON_BYTES:
            raise UsageError("more was sent than an edit can be", reason="REQUEST_TOO_LARGE")
    try:
        values = json.loads(data or b"{}")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the request is no JSON ({error})", reason="REQUEST_INVALID") from error
    if not isinstance(values, dict):
        raise UsageError("the request is no JSON object", reason="REQUEST_INVALID")
    return values
