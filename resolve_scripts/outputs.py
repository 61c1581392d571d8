"""Where results go: names that are free, folders that can be written. Checked before any work."""

from __future__ import annotations

import tempfile
from pathlib import Path

from resolve_scripts.errors import OutputError

MAX_STEM_BYTES = 120


def next_version(folder: Path, stem: str, suffix: str) -> Path:
    """First free `<stem>_v001<suffix>`, `_v002` and so on."""
    number = 1
    while (path := folder / f"{stem}_v{number:03d}{suffix}").exists():
        number += 1
    return path


def check_free(path: Path, *, force: bool) -> None:
    """Refuses to overwrite.

    Raises:
        OutputError: `path` is a folder, or exists and `force` is False.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it")
    if path.exists() and not force:
        raise OutputError(f"{path} exists already; name another file, or add --force to replace it")


def check_writable(folder: Path) -> None:
    """Proves that a file can be written in `folder` by writing one.

    Raises:
        OutputError: the folder is missing or cannot be written.
    """
    if not folder.is_dir():
        raise OutputError(f"there is no folder {folder}; create it, or name another output")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"cannot write in {folder} ({error.strerror}); name another output with -o"
        ) from error


def make_folder(folder: Path) -> None:
    """Makes `folder` where it is missing, and proves that it can be written.

    Raises:
        OutputError: it cannot be made or written.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder} ({error.strerror})") from error
    check_writable(folder)


def file_stem(name: str) -> str:
    """A clip's name as a file stem that every system accepts, of any language and length."""
    kept = "".join(letter if letter.isalnum() or letter in "-_ ." else "_" for letter in name)
    # Systems count bytes, and half a letter is none.
    short = kept.encode()[:MAX_STEM_BYTES].decode(errors="ignore")
    return short.strip(" .") or "clip"
