"""An edit as callers ask for it, and the same with every setting filled in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path

from via_engine.edit_request import EditRequest, FinishedChunk, LookSource
from via_engine.edit_settings import (
    AdaptSettings,
    AttentionMode,
    BlendSchedule,
    BoxPrompt,
    LocalSettings,
    MatteClip,
    OwnMask,
    PointPrompt,
    RootChoice,
    RootImage,
    Scope,
    SourceLatents,
    StillMask,
    SwapLayers,
)
from via_engine.media_types import FrameRange, MediaInfo, OutputFormat


class SourceKind(Enum):
    """How a caller names a file."""

    ABSOLUTE_PATH = "absolute_path"
    ROOTED_PATH = "rooted_path"
    UPLOAD = "upload"


@dataclass(frozen=True, kw_only=True)
class SequenceName:
    """How the pictures of a sequence are called; fields as in the engine's `ImageSequence`.

    A `frame_count` of 0 goes up to the last number there is.
    """

    name_prefix: str
    name_suffix: str
    zero_padding: int
    first_number: int
    frame_count: int
    frame_rate: Fraction
    is_single: bool = False


@dataclass(frozen=True, kw_only=True)
class MediaSource:
    """A file as the caller named it, or an image sequence.

    `location` is an absolute path, a path below the root `root_id`, or an upload id; with
    `sequence` it is the folder of the pictures.
    """

    kind: SourceKind
    location: str
    root_id: str = ""
    sequence: SequenceName | None = None


@dataclass(frozen=True, kw_only=True)
class NamedFile:
    """A file a caller named, and where it lies; `identity` tells whether it is still the same."""

    source: MediaSource
    path: Path
    identity: str = ""


@dataclass(frozen=True, kw_only=True)
class LocalSpec:
    """Where an edit may change the picture; fields as in the engine's `LocalSettings`.

    At most one of the four masks is given. Boxes and points are in pixels of the upright picture.
    """

    scope: Scope = Scope.AUTO
    phrase: str = ""
    matte_clip: MediaSource | None = None
    still_mask: MediaSource | None = None
    box: BoxPrompt | None = None
    points: PointPrompt | None = None
    dilation_px: int | None = None
    feather_px: int | None = None
    schedule: BlendSchedule = BlendSchedule.CONSTANT
    source_latents: SourceLatents = SourceLatents.RENOISED

    @property
    def has_own_mask(self) -> bool:
        """Whether the caller brings a mask."""
        masks = (self.matte_clip, self.still_mask, self.box, self.points)
        return any(mask is not None for mask in masks)


@dataclass(frozen=True, kw_only=True)
class RootImageSpec:
    """A picture of a media frame as it shall become."""

    frame: int
    source: MediaSource


@dataclass(frozen=True, kw_only=True)
class AdaptSpec:
    """How the editor is tuned first; fields as in the engine's `AdaptSettings`.

    At most one of the two roots is given. Not `enabled`, it is not tuned, whatever a look brings.
    """

    enabled: bool = True
    steps: int | None = None
    rank: int = AdaptSettings.rank
    learning_rate: float | None = None
    full: bool = AdaptSettings.full
    candidates: int = AdaptSettings.candidates
    root_choice: RootChoice | None = None
    root_image: RootImageSpec | None = None
    adapter: MediaSource | None = None

    @property
    def has_own_root(self) -> bool:
        """Whether the caller brings a root."""
        return self.root_choice is not None or self.root_image is not None


@dataclass(frozen=True, kw_only=True)
class EditSpec:
    """An edit as asked for; None means the default of the model or of Via.

    `hold_frames` as in the engine's `EditRequest`. `group_from` is the resource name of the job
    that lends its look, empty for none; what is None then means as the lender has it.
    """

    source: MediaSource
    instruction: str
    model: str | None = None
    frame_range: FrameRange | None = None
    hold_frames: int = 0
    group_range: FrameRange | None = None
    group_from: str = ""
    identity: bool = False
    seed: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    image_guidance_scale: float | None = None
    group_size: int | None = None
    attention: AttentionMode | None = None
    swap_layers: SwapLayers | None = None
    swap_steps: int | None = None
    steady_frames: int | None = None
    local: LocalSpec = LocalSpec()
    adapt: AdaptSpec | None = None
    output_format: OutputFormat = OutputFormat.PRORES_422_HQ_MOV

    def extra_sources(self) -> Iterator[tuple[str, MediaSource]]:
        """The files named beside the media, each with its field in the request message."""
        return _extra_sources(self.local, self.adapt)


@dataclass(frozen=True, kw_only=True)
class ResolvedSpec:
    """An edit with every setting filled in and checked; fields as in `EditSpec`.

    Attributes:
        look_source: what the job `group_from` lends.
        files: where the files named beside the media lie.
    """

    source: MediaSource
    instruction: str
    model: str
    frame_range: FrameRange
    hold_frames: int = 0
    group_range: FrameRange | None
    group_from: str = ""
    look_source: LookSource | None = None
    identity: bool = False
    seed: int
    steps: int
    guidance_scale: float
    image_guidance_scale: float
    group_size: int
    attention: AttentionMode = AttentionMode.GATHER_SWAP
    swap_layers: SwapLayers = SwapLayers.ALL
    swap_steps: int | None = None
    steady_frames: int = 0
    local: LocalSpec = LocalSpec()
    adapt: AdaptSpec | None = None
    output_format: OutputFormat
    files: tuple[NamedFile, ...] = ()

    @property
    def lent_adapter(self) -> Path | None:
        """The tuning that comes with a borrowed look; None where there is none or an own one."""
        if self.look_source is None or self.adapt is None or self.adapt.adapter is not None:
            return None
        return self.look_source.adapter

    def sources(self) -> tuple[MediaSource, ...]:
        """All files the edit names, the media first."""
        return self.source, *(source for _, source in _extra_sources(self.local, self.adapt))

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
            sequence=media.sequence,
            media_identity=media.identity,
            frame_range=self.frame_range,
            hold_frames=self.hold_frames,
            group_range=self.group_range,
            look_source=self.look_source,
            identity=self.identity,
            instruction=self.instruction,
            model=self.model,
            seed=self.seed,
            steps=self.steps,
            guidance_scale=self.guidance_scale,
            image_guidance_scale=self.image_guidance_scale,
            group_size=self.group_size,
            attention=self.attention,
            swap_layers=self.swap_layers,
            swap_steps=self.swap_steps,
            steady_frames=self.steady_frames,
            local=self._local_settings(),
            adapt=None if self.adapt is None else self._adapt_settings(self.adapt),
            output_format=self.output_format,
            work_folder=work_folder,
            finished_chunks=finished_chunks,
        )

    def _local_settings(self) -> LocalSettings:
        local = self.local
        return LocalSettings(
            scope=local.scope,
            phrase=local.phrase,
            own_mask=self._own_mask(),
            dilation_px=local.dilation_px,
            feather_px=local.feather_px,
            schedule=local.schedule,
            source_latents=local.source_latents,
        )

    def _own_mask(self) -> OwnMask | None:
        if self.local.matte_clip is not None:
            return MatteClip(path=self._path(self.local.matte_clip))
        if self.local.still_mask is not None:
            return StillMask(path=self._path(self.local.still_mask))
        return self.local.box or self.local.points

    def _adapt_settings(self, adapt: AdaptSpec) -> AdaptSettings:
        root: RootChoice | RootImage | None = adapt.root_choice
        if adapt.root_image is not None:
            path = self._path(adapt.root_image.source)
            root = RootImage(frame=adapt.root_image.frame, path=path)
        return AdaptSettings(
            steps=adapt.steps,
            rank=adapt.rank,
            learning_rate=adapt.learning_rate,
            full=adapt.full,
            candidates=adapt.candidates,
            root=root,
            adapter=self.lent_adapter if adapt.adapter is None else self._path(adapt.adapter),
        )

    def _path(self, source: MediaSource) -> Path:
        return {file.source: file.path for file in self.files}[source]


def _extra_sources(local: LocalSpec, adapt: AdaptSpec | None) -> Iterator[tuple[str, MediaSource]]:
    if local.matte_clip is not None:
        yield "spec.local.own_mask.matte_clip", local.matte_clip
    if local.still_mask is not None:
        yield "spec.local.own_mask.still", local.still_mask
    if adapt is not None and adapt.root_image is not None:
        yield "spec.adapt.root_image.file", adapt.root_image.source
    if adapt is not None and adapt.adapter is not None:
        yield "spec.adapt.adapter", adapt.adapter


@dataclass(frozen=True, kw_only=True)
class Attachments:
    """The files an edit names beside its media: where they lie and what they hold.

    Sizes of pictures are (width, height) in pixels; None where there is no such file.
    """

    files: tuple[NamedFile, ...] = ()
    matte_clip: MediaInfo | None = None
    still_mask_px: tuple[int, int] | None = None
    root_image_px: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class EditPlan:
    """What an edit would do. Working size in pixels; time and memory are None when not known.

    `is_measured` when they are what earlier runs took, not computed from the model's size.
    """

    spec: ResolvedSpec
    media: MediaInfo
    working_width: int
    working_height: int
    estimated_seconds: float | None
    warnings: tuple[str, ...]
    estimated_memory_bytes: int | None = None
    is_measured: bool = False


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What edits with a model took last; memory at the most, 0 when it was not measured."""

    seconds_per_frame_step: float
    peak_memory_bytes: int = 0
