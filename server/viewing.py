"""Frames for people to look at: of a file they name, or of a job's finished clip."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from server.access import Access
from server.checking import check_number
from server.edit_spec import MediaSource
from server.jobs import ResultPart, job_id
from server.ledger import JobLedger
from server.probing import FrameFile, MediaProber
from server.results import result_file
from via_engine.media_types import FrameView, MediaFile, PictureFormat

DEFAULT_SIDE_PX = 960
MAX_SIDE_PX = 4_096


@dataclass(frozen=True, kw_only=True)
class FrameRequest:
    """A frame somebody wants to see.

    Attributes:
        clip: a media file, or the resource name of a job for its finished clip.
        frame: counted from 0 at the clip's first picture.
        max_side_px: longest side at the most; 0 takes the default.
    """

    clip: MediaSource | str
    frame: int
    max_side_px: int
    format_: PictureFormat


@dataclass(frozen=True, kw_only=True)
class FrameViewer:
    """Shows frames of media that callers may name, and of their results."""

    access: Access
    ledger: JobLedger
    prober: MediaProber

    async def view(self, request: FrameRequest) -> FrameView:
        """The frame as a picture.

        Raises:
            ViaEngineError, ViaServerError: there is no such frame; the message says why.
        """
        check_number("max_side_px", request.max_side_px, 0, MAX_SIDE_PX)
        media_file = await asyncio.to_thread(self._media_file, request.clip)
        return await self.prober.view(
            FrameFile(
                media_file=media_file,
                frame=request.frame,
                max_side_px=request.max_side_px or DEFAULT_SIDE_PX,
                format_=request.format_,
            )
        )

    def _media_file(self, clip: MediaSource | str) -> MediaFile:
        if isinstance(clip, MediaSource):
            return self.access.media_file(clip, field="source")
        return result_file(self.ledger.read(job_id(clip)), ResultPart.CLIP)[0]
