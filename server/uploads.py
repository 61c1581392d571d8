"""Media files sent by callers that share no disk with this machine."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from server.errors import ArgumentError, UploadTooLargeError
from via_engine.errors import DiskFullError
from via_engine.picture.durable_file import DISK_FULL_NUMBERS, flush

MAX_PIECE_BYTES = 1 << 20
MAX_NAME_BYTES = 200
KEPT_S = 24 * 3600
PARTIAL_SUFFIX = ".partial"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What arrived: the id to name it by, its size, the SHA-256 of its bytes in hex."""

    upload_id: str
    size_bytes: int
    sha256: str


class Uploads:
    """The folder of uploads, one folder each, named by its id and holding what was sent."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    async def receive(self, parts: AsyncIterator[str | bytes]) -> Receipt:
        """Stores files; they are durable when this returns.

        Args:
            parts: the name of a file, then its bytes in pieces; then, perhaps, the next name.

        Raises:
            ArgumentError: a name is more than a name or comes twice, or a piece is too large.
            UploadTooLargeError: more bytes came than this server takes.
            DiskFullError: no space is left.
        """
        # The folder gets its final name once all is there.
        partial = self._folder / f"{secrets.token_hex(16)}{PARTIAL_SUFFIX}"
        try:
            partial.mkdir(parents=True)
            written = await self._write(partial, parts)
            upload_id = self._publish(partial, "\n".join(written.contents))
        except OSError as error:
            if error.errno not in DISK_FULL_NUMBERS:
                raise
            raise DiskFullError(f"no space is left for uploads in {self._folder}") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return Receipt(
            upload_id=upload_id, size_bytes=written.size_bytes, sha256=written.digest.hexdigest()
        )

    def clean(self, *, used: Collection[str]) -> None:
        """Removes halves of uploads, and day-old ones that no job in `used` names."""
        self._folder.mkdir(parents=True, exist_ok=True)
        oldest_s = time.time() - KEPT_S
        for folder in self._folder.iterdir():
            is_unused = folder.name not in used and folder.stat().st_mtime < oldest_s
            if is_unused or folder.name.endswith(PARTIAL_SUFFIX):
                shutil.rmtree(folder, ignore_errors=True)

    def _publish(self, partial: Path, content: str) -> str:
        """Makes an upload known. The same file sent again is the same upload, and keeps its path:
        what was computed for it stays valid.
        """
        upload_id = hashlib.sha256(content.encode()).hexdigest()[:32]
        folder = self._folder / upload_id
        if folder.is_dir():
            os.utime(folder)
        else:
            flush(partial)
            partial.rename(folder)
            flush(self._folder)
        return upload_id

    async def _write(self, folder: Path, parts: AsyncIterator[str | bytes]) -> _Written:
        written = _Written(folder)
        try:
            async for part in parts:
                if isinstance(part, str):
                    await asyncio.to_thread(written.begin, part)
                    continue
                self._check_size(len(part), written.size_bytes + len(part))
                await asyncio.to_thread(written.add, part)
            await asyncio.to_thread(written.end)
        finally:
            written.close()
        if not written.contents:
            raise ArgumentError("nothing was sent", field="file_name")
        return written

    def _check_size(self, piece_bytes: int, size_bytes: int) -> None:
        if piece_bytes > MAX_PIECE_BYTES:
            raise ArgumentError(
                f"{piece_bytes} bytes in one message; send at most {MAX_PIECE_BYTES}", field="data"
            )
        if size_bytes > self._max_bytes:
            raise UploadTooLargeError(
                f"the upload holds more than the {self._max_bytes} bytes this server takes; send a "
                "shorter clip, or put the file below one of its media roots",
                metadata={"limit_bytes": str(self._max_bytes)},
            )


class _Written:
    """Files that are being written to a folder, one after another.

    Attributes:
        size_bytes, digest: of all bytes so far, in order.
        contents: SHA-256 and name of each finished file.
    """

    def __init__(self, folder: Path) -> None:
        self.size_bytes = 0
        self.digest = hashlib.sha256()
        self.contents: list[str] = []
        self._folder = folder
        self._file: BinaryIO | None = None
        self._file_digest = hashlib.sha256()

    def begin(self, file_name: str) -> None:
        """Ends the file before and begins the next one."""
        check_file_name(file_name)
        self.end()
        path = self._folder / file_name
        if path.exists():
            raise ArgumentError(f"{file_name!r} was sent twice", field="file_name")
        self._file = path.open("wb")
        self._file_digest = hashlib.sha256()

    def add(self, piece: bytes) -> None:
        """Adds bytes to the file begun last."""
        if self._file is None:
            raise ArgumentError("the first message carries the name of the file", field="file_name")
        self._file.write(piece)
        for digest in (self.digest, self._file_digest):
            digest.update(piece)
        self.size_bytes += len(piece)

    def end(self) -> None:
        """Makes the file begun last durable."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self.contents.append(f"{self._file_digest.hexdigest()}/{Path(self._file.name).name}")
        self.close()

    def close(self) -> None:
        """Lets go of the file; safe to repeat."""
        if self._file is not None:
            self._file.close()
            self._file = None


def check_file_name(file_name: str) -> None:
    """Refuses what is not the plain name of one visible file.

    Raises:
        ArgumentError: the name holds a folder, control characters, or is too long.
    """
    is_plain = PurePosixPath(file_name).name == file_name and "\\" not in file_name
    is_visible = file_name.isprintable() and not file_name.startswith(".")
    if not (is_plain and is_visible and 0 < len(file_name.encode()) <= MAX_NAME_BYTES):
        raise ArgumentError(
            f"{file_name!r} is no plain file name; send the name without its folders, at most "
            f"{MAX_NAME_BYTES} bytes long",
            field="file_name",
        )
