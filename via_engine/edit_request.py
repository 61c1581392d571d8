"""What goes into the engine: one edit, every setting resolved. No torch, no files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from via_engine.config import DEFAULT_STEADY_FRAMES
from via_engine.edit_settings import AdaptSettings, AttentionMode, LocalSettings, SwapLayers
from via_engine.media_types import FrameRange, ImageSequence, MediaFile, OutputFormat


@dataclass(frozen=True, kw_only=True)
class FinishedChunk:
    """A durable piece of the result: frames of `frame_range`, encoded in the file at `path`.

    The last one of a result that holds its last picture has that picture as often as it is shown.
    """

    index: int
    frame_range: FrameRange
    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class LookSource:
    """Another edit's clip that lends its look: group frames and root pair are taken from there.

    `frame_range` and `group_range` are those of that edit; without a group range the group is
    spread over the first shot its frame range touches, as that edit did. `adapter` is the file it
    leaves of its tuning, None without any.
    """

    media_path: Path
    media_identity: str
    frame_range: FrameRange
    group_range: FrameRange | None
    sequence: ImageSequence | None = None
    adapter: Path | None = None

    @property
    def media_file(self) -> MediaFile:
        """What to open."""
        return self.sequence or self.media_path


@dataclass(frozen=True, kw_only=True)
class EditRequest:
    """One edit with every setting resolved.

    Attributes:
        media_path: video file on this machine, or the pattern of `sequence`.
        sequence: the numbered pictures that are the media; None for a video file.
        media_identity: `MediaInfo.identity` at the time of asking; a differing file is refused.
        frame_range: frames to edit, media frames.
        hold_frames: frames for which the result shows the last picture of the range; 0 and 1 are
            one. It is edited once.
        group_range: frames the group is spread over; the same for all ranges of one clip, so
            that they share one look. It need not contain `frame_range`. None spreads a group of
            its own over every shot that the frame range touches.
        look_source: the clip the group and the root pair come from; None is the media itself.
        identity: no model runs and every frame passes through as it is: what instruction, model
            and method say is not read. It proves that a cut conforms.
        instruction: what the person asked for.
        model: name in the model catalog.
        seed: every frame starts from the same noise, made from this number.
        steps: denoising steps, at least 1.
        guidance_scale: weight of the instruction.
        image_guidance_scale: weight of the source picture.
        group_size: frames whose keys and values are gathered, at least 1.
        attention: what the attention of each frame looks at.
        swap_layers: which layers take the group's keys and values.
        swap_steps: first steps in which they do; None is all of them.
        steady_frames: neighbours on each side, within the range and the shot, with which what the
            edit changes of a frame is averaged along the source's motion; 0 leaves it as it is.
        local: where the edit may change the picture.
        adapt: how the editor is tuned on a root frame first; None leaves it as it is.
        output_format: container and codec of the result.
        work_folder: existing folder of this job; chunks and the result are written there.
        finished_chunks: pieces of an earlier attempt, already verified; they are kept as they are.
    """

    media_path: Path
    sequence: ImageSequence | None = None
    media_identity: str
    frame_range: FrameRange
    hold_frames: int = 0
    group_range: FrameRange | None
    look_source: LookSource | None = None
    identity: bool = False
    instruction: str
    model: str
    seed: int
    steps: int
    guidance_scale: float
    image_guidance_scale: float
    group_size: int = 4
    attention: AttentionMode = AttentionMode.GATHER_SWAP
    swap_layers: SwapLayers = SwapLayers.ALL
    swap_steps: int | None = None
    steady_frames: int = DEFAULT_STEADY_FRAMES
    local: LocalSettings = field(default_factory=LocalSettings)
    adapt: AdaptSettings | None = None
    output_format: OutputFormat = OutputFormat.PRORES_422_HQ_MOV
    work_folder: Path
    finished_chunks: tuple[FinishedChunk, ...] = ()

    @property
    def media_file(self) -> MediaFile:
        """What to open."""
        return self.sequence or self.media_path

    @property
    def repeats(self) -> int:
        """How often the result shows its last picture again."""
        return max(0, self.hold_frames - 1)
