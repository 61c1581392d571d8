"""The files an edit names beside its media: found below the roots, and looked into."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from server.access import Access
from server.edit_spec import Attachments, EditSpec, MediaSource, NamedFile
from server.probing import MediaProber
from via_engine.errors import MaskError, MediaError, RequestError, RootError
from via_engine.media_types import MediaInfo
from via_engine.picture.container import media_identity


@dataclass(frozen=True, kw_only=True)
class AttachmentReader:
    """Finds and reads masks, root images and adapters."""

    access: Access
    prober: MediaProber

    async def read(self, spec: EditSpec) -> Attachments:
        """Where the files lie and what they hold.

        Raises:
            ViaServerError: a file may not be named, or is no upload.
            MediaNotFoundError, MediaUnreadableError: there is no regular file.
            MaskError: the matte clip is no clip, or the still mask is no picture.
            RootError: the root image is no picture.
        """
        files = await asyncio.to_thread(self._find, spec)
        paths = {file.source: file.path for file in files}
        image = spec.adapt.root_image if spec.adapt else None
        return Attachments(
            files=files,
            matte_clip=await self._matte_clip(paths, spec.local.matte_clip),
            still_mask_px=await self._size_px(
                paths, spec.local.still_mask, MaskError, "the still mask"
            ),
            root_image_px=await self._size_px(
                paths, image.source if image else None, RootError, "the root image"
            ),
        )

    def _find(self, spec: EditSpec) -> tuple[NamedFile, ...]:
        return tuple(
            _named(source, self.access.file_path(source, field=field))
            for field, source in spec.extra_sources()
        )

    async def _matte_clip(
        self, paths: Mapping[MediaSource, Path], source: MediaSource | None
    ) -> MediaInfo | None:
        if source is None:
            return None
        try:
            return await self.prober.probe(paths[source])
        except MediaError as error:
            raise MaskError(f"the matte clip cannot be used: {error}") from error

    async def _size_px(
        self,
        paths: Mapping[MediaSource, Path],
        source: MediaSource | None,
        fault: type[RequestError],
        what: str,
    ) -> tuple[int, int] | None:
        if source is None:
            return None
        try:
            return await self.prober.picture_size(paths[source])
        except MediaError as error:
            raise fault(f"{what} cannot be used: {error}") from error


def have_changed(files: Iterable[NamedFile]) -> list[Path]:
    """Those of the files that are gone, or no longer what they were when they were named."""
    return [file.path for file in files if file.identity and file.identity != _identity(file.path)]


def _named(source: MediaSource, path: Path) -> NamedFile:
    return NamedFile(source=source, path=path, identity=_identity(path))


def _identity(path: Path) -> str:
    try:
        return media_identity(path)
    except MediaError:
        return ""
