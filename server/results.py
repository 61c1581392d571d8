"""Reads finished clips in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from server.errors import ArgumentError, JobStateError, OffsetError, ResultMissingError
from server.jobs import Job

PIECE_BYTES = 1 << 20


async def read_result(job: Job, *, offset_bytes: int, limit_bytes: int) -> AsyncGenerator[bytes]:
    """The clip from `offset_bytes` on, at most `limit_bytes` of it (0: all), 1 MiB at a time.

    Raises:
        JobStateError: the job has no result.
        ArgumentError, OffsetError: the piece asked for does not exist.
        ResultMissingError: the file is gone.
    """
    path, size_bytes = _result_file(job)
    if limit_bytes < 0:
        raise ArgumentError(f"{limit_bytes} is negative; 0 reads to the end", field="limit_bytes")
    if not 0 <= offset_bytes <= size_bytes:
        raise OffsetError(
            f"reading cannot start at byte {offset_bytes}; the result has {size_bytes} bytes",
            metadata={"offset_bytes": str(offset_bytes), "size_bytes": str(size_bytes)},
        )
    end = min(size_bytes, offset_bytes + limit_bytes) if limit_bytes else size_bytes
    with path.open("rb") as file:
        file.seek(offset_bytes)
        while piece := await asyncio.to_thread(file.read, min(PIECE_BYTES, end - file.tell())):
            yield piece


def _result_file(job: Job) -> tuple[Path, int]:
    if job.result is None:
        raise JobStateError(
            f"{job.name} is {job.state.value} and has no result; watch it until it SUCCEEDED",
            metadata={"job": job.name, "state": job.state.value},
        )
    path = job.result.path
    if not path.is_file() or path.stat().st_size != job.result.size_bytes:
        raise ResultMissingError(
            f"the result of {job.name} is no longer on the server's disk; submit the edit again",
            metadata={"job": job.name},
        )
    return path, job.result.size_bytes
