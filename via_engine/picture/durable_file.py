"""Files that are either complete and on the disk, or not there at all."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from via_engine.errors import DiskFullError, OutputError

# A limit on file size or quota is met in the same way as a full disk: by making room.
DISK_FULL_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def durable_file(target: Path) -> Iterator[Path]:
    """Gives a path to write to; when the body succeeds, that file is made durable as `target`.

    The body writes `<target>.partial`. It is flushed, renamed, and the rename is flushed, in this
    order, so that whoever finds `target` finds all of it. When the body fails nothing is left.

    Raises:
        OutputError: the folder cannot be written.
        DiskFullError: no space is left.
    """
    partial = target.with_name(target.name + ".partial")
    with output_errors(target):
        # A killed run may have left one; its bytes are worth nothing.
        partial.unlink(missing_ok=True)
    try:
        yield partial
        with output_errors(target):
            flush(partial)
            partial.replace(target)
            flush(target.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def output_errors(target: Path) -> Iterator[None]:
    """Translates what FFmpeg or the system says about writing `target`."""
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        if error.errno in DISK_FULL_NUMBERS:
            raise DiskFullError(
                f"no space is left to write {target}; free some space and retry, finished chunks "
                "are kept"
            ) from error
        raise OutputError(
            f"{target} cannot be written ({error.strerror}); check that the folder exists and "
            "may be written"
        ) from error


def sha256_of(path: Path) -> str:
    """SHA-256 of the file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush(path: Path) -> None:
    """Returns once the file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
