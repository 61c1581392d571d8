"""Fetching a known model: what it would cost, then its files, then its place in the library."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from via_engine.errors import DownloadError
from via_engine.models.library.adding import take_in
from via_engine.models.library.hub import Snapshot, fetch, look_up
from via_engine.models.library.library import Entry, Library
from via_engine.models.library.manifest import Manifest

_FETCHING = ".fetching"
# Beside the files themselves: what conversion writes, and room to breathe.
_ROOM = 2.1


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What fetching a known model means, for a person to agree to."""

    known: Manifest
    snapshots: tuple[Snapshot, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes to fetch."""
        return sum(file.size_bytes for snapshot in self.snapshots for file in snapshot.files)

    @property
    def revision(self) -> str:
        """The commits, in the order of the sources."""
        return ", ".join(snapshot.commit for snapshot in self.snapshots)


def offer(library: Library, known: Manifest) -> Offer:
    """Asks the hub what the model weighs; nothing is fetched.

    Raises:
        RequestError: a model of that name is in the library already.
        DownloadError: it must be brought by hand, or the hub does not answer.
    """
    library.place(known.name)
    if not known.sources:
        raise DownloadError(f"{known.title} is never fetched by Via. {known.by_hand}")
    return Offer(known=known, snapshots=tuple(look_up(source) for source in known.sources))


def accept(library: Library, offered: Offer, say: Callable[[str], None]) -> Entry:
    """Fetches, checks, converts once, and records; what was cut off goes on where it stopped.

    Args:
        say: takes a sentence of progress.

    Raises:
        DownloadError: the disk lacks room, or the hub does not answer.
        ModelIntegrityError: a file is not the published one; with both hashes.
        ModelError: what was fetched is not the model.
    """
    folder = library.folder / _FETCHING / offered.known.name
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < offered.size_bytes * _ROOM:
        raise DownloadError(
            f"{library.folder} has {free >> 20} MiB free, {offered.known.name} takes "
            f"{int(offered.size_bytes * _ROOM) >> 20} MiB while it is fetched and converted; free "
            "some, or choose another folder with VIA_MODELS_FOLDER"
        )
    for snapshot in offered.snapshots:
        for file in snapshot.files:
            say(f"fetching {file.path} ({file.size_bytes / 1e6:.1f} MB)")
            fetch(snapshot, file, folder)
    say("reading, converting and recording")
    return take_in(library, offered.known, folder, offered.revision)
