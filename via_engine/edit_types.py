"""The values that cross the engine's door: requests in, events out. No torch, no files."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path

from via_engine.errors import EmptyRangeError


@dataclass(frozen=True, order=True)
class FrameRange:
    """Half-open range of media frames: `start_frame` is in, `end_frame_exclusive` is out.

    Frame 0 is the first picture of the media file, whatever its timecode says.

    Raises:
        EmptyRangeError: the range would hold no frame or start before frame 0.
    """

    start_frame: int
    end_frame_exclusive: int

    def __post_init__(self) -> None:
        if self.start_frame < 0 or self.end_frame_exclusive <= self.start_frame:
            raise EmptyRangeError(
                f"frame range {self.start_frame}:{self.end_frame_exclusive} holds no frame; "
                "give start:end with 0 <= start < end (end is the first frame after the range)"
            )

    @property
    def frame_count(self) -> int:
        """Number of frames in the range, at least 1."""
        return self.end_frame_exclusive - self.start_frame

    def contains(self, other: FrameRange) -> bool:
        """Whether every frame of `other` lies in this range."""
        starts_inside = self.start_frame <= other.start_frame
        return starts_inside and other.end_frame_exclusive <= self.end_frame_exclusive


class OutputFormat(Enum):
    """How the edited clip is written."""

    PRORES_422_HQ_MOV = "prores_422_hq_mov"
    H264_MP4 = "h264_mp4"

    @property
    def suffix(self) -> str:
        """File suffix with its dot."""
        return ".mp4" if self is OutputFormat.H264_MP4 else ".mov"


@dataclass(frozen=True, kw_only=True)
class ColourTags:
    """Colour description of a stream, as the numbers of ITU-T H.273; 2 means unspecified.

    `full_range` is True for 0..255 (8-bit) samples, False for 16..235.
    """

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


@dataclass(frozen=True, kw_only=True)
class MediaInfo:
    """What the first video stream of a file holds. Sizes in pixels as stored, before rotation."""

    path: Path
    width: int
    height: int
    frame_rate: Fraction
    frame_count: int
    codec: str
    pixel_format: str
    bits_per_sample: int
    sample_aspect_ratio: Fraction
    colour: ColourTags
    rotation_degrees: int
    is_interlaced: bool
    is_variable_rate: bool
    start_timecode: str | None
    size_bytes: int
    identity: str
    """Hex digest of size, modification time and the first and last MiB; equal means same media."""

    @property
    def frame_range(self) -> FrameRange:
        """All frames of the media."""
        return FrameRange(0, self.frame_count)


@dataclass(frozen=True, kw_only=True)
class FinishedChunk:
    """A durable piece of the result: frames of `frame_range`, encoded in the file at `path`."""

    index: int
    frame_range: FrameRange
    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class EditRequest:
    """One edit with every setting resolved.

    Attributes:
        media_path: video file on this machine.
        media_identity: `MediaInfo.identity` at the time of asking; a differing file is refused.
        frame_range: frames to edit, media frames.
        group_range: frames the group is spread over; the same for all ranges of one clip, so
            that they share one look. It need not contain `frame_range`.
        instruction: what the person asked for.
        model: name in the model catalog.
        seed: every frame starts from the same noise, made from this number.
        steps: denoising steps, at least 1.
        guidance_scale: weight of the instruction.
        image_guidance_scale: weight of the source picture.
        group_size: frames whose keys and values are gathered, at least 1.
        swap: False edits every frame on its own (stock InstructPix2Pix), for comparison.
        output_format: container and codec of the result.
        work_folder: existing folder of this job; chunks and the result are written there.
        finished_chunks: pieces of an earlier attempt, already verified; they are kept as they are.
    """

    media_path: Path
    media_identity: str
    frame_range: FrameRange
    group_range: FrameRange
    instruction: str
    model: str
    seed: int
    steps: int
    guidance_scale: float
    image_guidance_scale: float
    group_size: int = 4
    swap: bool = True
    output_format: OutputFormat = OutputFormat.PRORES_422_HQ_MOV
    work_folder: Path
    finished_chunks: tuple[FinishedChunk, ...] = ()


class Stage(Enum):
    """Where an edit is, in the order of the method."""

    LOAD = "load"
    GATHER = "gather"
    SWAP = "swap"
    ASSEMBLE = "assemble"


@dataclass(frozen=True, kw_only=True)
class StageStarted:
    """A stage began."""

    stage: Stage


@dataclass(frozen=True, kw_only=True)
class GroupReady:
    """The attention group is resident; `reused` when an earlier edit had gathered it already."""

    group_frames: tuple[int, ...]
    reused: bool
    seconds: float
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class FramesEdited:
    """A batch of frames left the model. Counts are frames of this request, chunks kept included."""

    frames_done: int
    frames_total: int
    seconds_per_frame: float


@dataclass(frozen=True, kw_only=True)
class ChunkFinished:
    """A chunk is durable on disk: written, flushed, renamed."""

    chunk: FinishedChunk


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something the person should know that is no fault, in one sentence."""

    text: str


@dataclass(frozen=True, kw_only=True)
class EditResult:
    """The finished clip. It is the last event of an edit."""

    path: Path
    frame_count: int
    frame_rate: Fraction
    width: int
    height: int
    size_bytes: int
    sha256: str
    stage_seconds: tuple[tuple[str, float], ...]


EditEvent = StageStarted | GroupReady | FramesEdited | ChunkFinished | Note | EditResult


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What is known of an editor without loading it. `folder` is a diffusers pipeline folder."""

    name: str
    kind: str
    folder: Path
    steps: int
    guidance_scale: float
    image_guidance_scale: float
    long_side_px: int
    multiple_px: int
    licence: str
    understands: tuple[str, ...] = ()
