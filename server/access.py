"""The one place where a caller is admitted, and where a named file becomes a path."""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Iterable
from pathlib import Path

from server.checking import check_number
from server.config import ServerConfig
from server.edit_spec import MediaSource, SequenceName, SourceKind
from server.errors import (
    ArgumentError,
    OutsideRootsError,
    StartError,
    TokenError,
    UploadNotFoundError,
)
from via_engine.errors import MediaNotFoundError, MediaUnreadableError
from via_engine.media_types import ImageSequence, MediaFile

UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
MIN_TOKEN_CHARACTERS = 16
MAX_PADDING = 12
MAX_NUMBER = 2_000_000_000
MAX_SEQUENCE_FRAMES = 1_000_000


class Access:
    """Who may call, and which files they may name.

    Raises:
        StartError: the settings would let strangers in, or a media root is no folder.
    """

    def __init__(self, config: ServerConfig) -> None:
        if not config.is_loopback and config.token is None:
            raise StartError(
                f"{config.listen_host} can be reached from other machines and no token is set; "
                "listen on 127.0.0.1, or give --token-file"
            )
        if not (config.is_loopback or config.tls or config.is_clear_text_allowed):
            raise StartError(
                f"{config.listen_host} can be reached from other machines, and token and pictures "
                "would cross the network for all to read; give --tls-cert and --tls-key, or "
                "--clear-text where a tunnel or a network of its own keeps them"
            )
        if config.token is not None and len(config.token) < MIN_TOKEN_CHARACTERS:
            raise StartError(
                f"the token has {len(config.token)} characters and needs at least "
                f"{MIN_TOKEN_CHARACTERS}; make one with: openssl rand -hex 32"
            )
        self._token = config.token
        self._uploads_folder = config.uploads_folder
        self.media_roots = {name: _root(name, folder) for name, folder in config.media_roots}

    def admit(self, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        """Lets a call in by its metadata.

        Raises:
            TokenError: this server wants a token and the call carries none, or another.
        """
        if self._token is None:
            return
        given = next((value for key, value in metadata if key == "authorization"), "")
        text = given.decode("latin-1") if isinstance(given, bytes) else given
        expected = f"Bearer {self._token}"
        # Constant time: how much of a guess is right must not show in how long this takes.
        if not hmac.compare_digest(text.encode(), expected.encode()):
            raise TokenError(
                "this server wants a token and the call carries none or another; send the "
                'content of its token file as metadata "authorization: Bearer TOKEN"'
            )

    def media_file(self, source: MediaSource, *, field: str = "spec.source") -> MediaFile:
        """The file, or the image sequence, a caller names in `field` of the request message.

        Raises:
            As `file_path`; OutsideRootsError too for a picture that is a link to another place.
        """
        if source.sequence is None:
            return self.file_path(source, field=field)
        return self._sequence(source, source.sequence, f"{field}.sequence")

    def file_path(self, source: MediaSource, *, field: str = "spec.source") -> Path:
        """The real path of the file a caller names in `field` of the request message.

        Raises:
            ArgumentError: the name is no absolute path, or names no root.
            OutsideRootsError: it lies outside the media roots, be it through a link.
            UploadNotFoundError: there is no upload of that id.
            MediaNotFoundError, MediaUnreadableError: there is no regular file.
        """
        if source.sequence is not None:
            raise ArgumentError(
                "an image sequence is taken as media only; name a file", field=field
            )
        path = self._located(source, field)
        try:
            is_there, is_file = path.exists(), path.is_file()
        except OSError as error:  # a name too long, a folder that may not be looked into
            raise MediaUnreadableError(
                f"{source.location} cannot be looked up on the server's machine "
                f"({error.strerror}); check the path and its folder's permissions"
            ) from error
        if not is_there:
            raise MediaNotFoundError(f"there is no file {source.location} on the server's machine")
        if not is_file:
            raise MediaUnreadableError(f"{source.location} is no regular file; name a file")
        return path

    def _located(self, source: MediaSource, field: str) -> Path:
        if source.kind is SourceKind.UPLOAD:
            folder = self._upload(source.location)
            return folder if source.sequence is not None else _only_file(folder)
        if source.kind is SourceKind.ROOTED_PATH:
            folder = self._root_folder(source.root_id, field)
            return self._inside_roots(folder / source.location, source, field)
        return self._inside_roots(Path(source.location), source, field)

    def _sequence(self, source: MediaSource, name: SequenceName, field: str) -> ImageSequence:
        _check_sequence(name, field)
        folder = self._located(source, field)
        if not folder.is_dir():
            raise MediaNotFoundError(
                f"there is no folder {source.location} on the server's machine"
            )
        with os.scandir(folder) as entries:
            links = [
                entry.path
                for entry in entries
                if entry.is_symlink() and entry.name.startswith(name.name_prefix)
            ]
        for link in links:
            self._inside_roots(Path(link), source, field)
        return ImageSequence(
            folder=folder,
            name_prefix=name.name_prefix,
            name_suffix=name.name_suffix,
            zero_padding=name.zero_padding,
            first_number=name.first_number,
            frame_count=name.frame_count,
            frame_rate=name.frame_rate,
            is_single=name.is_single,
        )

    def _inside_roots(self, path: Path, source: MediaSource, field: str) -> Path:
        if not path.is_absolute():
            raise ArgumentError(
                f"{path} is not absolute; give the whole path", field=f"{field}.absolute_path"
            )
        try:
            real = Path(os.path.realpath(path))
        except ValueError as error:  # a NUL in the name
            raise ArgumentError(f"no path: {error}", field=field) from error
        if any(real.is_relative_to(root) for root in self.media_roots.values()):
            return real
        roots = ", ".join(f"{name}={folder}" for name, folder in self.media_roots.items())
        raise OutsideRootsError(
            f"{source.location} lies outside the folders in which this server accepts media "
            f"({roots or 'none'}); move it there, upload it, or start the server with "
            "--media-root NAME=FOLDER",
            metadata={"location": source.location},
        )

    def _root_folder(self, root_id: str, field: str) -> Path:
        if root_id not in self.media_roots:
            raise ArgumentError(
                f"there is no media root {root_id!r}; there are: {', '.join(self.media_roots)}",
                field=f"{field}.rooted_path.root_id",
            )
        return self.media_roots[root_id]

    def _upload(self, upload_id: str) -> Path:
        folder = self._uploads_folder / upload_id
        if UPLOAD_ID.fullmatch(upload_id) and folder.is_dir():
            return folder
        raise UploadNotFoundError(
            f"there is no upload {upload_id!r} on this server; send the file with UploadMedia",
            metadata={"upload_id": upload_id},
        )


def _only_file(folder: Path) -> Path:
    first, *others = folder.iterdir()
    if others:
        raise MediaUnreadableError(
            f"upload {folder.name} holds {1 + len(others)} pictures; name it as an image sequence"
        )
    return first


def _check_sequence(name: SequenceName, field: str) -> None:
    for part, text in (("name_prefix", name.name_prefix), ("name_suffix", name.name_suffix)):
        if any(letter in text for letter in "/\\\0"):
            raise ArgumentError(f"{text!r} names a folder", field=f"{field}.{part}")
    check_number(f"{field}.zero_padding", name.zero_padding, 0, MAX_PADDING)
    check_number(f"{field}.first_number", name.first_number, 0, MAX_NUMBER)
    check_number(f"{field}.frame_count", name.frame_count, 0, MAX_SEQUENCE_FRAMES)


def _root(name: str, folder: Path) -> Path:
    real = Path(os.path.realpath(folder))
    if not real.is_dir():
        raise StartError(f"media root {name}: {folder} is no folder; give --media-root ID=FOLDER")
    return real
