"""Image sequences: which pictures there are, and each of them opened on its own."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import av
from av.video.frame import VideoFrame

from via_engine.errors import MediaNotFoundError, MediaUnreadableError
from via_engine.media_types import FrameRange, ImageSequence
from via_engine.picture.container import video_stream

# Suffix -> FFmpeg's reader of one picture; no pattern in a name means anything to these.
READERS: Final = {
    ".png": "png_pipe",
    ".jpg": "jpeg_pipe",
    ".jpeg": "jpeg_pipe",
    ".tif": "tiff_pipe",
    ".tiff": "tiff_pipe",
    ".dpx": "dpx_pipe",
}


def counted(sequence: ImageSequence) -> ImageSequence:
    """The sequence with its length: a `frame_count` of 0 goes up to the last number there is.

    Raises:
        MediaNotFoundError: the folder or every picture is missing.
        MediaUnreadableError: the folder cannot be read.
    """
    numbers = _numbers_there(sequence)
    if not numbers:
        start = "" if sequence.is_single else f" from number {sequence.first_number} on"
        raise MediaNotFoundError(
            f"there is no picture {sequence.pattern}{start}; check the name and the mount"
        )
    if sequence.is_single:
        return replace(sequence, frame_count=1)
    if sequence.frame_count:
        return sequence
    return replace(sequence, frame_count=max(numbers) + 1 - sequence.first_number)


def missing_ranges(sequence: ImageSequence) -> tuple[FrameRange, ...]:
    """The frames of a counted sequence for which there is no file, in order."""
    there = {number - sequence.first_number for number in _numbers_there(sequence)}
    edges = [-1, *sorted(frame for frame in there if frame < sequence.frame_count)]
    edges.append(sequence.frame_count)
    gaps = ((before + 1, after) for before, after in pairwise(edges))
    return tuple(FrameRange(start, end) for start, end in gaps if start < end)


def sequence_identity(sequence: ImageSequence) -> str:
    """Hex digest of the names, sizes and modification times of all pictures of the sequence.

    Raises:
        MediaNotFoundError, MediaUnreadableError: the folder is gone or cannot be read.
    """
    digest = hashlib.sha256(f"{sequence.first_number} {sequence.frame_count} ".encode())
    numbers = _numbers_there(sequence)
    for number, entry in sorted(numbers.items()):
        if number < sequence.first_number + sequence.frame_count:
            status = entry.stat()
            digest.update(f"{entry.name} {status.st_size} {status.st_mtime_ns} ".encode())
    return digest.hexdigest()


def read_picture(sequence: ImageSequence, frame: int) -> VideoFrame:
    """The picture of a media frame, as stored.

    Raises:
        MediaNotFoundError: there is no file of that number.
        MediaUnreadableError: it is no picture, damaged, or refused.
    """
    path = sequence.path_of(frame)
    with _open_picture(path) as container:
        for picture in container.decode(video_stream(container, path)):
            return picture
    raise MediaUnreadableError(f"{path} holds no decodable picture; the file may be damaged")


def _numbers_there(sequence: ImageSequence) -> Mapping[int, Path | os.DirEntry[str]]:
    """Pictures by their numbers, from the first number on; names with other padding are others."""
    if sequence.is_single:
        path = sequence.path_of(0)
        return {sequence.first_number: path} if path.is_file() else {}
    digits = f"[0-9]{{{sequence.zero_padding},}}" if sequence.zero_padding else "[0-9]+"
    name = re.compile(
        f"{re.escape(sequence.name_prefix)}({digits}){re.escape(sequence.name_suffix)}"
    )
    try:
        with os.scandir(sequence.folder) as entries:
            found = {
                int(match[1]): entry
                for entry in entries
                if (match := name.fullmatch(entry.name)) and entry.is_file()
            }
    except FileNotFoundError as error:
        raise MediaNotFoundError(
            f"there is no folder {sequence.folder}; check the path and the mount"
        ) from error
    except OSError as error:
        raise MediaUnreadableError(
            f"{sequence.folder} cannot be read ({error.strerror}); check its permissions"
        ) from error
    return {
        number: entry
        for number, entry in found.items()
        if number >= sequence.first_number
        and entry.name == sequence.path_of(number - sequence.first_number).name
    }


@contextmanager
def _open_picture(path: Path) -> Iterator[av.container.InputContainer]:
    """Opens one picture; every fault of the file, also while it is read, is a `MediaError`."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise MediaUnreadableError(
            f"{path.name} is no picture Via reads; make the sequence of {', '.join(READERS)} files"
        )
    try:
        with av.open(
            path.absolute(), format=reader, options={"protocol_whitelist": "file"}
        ) as container:
            yield container
    except FileNotFoundError as error:
        raise MediaNotFoundError(
            f"the sequence has no picture {path}; render it again, or leave that frame out"
        ) from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaUnreadableError(
            f"{path} cannot be read as a picture ({error}); render it again"
        ) from error
