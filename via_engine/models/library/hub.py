"""The model hub: what a repository holds at a commit, and fetching it. The one importer of
`huggingface_hub`. No torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from os import SEEK_END
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, constants, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

from via_engine.errors import DownloadError, ModelIntegrityError
from via_engine.models.library.integrity import FileRecord, check_file
from via_engine.models.library.manifest import Source

_SAFETENSORS = ".safetensors"


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file of a repository; `sha256` is empty where the hub does not tell it."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The wanted files of a source, at one commit."""

    source: Source
    commit: str
    files: tuple[RemoteFile, ...]


def look_up(source: Source) -> Snapshot:
    """What would be fetched. Asks the hub; nothing is fetched.

    Raises:
        DownloadError: the hub is out of reach, or the repository lacks what is wanted.
    """
    with _faults(source):
        found = HfApi(endpoint=constants.ENDPOINT).model_info(
            source.repository, revision=source.revision, files_metadata=True
        )
    listed = [
        RemoteFile(
            path=one.rfilename,
            size_bytes=one.size or 0,
            sha256=one.lfs.sha256 if one.lfs else "",
        )
        for one in found.siblings or ()
    ]
    chosen = tuple(_chosen(source, listed))
    if not chosen or found.sha is None:
        raise DownloadError(
            f"{source.repository} holds none of the files wanted at {source.revision or 'main'}; "
            "it may have moved: fetch it by hand and use via models add"
        )
    return Snapshot(source=source, commit=found.sha, files=chosen)


def fetch(snapshot: Snapshot, file: RemoteFile, folder: Path) -> Path:
    """Fetches a file below `folder`, going on where an earlier try was cut off; checks it.

    Raises:
        DownloadError: the hub is out of reach or refuses.
        ModelIntegrityError: what came is not what the manifest or the hub tells of.
    """
    source = snapshot.source
    path = folder / source.folder / file.path
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with _faults(source):
            _download(snapshot, file, path)
    expected = _expected_sha256(source, file)
    if expected:
        recorded = FileRecord(size_bytes=file.size_bytes, sha256=expected)
        try:
            check_file(path, recorded, thorough=True, remedy="Try again: it is fetched anew.")
        except ModelIntegrityError:
            path.unlink(missing_ok=True)
            raise
    return path


def _download(snapshot: Snapshot, file: RemoteFile, path: Path) -> None:
    """Goes on with what lies beside `path` from an earlier try, which may have been killed."""
    url = hf_hub_url(snapshot.source.repository, file.path, revision=snapshot.commit)
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("ab") as arriving:
        arriving.seek(0, SEEK_END)
        http_get(
            url,
            arriving,
            resume_size=arriving.tell(),
            headers=build_hf_headers(),
            expected_size=file.size_bytes,
        )
    partial.replace(path)


def _chosen(source: Source, listed: list[RemoteFile]) -> Iterator[RemoteFile]:
    """The wanted ones: of weights in both forms the safetensors, and no half-precision copies."""
    paths = [file.path for file in listed]
    safe = {path.removesuffix(_SAFETENSORS) for path in paths if path.endswith(_SAFETENSORS)}
    for file in listed:
        is_wanted = any(fnmatchcase(file.path, one.pattern) for one in source.files)
        stem, _, suffix = file.path.rpartition(".")
        is_copy = ".fp16" in file.path or ".non_ema" in file.path
        # pytorch_model.bin is called model.safetensors in the other form.
        twin = stem.replace("pytorch_model", "model") if "diffusion" not in stem else stem
        is_pickled = suffix in ("bin", "pt", "msgpack")
        if is_wanted and not is_copy and not (is_pickled and twin in safe):
            yield file


def _expected_sha256(source: Source, file: RemoteFile) -> str:
    """The manifest's own hash wins over what the hub says of itself."""
    for one in source.files:
        if one.sha256 and one.pattern == file.path:
            return one.sha256
    return file.sha256


# Most special first: the first kind that fits is told.
_FAULTS: tuple[tuple[type[Exception], str], ...] = (
    (GatedRepoError, "asks for its licence to be accepted: do so on its page, then set HF_TOKEN"),
    (OfflineModeIsEnabled, "is not asked, as HF_HUB_OFFLINE is set; unset it for this command"),
    (LocalEntryNotFoundError, "is out of reach; try again, what has arrived is kept"),
    (RepositoryNotFoundError, "is not there; fetch it by hand and use via models add"),
    (RevisionNotFoundError, "lacks that revision; fetch it by hand and use via models add"),
    (EntryNotFoundError, "lacks a file; fetch it by hand and use via models add"),
    (HfHubHTTPError, "refuses or fails; try again later"),
    (httpx2.HTTPError, "is out of reach; try again, what has arrived is kept"),
    (OSError, "cannot be fetched, perhaps the disk is full; what has arrived is kept"),
)


@contextmanager
def _faults(source: Source) -> Iterator[None]:
    kinds = tuple(kind for kind, _ in _FAULTS)
    try:
        yield
    except kinds as error:
        told = next(told for kind, told in _FAULTS if isinstance(error, kind))
        where = f"{source.repository} on {constants.ENDPOINT}"
        raise DownloadError(f"{where} {told} ({' '.join(str(error).split())[:200]})") from error
