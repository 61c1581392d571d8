"""The door through which media files are opened and made: no playlists, no network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import av
from av.codec.context import ThreadType
from av.container import InputContainer, OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from via_engine.errors import MediaNotFoundError, MediaUnreadableError
from via_engine.media_types import OutputFormat
from via_engine.picture.durable_file import output_errors

_FORMATS: Final = "mov,matroska,webm,mxf,avi,mpegts,mpeg"
_OPTIONS: Final = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
_MUXERS: Final = {
    OutputFormat.PRORES_422_HQ_MOV: "mov",
    OutputFormat.H264_MP4: "mp4",
    OutputFormat.FFV1_MKV: "matroska",
}
_MAX_PIXELS: Final = 8192 * 8192
_IDENTITY_BYTES: Final = 1 << 20


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Opens a video file; every fault of the file, also while it is read, is a `MediaError`."""
    try:
        # An absolute path cannot be taken for a protocol, whatever the file is called.
        with av.open(path.absolute(), options=_OPTIONS, metadata_errors="replace") as container:
            yield container
    except FileNotFoundError as error:
        raise _not_found(path) from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaUnreadableError(
            f"{path} cannot be read as a video ({_cause(error)}); it must be an undamaged "
            "MOV, MP4, MXF, MKV, WebM, AVI or MPEG file"
        ) from error


@contextmanager
def create_media(
    path: Path, output_format: OutputFormat, options: dict[str, str] | None = None
) -> Iterator[OutputContainer]:
    """Makes a video file and, when the body succeeds, completes it with its index.

    Raises:
        OutputError: it cannot be written.
        DiskFullError: no space is left.
    """
    with output_errors(path):
        muxer = _MUXERS[output_format]
        container = av.open(path, "w", format=muxer, options=options or {})
    try:
        yield container
        with output_errors(path):
            container.close()
    except BaseException:
        # The file is of no use now; what closing it says would only hide the cause.
        with suppress(av.FFmpegError, OSError):
            container.close()
        raise


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """First video stream that is no cover picture, ready to decode on all cores.

    Raises:
        MediaUnreadableError: there is none, or its pictures are too large.
    """
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return _checked(stream, path)
    raise MediaUnreadableError(f"{path} holds no video stream; choose a file with pictures")


def media_identity(path: Path) -> str:
    """Hex digest of size, modification time and the first and last MiB of a regular file.

    Raises:
        MediaNotFoundError: there is no file.
        MediaUnreadableError: it is a folder or device, or access is denied.
    """
    try:
        if not path.exists():
            raise _not_found(path)
        if not path.is_file():
            raise MediaUnreadableError(f"{path} is no regular file; give the path of a video file")
        status = path.stat()
        digest = hashlib.sha256(f"{status.st_size} {status.st_mtime_ns} ".encode())
        with path.open("rb") as file:
            digest.update(file.read(_IDENTITY_BYTES))
            file.seek(max(0, status.st_size - _IDENTITY_BYTES))
            digest.update(file.read(_IDENTITY_BYTES))
    except OSError as error:
        raise MediaUnreadableError(
            f"{path} cannot be read ({error.strerror}); check its permissions"
        ) from error
    return digest.hexdigest()


def _checked(stream: VideoStream, path: Path) -> VideoStream:
    if stream.codec_context is None:
        raise MediaUnreadableError(
            f"{path} is in a codec Via does not know; convert it to ProRes or H.264"
        )
    pixels = stream.width * stream.height
    if not 0 < pixels <= _MAX_PIXELS:
        raise MediaUnreadableError(
            f"{path} says its pictures are {stream.width}x{stream.height}, which Via does not "
            "read; the file may be damaged, else make a smaller version of it"
        )
    stream.thread_type = ThreadType.AUTO
    return stream


def _not_found(path: Path) -> MediaNotFoundError:
    return MediaNotFoundError(f"there is no file {path}; check the path and the mount")


def _cause(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
