"""Whether weight files are still those that were recorded: sizes, times and SHA-256. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from via_engine.errors import ModelIntegrityError
from via_engine.starter.bundle import sha256_of

# Left by downloads and by this library; no part of a model.
_NOT_RECORDED = (".cache", ".git")


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """A file as it was recorded; `modified_ns` is when it had last been written, 0 if unknown."""

    size_bytes: int
    sha256: str
    modified_ns: int = 0


def record_of(path: Path) -> FileRecord:
    """Reads the whole file.

    Raises:
        ModelIntegrityError: it cannot be read.
    """
    try:
        stat = path.stat()
        digest = sha256_of(path)
    except OSError as error:
        raise ModelIntegrityError(f"{path} cannot be read: {error}; add the model anew") from error
    return FileRecord(size_bytes=stat.st_size, sha256=digest, modified_ns=stat.st_mtime_ns)


def record_folder(content: Path) -> dict[str, FileRecord]:
    """Every file of a model by its path inside it; of a model in one file, that file by name."""
    return {name: record_of(path) for name, path in model_files(content)}


def model_files(content: Path) -> Iterator[tuple[str, Path]]:
    """The files of a model, each with its path inside it."""
    if content.is_file():
        yield content.name, content
        return
    for path in sorted(content.rglob("*")):
        inside = path.relative_to(content)
        if path.is_file() and inside.parts[0] not in _NOT_RECORDED:
            yield inside.as_posix(), path


def check_file(path: Path, recorded: FileRecord, *, remedy: str, thorough: bool = False) -> None:
    """Refuses a file that is not the recorded one.

    A file of the same size that was not written since is believed; `thorough` reads all of it.

    Raises:
        ModelIntegrityError: it is missing or another; the message has both hashes.
    """
    if not path.is_file():
        raise ModelIntegrityError(
            f"weight file {path} is missing; expected SHA-256 {recorded.sha256}. {remedy}"
        )
    stat = path.stat()
    is_untouched = (stat.st_size, stat.st_mtime_ns) == (recorded.size_bytes, recorded.modified_ns)
    if is_untouched and not thorough:
        return
    found = sha256_of(path)
    if found != recorded.sha256:
        raise ModelIntegrityError(
            f"weight file {path} is altered or cut short ({stat.st_size} bytes, "
            f"{recorded.size_bytes} recorded); expected SHA-256 {recorded.sha256}, found {found}. "
            f"{remedy}"
        )
