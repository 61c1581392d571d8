"""Where a batch writes: never over what it reads, and each file whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resolve_scripts.batch.request import BatchRequest
from resolve_scripts.errors import OutputError, UsageError


def timelines_to_write(request: BatchRequest) -> list[Path]:
    """OpenTimelineIO's own format always, first, and the one asked for."""
    own = request.out.with_suffix(".otio")
    return [own] if request.out == own else [own, request.out]


def page_of(out: Path) -> Path:
    """The report beside a new timeline, as a page; its JSON has the same name."""
    return out.with_name(f"{out.stem}_report.html")


def check_apart(request: BatchRequest) -> None:
    """Refuses to write two things to one file, or anything over what is read.

    Raises:
        UsageError: it would, or the options contradict each other.
    """
    read = {"the timeline": request.timeline}
    if request.sheet is not None:
        read["the instruction sheet"] = request.sheet
    for word, path in request.options.settings().files():
        read[f"the {word}"] = path
    taken = [(path, f"{word} itself") for word, path in read.items()]
    for path, words in _written_files(request):
        for other, other_words in taken:
            if _is_same(path, other):
                raise UsageError(
                    f"{words} would be written to {path}, which is {other_words}; name another "
                    "output"
                )
        taken.append((path, f"{words} too"))


def _written_files(request: BatchRequest) -> Iterator[tuple[Path, str]]:
    for path in timelines_to_write(request):
        yield path, "the new timeline"
    page = page_of(request.out)
    yield page, "the report's page"
    yield page.with_suffix(".json"), "the report beside the timeline"
    if request.report is not None:
        yield request.report, "the report"


def _is_same(path: Path, other: Path) -> bool:
    """Whether two paths name one file, by whatever way and spelling."""
    if path.resolve() == other.resolve():
        return True
    try:
        return path.samefile(other)
    except OSError:  # one of them is not there yet
        return False


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A path to write to, whose file takes the place of `path` in one step.

    What is no plain file, such as /dev/stdout, stays and is written to itself.

    Raises:
        OutputError: it cannot be written.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        try:
            yield path
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
