"""Files to and from the server: exact, resumable, and never half there under their final name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from via.v1 import job_service_pb2, media_pb2

from resolve_scripts.client import ViaClient
from resolve_scripts.errors import OutputError, TransferError
from resolve_scripts.timeline.media import ImageSequence, Movie

PIECE_BYTES = 1 << 20

# What says how many bytes there are to fetch, and which.
Promised = job_service_pb2.JobResult | job_service_pb2.AdapterInfo


class MediaDesk:
    """Names media files to one server: by path where it can read them, else by sending them once.

    Args:
        client: the server.
        shares_disk: whether the server runs on this machine.
    """

    def __init__(self, client: ViaClient, *, shares_disk: bool) -> None:
        self._client = client
        self._roots = (
            tuple(Path(root.path).resolve() for root in client.server_info().media_roots)
            if shares_disk
            else ()
        )
        self._sources: dict[
            tuple[Path | ImageSequence, tuple[int, int] | None], media_pb2.MediaSource
        ] = {}

    def source(self, media: Path | Movie | ImageSequence) -> media_pb2.MediaSource:
        """How the server knows media of this machine: a file, absolute, or numbered pictures.

        A file that has changed since it was sent is sent again.
        """
        named = media.path if isinstance(media, Movie) else media
        key = (named, _stamp(named) if isinstance(named, Path) else None)
        if key not in self._sources:
            if isinstance(named, Path):
                self._sources[key] = self._file_source(named)
            else:
                self._sources[key] = self._sequence_source(named)
        return self._sources[key]

    def reads(self, path: Path) -> bool:
        """Whether the server reads the file at `path` in place."""
        return any(path.resolve().is_relative_to(root) for root in self._roots)

    def _file_source(self, path: Path) -> media_pb2.MediaSource:
        if self.reads(path):
            return media_pb2.MediaSource(absolute_path=str(path.resolve()))
        return media_pb2.MediaSource(upload_id=upload_media(self._client, path))

    def _sequence_source(self, pictures: ImageSequence) -> media_pb2.MediaSource:
        rate = pictures.frame_rate
        message = media_pb2.ImageSequence(
            name_prefix=pictures.prefix,
            name_suffix=pictures.suffix,
            zero_padding=pictures.padding,
            first_number=pictures.start_number,
            frame_count=pictures.count,
            frame_rate=media_pb2.Rational(num=rate.numerator, den=rate.denominator),
            is_single=pictures.is_single,
        )
        if self.reads(pictures.folder):
            message.absolute_folder = str(pictures.folder.resolve())
        else:
            paths = map(pictures.path_of, range(pictures.count))
            there = [path for path in paths if path.is_file()]
            message.upload_id = upload_media(self._client, *there)
        return media_pb2.MediaSource(sequence=message)


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes with a file's content; None where there is none to look at."""
    try:
        found = path.stat()
    except OSError:  # said where the file is read
        return None
    return found.st_mtime_ns, found.st_size


def upload_media(client: ViaClient, *paths: Path) -> str:
    """Sends a file, or the pictures of a sequence together, and returns the upload id.

    Raises:
        TransferError: the server received other bytes than were read.
    """
    sha256 = hashlib.sha256()

    def parts() -> Iterator[job_service_pb2.UploadMediaRequest]:
        for path in paths:
            yield job_service_pb2.UploadMediaRequest(file_name=path.name)
            with path.open("rb") as file:
                while piece := file.read(PIECE_BYTES):
                    sha256.update(piece)
                    yield job_service_pb2.UploadMediaRequest(data=piece)

    answer = client.upload_media(parts())
    if answer.sha256 != sha256.hexdigest():
        raise TransferError(f"{paths[0]} arrived damaged at the server; try again")
    return answer.upload_id


def download_result(
    client: ViaClient, job: job_service_pb2.Job, path: Path, *, replace: bool = False
) -> None:
    """Fetches the finished clip of `job` to `path`, going on where an earlier try stopped.

    Raises:
        FileExistsError: `path` exists and `replace` is False; nothing is lost, try another name.
        TransferError: the bytes are not those the server promised; they are thrown away.
        OutputError: the file cannot be written.
    """
    _download(client, job, job_service_pb2.RESULT_PART_CLIP, path, replace=replace)


def download_adapter(
    client: ViaClient, job: job_service_pb2.Job, path: Path, *, replace: bool = False
) -> None:
    """Fetches the adapter of `job`, which must have one. Raises as `download_result`."""
    _download(client, job, job_service_pb2.RESULT_PART_ADAPTER, path, replace=replace)


def _download(
    client: ViaClient,
    job: job_service_pb2.Job,
    part: job_service_pb2.ResultPart,
    path: Path,
    *,
    replace: bool,
) -> None:
    is_adapter = part == job_service_pb2.RESULT_PART_ADAPTER
    promised: Promised = job.adapter if is_adapter else job.result
    job_id = job.name.removeprefix("jobs/")
    partial = path.with_name(f"{path.name}.{job_id}.partial")
    try:
        _fetch(client, job.name, part, promised, partial)
        _check(partial, promised)
        _publish(partial, path, replace=replace)
    except FileExistsError:
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror}; job {job.name} keeps the result"
        ) from error


def _fetch(
    client: ViaClient,
    name: str,
    part: job_service_pb2.ResultPart,
    promised: Promised,
    partial: Path,
) -> None:
    with partial.open("ab") as file:
        if file.tell() > promised.size_bytes:
            file.truncate(0)
        if file.tell() < promised.size_bytes:
            for piece in client.read_result(name, file.tell(), part=part):
                file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _check(partial: Path, promised: Promised) -> None:
    with partial.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size_bytes = partial.stat().st_size
    if (size_bytes, sha256) != (promised.size_bytes, promised.sha256):
        partial.unlink()
        raise TransferError(
            f"the result arrived damaged ({size_bytes} of {promised.size_bytes} bytes, "
            f"sha256 {sha256[:12]} instead of {promised.sha256[:12]}); fetch it again"
        )


def _publish(partial: Path, path: Path, *, replace: bool) -> None:
    """Gives the file its final name; an existing file is never lost by accident."""
    if replace:
        partial.replace(path)
        return
    try:
        os.link(partial, path)  # fails when the name was taken meanwhile, unlike a rename
    except FileExistsError:
        raise
    except OSError:  # disks without hard links, such as exFAT
        if path.exists():
            raise FileExistsError(path) from None
        partial.replace(path)
    else:
        partial.unlink()
