"""An edit as callers ask for it, and the same with every setting filled in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from via_engine.edit_types import (
    EditRequest,
    FinishedChunk,
    FrameRange,
    MediaInfo,
    OutputFormat,
)


class SourceKind(Enum):
    """How a caller names a media file."""

    ABSOLUTE_PATH = "absolute_path"
    ROOTED_PATH = "rooted_path"
    UPLOAD = "upload"


@dataclass(frozen=True, kw_only=True)
class MediaSource:
    """A media file as the caller named it.

    `location` is an absolute path, a path below the root `root_id`, or an upload id.
    """

    kind: SourceKind
    location: str
    root_id: str = ""


@dataclass(frozen=True, kw_only=True)
class EditSpec:
    """An edit as asked for; None means the default of the model or of Via."""

    source: MediaSource
    instruction: str
    model: str | None = None
    frame_range: FrameRange | None = None
    group_range: FrameRange | None = None
    seed: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    image_guidance_scale: float | None = None
    group_size: int | None = None
    independent_frames: bool = False
    output_format: OutputFormat | None = None


@dataclass(frozen=True, kw_only=True)
class ResolvedSpec:
    """An edit with every setting filled in and checked; fields as in `EditSpec`."""

    source: MediaSource
    instruction: str
    model: str
    frame_range: FrameRange
    group_range: FrameRange
    seed: int
    steps: int
    guidance_scale: float
    image_guidance_scale: float
    group_size: int
    independent_frames: bool
    output_format: OutputFormat

    def engine_request(
        self,
        media: MediaInfo,
        *,
        work_folder: Path,
        finished_chunks: tuple[FinishedChunk, ...] = (),
    ) -> EditRequest:
        """The same edit in the engine's words, going on after `finished_chunks`."""
        return EditRequest(
            media_path=media.path,
            media_identity=media.identity,
            frame_range=self.frame_range,
            group_range=self.group_range,
            instruction=self.instruction,
            model=self.model,
            seed=self.seed,
            steps=self.steps,
            guidance_scale=self.guidance_scale,
            image_guidance_scale=self.image_guidance_scale,
            group_size=self.group_size,
            swap=not self.independent_frames,
            output_format=self.output_format,
            work_folder=work_folder,
            finished_chunks=finished_chunks,
        )


@dataclass(frozen=True, kw_only=True)
class EditPlan:
    """What an edit would do. Working size in pixels; time in seconds, None until measured."""

    spec: ResolvedSpec
    media: MediaInfo
    working_width: int
    working_height: int
    estimated_seconds: float | None
    warnings: tuple[str, ...]
