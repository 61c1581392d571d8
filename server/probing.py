"""Looks into clips and pictures in a process of its own: a hostile file can take down only that."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

from server.child import ChildEndedError, ChildProcess, Inbox
from via_engine.errors import MediaError, MediaUnreadableError, OutputError, RangeError
from via_engine.media_types import (
    FrameRange,
    FrameView,
    ImageSequence,
    MediaFile,
    MediaInfo,
    OutputFormat,
    PictureFormat,
)

PICTURE_FORMATS = ("PNG", "JPEG", "TIFF")


@dataclass(frozen=True, kw_only=True)
class PictureFile:
    """A picture to be looked into; answered by `PictureSize`."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class PictureSize:
    """Size of a picture in pixels."""

    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class FrameFile:
    """A frame of a clip to be shown; answered by `FrameView`."""

    media_file: MediaFile
    frame: int
    max_side_px: int
    format_: PictureFormat


@dataclass(frozen=True, kw_only=True)
class PassTrial:
    """Frames to pass into a new file unedited; answered by `PassPace`."""

    media: MediaInfo
    frame_range: FrameRange
    output_format: OutputFormat


@dataclass(frozen=True, kw_only=True)
class PassPace:
    """What a frame takes to pass unedited."""

    seconds_per_frame: float


Asked = Path | ImageSequence | PictureFile | FrameFile | PassTrial
Found = TypeVar("Found", MediaInfo, PictureSize, FrameView, PassPace)


def run_prober(connection: Connection) -> None:
    """Answers every path and sequence with its MediaInfo, every PictureFile with its PictureSize,
    every FrameFile with its FrameView, every PassTrial with its PassPace, or each with what is
    wrong, until the server is gone.
    """
    inbox = Inbox(connection, lambda _: False)
    # Loaded here, in the process that opens the files.
    from via_engine.picture.frame_view import FrameViewer  # noqa: PLC0415
    from via_engine.picture.pass_through_pace import pass_through_pace  # noqa: PLC0415
    from via_engine.picture.probe import probe_media  # noqa: PLC0415

    viewer = FrameViewer()
    paces: dict[tuple[object, ...], PassPace] = {}

    def paced(trial: PassTrial) -> PassPace:
        """One trial for all files of a kind: a cut may have hundreds of them."""
        media = trial.media
        kind = (media.codec, media.pixel_format, media.width, media.height, trial.output_format)
        if kind not in paces:
            seconds = pass_through_pace(media, trial.frame_range, trial.output_format)
            paces[kind] = PassPace(seconds_per_frame=seconds)
        return paces[kind]

    def found(asked: Asked) -> MediaInfo | PictureSize | FrameView | PassPace:
        match asked:
            case PictureFile(path=path):
                return _picture_size(path)
            case FrameFile(media_file=file, frame=frame, max_side_px=side, format_=format_):
                return viewer.view(file, frame, max_side_px=side, format_=format_)
            case PassTrial():
                return paced(asked)
            case Path() | ImageSequence():
                return probe_media(asked)

    while isinstance(asked := inbox.next_message(), Asked):
        path = _name_of(asked)
        try:
            connection.send(found(asked))
        except (MediaError, RangeError, OutputError) as error:
            connection.send(error)
        except Exception as error:  # libraries of codecs raise whatever they like
            kind = "a picture" if isinstance(asked, PictureFile) else "video"
            connection.send(MediaUnreadableError(f"{path} cannot be read as {kind}: {error!r}"))


def _name_of(asked: Asked) -> Path:
    """What to call it in a message."""
    match asked:
        case PictureFile(path=path):
            return path
        case FrameFile(media_file=file):
            return _name_of(file)
        case PassTrial(media=media):
            return media.path
        case ImageSequence():
            return asked.pattern
        case Path():
            return asked


def _picture_size(path: Path) -> PictureSize:
    from PIL import Image  # noqa: PLC0415 - loaded where the files are opened

    try:
        with Image.open(path, formats=PICTURE_FORMATS) as picture:
            # Reads all of it: a picture cut short is found out now, not when the job runs.
            picture.load()
            return PictureSize(width=picture.width, height=picture.height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaUnreadableError(
            f"{path} is no readable picture ({error}); give one of {', '.join(PICTURE_FORMATS)}"
        ) from error


class MediaProber:
    """Probes one file at a time, each within `timeout_s` seconds."""

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prober")
        self._process: ChildProcess | None = None

    def start(self) -> None:
        """Starts the process, so that the first file need not wait for it."""
        self._started()

    async def probe(self, media_file: MediaFile) -> MediaInfo:
        """What the file or the sequence holds.

        Raises:
            MediaError: the file is missing, no video, damaged, or took too long.
        """
        return await self._look(media_file, MediaInfo)

    async def picture_size(self, path: Path) -> tuple[int, int]:
        """Width and height in pixels of a picture that can be read to its end.

        Raises:
            MediaError: the file is missing, no picture, damaged, or took too long.
        """
        size = await self._look(PictureFile(path=path), PictureSize)
        return size.width, size.height

    async def view(self, asked: FrameFile) -> FrameView:
        """A frame as a picture.

        Raises:
            RangeError: the clip does not have the frame.
            MediaError: the file is missing, no video, damaged, or took too long.
        """
        return await self._look(asked, FrameView)

    async def pass_pace(self, asked: PassTrial) -> PassPace:
        """What frames take to pass unedited, from the first of them.

        Raises:
            MediaError, OutputError: they cannot be read or written, or took too long.
        """
        return await self._look(asked, PassPace)

    def close(self) -> None:
        """Ends the process."""
        self._thread.shutdown(cancel_futures=True)
        if self._process is not None:
            self._process.stop()

    async def _look(self, asked: Asked, kind: type[Found]) -> Found:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._answer, asked, kind)

    def _answer(self, asked: Asked, kind: type[Found]) -> Found:
        process, path = self._started(), _name_of(asked)
        try:
            process.send(asked)
            found = process.receive(self._timeout_s)
        except ChildEndedError as error:
            raise MediaUnreadableError(
                f"{path} brought down the process that reads files ({error}); the file is "
                "damaged or hostile, write it anew with a known program"
            ) from error
        if isinstance(found, kind):
            return found
        if isinstance(found, MediaError | RangeError | OutputError):
            raise found
        process.kill()
        raise MediaUnreadableError(
            f"{path} did not show what it holds within {self._timeout_s:g} seconds; copy it to a "
            "faster disk, give the server a longer --probe-timeout, or write it anew if damaged"
        )

    def _started(self) -> ChildProcess:
        if self._process is None or not self._process.is_alive:
            self._process = ChildProcess(run_prober, name="via-prober")
        return self._process
