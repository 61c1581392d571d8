"""Reads finished clips and adapters in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from server.errors import ArgumentError, JobStateError, OffsetError, ResultMissingError
from server.jobs import Job, ResultPart

PIECE_BYTES = 1 << 20


async def read_result(
    job: Job, part: ResultPart, *, offset_bytes: int, limit_bytes: int
) -> AsyncGenerator[bytes]:
    """The part from `offset_bytes` on, at most `limit_bytes` of it (0: all), 1 MiB at a time.

    Raises:
        JobStateError: the job has no such part, or not yet.
        ArgumentError, OffsetError: the piece asked for does not exist.
        ResultMissingError: the file is gone.
    """
    path, size_bytes = result_file(job, part)
    if limit_bytes < 0:
        raise ArgumentError(f"{limit_bytes} is negative; 0 reads to the end", field="limit_bytes")
    if not 0 <= offset_bytes <= size_bytes:
        raise OffsetError(
            f"reading cannot start at byte {offset_bytes}; the {part.value} has {size_bytes} bytes",
            metadata={"offset_bytes": str(offset_bytes), "size_bytes": str(size_bytes)},
        )
    end = min(size_bytes, offset_bytes + limit_bytes) if limit_bytes else size_bytes
    with path.open("rb") as file:
        file.seek(offset_bytes)
        while piece := await asyncio.to_thread(file.read, min(PIECE_BYTES, end - file.tell())):
            yield piece


def result_file(job: Job, part: ResultPart) -> tuple[Path, int]:
    """Where the part lies, and its size in bytes.

    Raises:
        JobStateError: the job has no such part, or not yet.
        ResultMissingError: the file is gone.
    """
    path, size_bytes = _clip_file(job) if part is ResultPart.CLIP else _adapter_file(job)
    if not path.is_file() or path.stat().st_size != size_bytes:
        raise ResultMissingError(
            f"the {part.value} of {job.name} is no longer on the server's disk; submit the edit "
            "again",
            metadata={"job": job.name},
        )
    return path, size_bytes


def _clip_file(job: Job) -> tuple[Path, int]:
    if job.result is None:
        raise JobStateError(
            f"{job.name} is {job.state.value} and has no result; watch it until it SUCCEEDED",
            metadata={"job": job.name, "state": job.state.value},
        )
    return job.result.path, job.result.size_bytes


def _adapter_file(job: Job) -> tuple[Path, int]:
    if job.adapter is None:
        raise JobStateError(
            f"{job.name} has no adapter; it has one once the stage ADAPT is over, when the edit "
            "was asked for with adaptation",
            metadata={"job": job.name, "state": job.state.value},
        )
    return job.adapter.path, job.adapter.size_bytes
