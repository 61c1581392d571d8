"""What changes by itself, sent to the page as it changes (server-sent events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from resolve_scripts.panel.panel import Panel

LOOK_EVERY_S = 0.25
ALIVE_EVERY_S = 10.0


def event_stream(
    panel: Panel, is_ending: Callable[[], bool]
) -> Callable[[Request], Awaitable[StreamingResponse]]:
    """The address a page listens at; streams end when the panel does."""

    async def changes() -> AsyncIterator[str]:
        told, silent_s = "", 0.0
        while True:
            now = json.dumps(await run_in_threadpool(panel.snapshot))
            if now != told:
                told, silent_s = now, 0.0
                yield f"data: {now}\n\n"
            elif silent_s >= ALIVE_EVERY_S:
                silent_s = 0.0
                yield ": alive\n\n"
            if is_ending():
                return
            await asyncio.sleep(LOOK_EVERY_S)
            silent_s += LOOK_EVERY_S

    async def stream(_request: Request) -> StreamingResponse:
        return StreamingResponse(changes(), media_type="text/event-stream")

    return stream
