"""How many pictures a QuickTime or MP4 file holds, read from its own index.

Resolve's word for a finished render is not enough, and its Python has no media library. The
layout is ISO/IEC 14496-12 (ISO base media file format), sections 8.4.2, 8.4.3 and 8.6.1.2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
LARGEST_INDEX_BYTES = 64 << 20


@dataclass(frozen=True)
class MovieFrames:
    """Pictures of a file's video track and their constant rate."""

    frame_count: int
    frame_rate: Fraction


def movie_frames(path: Path) -> MovieFrames | None:
    """Pictures of the first video track; None when the file has none or is no whole movie."""
    try:
        data = _movie_box(path)
        return None if data is None else _first_video(data)
    except (OSError, struct.error, IndexError, ZeroDivisionError):
        return None


def _movie_box(path: Path) -> bytes | None:
    """Content of the file's `moov`; the pictures beside it are not read."""
    with path.open("rb") as file:
        while True:
            head = file.read(8)
            if len(head) < 8:
                return None
            size, kind = struct.unpack(">I4s", head)
            read = 8
            if size == 1:
                size, read = struct.unpack(">Q", file.read(8))[0], 16
            if kind == b"moov":
                return file.read(min(size - read, LARGEST_INDEX_BYTES))
            if size < read:
                return None
            file.seek(size - read, 1)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8:
            return
        yield kind, data[at + 8 : at + size]
        at += size


def _flat(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    for kind, content in _boxes(data):
        yield kind, content
        if kind in CONTAINERS:
            yield from _flat(content)


def _first_video(movie: bytes) -> MovieFrames | None:
    for kind, track in _boxes(movie):
        if kind != b"trak":
            continue
        # QuickTime files have a second hdlr, deeper; the first says what the track is.
        boxes: dict[bytes, bytes] = {}
        for inner, content in _flat(track):
            boxes.setdefault(inner, content)
        if boxes.get(b"hdlr", b"")[8:12] == b"vide" and b"stts" in boxes and b"mdhd" in boxes:
            return _counted(boxes[b"mdhd"], boxes[b"stts"])
    return None


def _counted(media_header: bytes, sample_times: bytes) -> MovieFrames | None:
    is_long = media_header[0] == 1
    timescale = struct.unpack_from(">I", media_header, 20 if is_long else 12)[0]
    entries = struct.unpack_from(">I", sample_times, 4)[0]
    runs = [struct.unpack_from(">II", sample_times, 8 + 8 * number) for number in range(entries)]
    count = sum(run[0] for run in runs)
    duration = sum(run[0] * run[1] for run in runs)
    if not count or not duration:
        return None
    return MovieFrames(count, (Fraction(timescale) * count / duration).limit_denominator(100_000))
