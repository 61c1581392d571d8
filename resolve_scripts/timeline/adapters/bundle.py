"""The media inside an .otioz, as files of their own."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from resolve_scripts.errors import TimelineError

MEDIA = "media/"
PIECE_BYTES = 1 << 20


def unpack(path: Path, folder: Path) -> None:
    """Copies the media of a bundle into `folder`, no file outside it.

    What lies there already is left alone: a file written again is new media to a server.

    Raises:
        TimelineError: the bundle cannot be read, or the folder not written.
    """
    try:
        with zipfile.ZipFile(path) as bundle:
            bundle.extractall(folder, list(_missing(bundle, folder)))
    except (OSError, zipfile.BadZipFile) as error:
        raise TimelineError(f"cannot unpack the media of {path} to {folder} ({error})") from error


def is_unpacked(path: Path, folder: Path) -> bool:
    """Whether a file is a bundle whose media lies in `folder`, all of it, as it was packed."""
    if not folder.is_dir():
        return False
    try:
        with zipfile.ZipFile(path) as bundle:
            return not any(_missing(bundle, folder))
    except (OSError, zipfile.BadZipFile):
        return False


def _missing(bundle: zipfile.ZipFile, folder: Path) -> Iterator[str]:
    for member in bundle.infolist():
        if member.filename.startswith(MEDIA) and not _is_there(member, folder):
            yield member.filename


def _is_there(member: zipfile.ZipInfo, folder: Path) -> bool:
    path = folder / member.filename
    if ".." in path.parts:  # unpacked under another name
        return False
    if member.is_dir():
        return path.is_dir()
    try:
        return path.stat().st_size == member.file_size and _crc32(path) == member.CRC
    except OSError:
        return False


def _crc32(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            crc = zlib.crc32(piece, crc)
    return crc
