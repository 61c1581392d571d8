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

    @property
    def frames(self) -> range:
        """The frames one by one."""
        return range(self.start_frame, self.end_frame_exclusive)

    def contains(self, other: FrameRange) -> bool:
        """Whether every frame of `other` lies in this range."""
        starts_inside = self.start_frame <= other.start_frame
        return starts_inside and other.end_frame_exclusive <= self.end_frame_exclusive

    def overlaps(self, other: FrameRange) -> bool:
        """Whether any frame lies in both ranges."""
        return (
            self.start_frame < other.end_frame_exclusive
            and other.start_frame < self.end_frame_exclusive
        )

    def common_with(self, other: FrameRange) -> FrameRange:
        """The frames of both ranges.

        Raises:
            EmptyRangeError: there are none.
        """
        return FrameRange(
            max(self.start_frame, other.start_frame),
            min(self.end_frame_exclusive, other.end_frame_exclusive),
        )


class OutputFormat(Enum):
    """How the edited clip is written."""

    PRORES_422_HQ_MOV = "prores_422_hq_mov"
    H264_MP4 = "h264_mp4"
    FFV1_MKV = "ffv1_mkv"
    """Lossless, in the sampling of the source: what an edit leaves alone comes back bit for bit."""

    @property
    def suffix(self) -> str:
        """File suffix with its dot."""
        return _SUFFIXES[self]


_SUFFIXES = {
    OutputFormat.PRORES_422_HQ_MOV: ".mov",
    OutputFormat.H264_MP4: ".mp4",
    OutputFormat.FFV1_MKV: ".mkv",
}


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
class ImageSequence:
    """Numbered pictures in one folder as one clip; media frame 0 is the picture `first_number`.

    Attributes:
        folder: where they lie.
        name_prefix, name_suffix: file name before and after the number.
        zero_padding: digits the number is filled up to with zeros; 0 for none.
        first_number: number of media frame 0.
        frame_count: length of the clip; numbers without a file are missing frames.
        frame_rate: frames per second.
        is_single: one picture without a number, a clip of one frame.
    """

    folder: Path
    name_prefix: str
    name_suffix: str
    zero_padding: int
    first_number: int
    frame_count: int
    frame_rate: Fraction
    is_single: bool = False

    @property
    def pattern(self) -> Path:
        """The pictures as one name, such as "shot.####.png"; for people, there is no such file."""
        number = "" if self.is_single else "#" * max(1, self.zero_padding)
        return self.folder / f"{self.name_prefix}{number}{self.name_suffix}"

    def path_of(self, frame: int) -> Path:
        """Where the picture of a media frame lies, whether it exists or not."""
        number = "" if self.is_single else f"{self.first_number + frame:0{self.zero_padding}d}"
        return self.folder / f"{self.name_prefix}{number}{self.name_suffix}"


MediaFile = Path | ImageSequence


@dataclass(frozen=True, kw_only=True)
class MediaInfo:
    """What the first video stream of a file, or an image sequence, holds.

    Sizes are in pixels as stored, before rotation. `path` is the pattern of a sequence, whose
    frames in `missing_ranges` have no picture.
    """

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
    sequence: ImageSequence | None = None
    missing_ranges: tuple[FrameRange, ...] = ()

    @property
    def media_file(self) -> MediaFile:
        """What to open."""
        return self.sequence or self.path

    @property
    def stem(self) -> str:
        """Name to call results by."""
        if self.sequence is None:
            return self.path.stem
        return self.sequence.name_prefix.rstrip(". _-") or self.sequence.folder.name

    @property
    def frame_range(self) -> FrameRange:
        """All frames of the media."""
        return FrameRange(0, self.frame_count)


class PictureFormat(Enum):
    """How a single picture is written; the value is Pillow's name."""

    JPEG = "JPEG"
    PNG = "PNG"


@dataclass(frozen=True, kw_only=True)
class FrameView:
    """One frame as it is, for people to look at.

    Attributes:
        picture: bytes of a PNG or JPEG of `width` × `height` pixels.
        upright_width, upright_height: size of the whole upright picture, in pixels.
        media: the file it was read from.
    """

    picture: bytes
    width: int
    height: int
    upright_width: int
    upright_height: int
    media: MediaInfo


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


class AttentionMode(Enum):
    """What the attention of a frame looks at. All but the first are there for comparison."""

    GATHER_SWAP = "gather_swap"
    """The method: keys and values gathered from the group, frame after frame, for all frames."""
    CROSS_FRAME = "cross_frame"
    """Keys and values of the group's frames as each has them alone (eq. 4), without the gather."""
    GATHER_ONLY = "gather_only"
    """The gathered frames see one another; every other frame sees itself."""
    INDEPENDENT = "independent"
    """Every frame sees itself: stock InstructPix2Pix."""


class SwapLayers(Enum):
    """Which attention layers take the group's keys and values."""

    ALL = "all"
    SELF = "self"


class BlendSchedule(Enum):
    """How much of the edit stands inside the mask after step s of S (progressive boundary)."""

    CONSTANT = "constant"
    """All of it, after every step. The default: editors that decide colours in their first steps
    lose the edit under the published schedule."""
    LINEAR = "linear"
    """s / S, as published."""
    LAST_STEP = "last_step"
    """The mask is applied once, after the last step."""
    DELAYED = "delayed"
    """Nothing in the first fifth of the steps, then rising to all of it at four fifths."""


class SourceLatents(Enum):
    """Where the source's latents at each noise level come from."""

    RENOISED = "renoised"
    """The source with the noise the edit began from."""
    INVERTED = "inverted"
    """DDIM inversion of the source through the model's image branch."""


class Scope(Enum):
    """How far an edit may reach."""

    AUTO = "auto"
    """As the instruction says: what it names, or the whole picture."""
    GLOBAL = "global"
    """The whole picture."""


@dataclass(frozen=True, kw_only=True)
class MatteClip:
    """A clip as mask: light where the edit goes. It has the media's size and rate.

    It is as long as the media, or as long as the range to edit and then begins with it.
    """

    path: Path


@dataclass(frozen=True, kw_only=True)
class StillMask:
    """A picture of the media's size as mask for all frames: light where the edit goes."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class BoxPrompt:
    """A box around the subject in one media frame, pixels of the upright picture, half-open."""

    frame: int
    box_xyxy: tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class PointPrompt:
    """Clicks in one media frame, upright pixels; label 1 is on the subject, 0 beside it."""

    frame: int
    points_xy: tuple[tuple[float, float], ...]
    labels: tuple[int, ...]


OwnMask = MatteClip | StillMask | BoxPrompt | PointPrompt


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """Local latent adaptation: where the edit may change the picture.

    Attributes:
        scope: whether the instruction decides.
        phrase: what to look for instead of what the planner reads in the instruction; may be empty.
        own_mask: a mask of the editor's own instead of looking for a phrase.
        dilation_px: pixels of the media by which the mask grows; None takes 1.5 % of the shorter
            side.
        feather_px: pixels of the media over which the edge fades outwards; None takes 1 % of the
            shorter side.
        schedule: how the edit takes over inside the mask during denoising.
        source_latents: where the source's latents come from.
    """

    scope: Scope = Scope.AUTO
    phrase: str = ""
    own_mask: OwnMask | None = None
    dilation_px: int | None = None
    feather_px: int | None = None
    schedule: BlendSchedule = BlendSchedule.CONSTANT
    source_latents: SourceLatents = SourceLatents.RENOISED


@dataclass(frozen=True, kw_only=True)
class RootChoice:
    """A root frame and how it is edited; one of those `VideoEditor.propose_roots` gave."""

    frame: int
    seed: int
    guidance_scale: float
    image_guidance_scale: float


@dataclass(frozen=True, kw_only=True)
class RootImage:
    """A picture file with media frame `frame` as it shall become, of the media's upright size."""

    frame: int
    path: Path


@dataclass(frozen=True, kw_only=True)
class AdaptSettings:
    """Test-time editing adaptation: tune the editor on one edited frame of the clip.

    Attributes:
        steps: most steps of the tuning; None takes the model's own default. It stops early when
            a held-out affine of the root pair gets no better.
        rank: rank of the LoRA.
        learning_rate: of AdamW; None takes the model's own default.
        full: tune all weights of the UNet instead of a LoRA.
        candidates: edits of the root frame to choose from.
        root: a root of the editor's own choice; None chooses automatically.
        adapter: a file an earlier edit exported; nothing is tuned then.
    """

    steps: int | None = None
    rank: int = 16
    learning_rate: float | None = None
    full: bool = False
    candidates: int = 8
    root: RootChoice | RootImage | None = None
    adapter: Path | None = None


@dataclass(frozen=True, kw_only=True)
class LookSource:
    """Another edit's clip that lends its look: group frames and root pair are taken from there.

    `frame_range` and `group_range` are those of that edit; without a group range the group is
    spread over the first shot its frame range touches, as that edit did.
    """

    media_path: Path
    media_identity: str
    frame_range: FrameRange
    group_range: FrameRange | None
    sequence: ImageSequence | None = None

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
    local: LocalSettings = LocalSettings()
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


class Stage(Enum):
    """Where an edit is, in the order of the method."""

    LOAD = "load"
    MASK = "mask"
    ADAPT = "adapt"
    GATHER = "gather"
    SWAP = "swap"
    ASSEMBLE = "assemble"


@dataclass(frozen=True, kw_only=True)
class StageStarted:
    """A stage began."""

    stage: Stage


@dataclass(frozen=True, kw_only=True)
class MaskReady:
    """Where the edit goes is known.

    `phrases` are what was looked for, empty with a mask of the editor's own; `frames_with_subject`
    of the `frames_total` looked at hold the subject, in the others the source stays as it is.
    """

    phrases: tuple[str, ...]
    frames_with_subject: int
    frames_total: int


@dataclass(frozen=True, kw_only=True)
class EditorAdapted:
    """The editor makes the root's edit now.

    `root_frame` is the media frame of the root pair, None when nothing was tuned now;
    `steps` were tuned; `reused` when an earlier edit had tuned it already; `path` is the adapter
    in the work folder, for `AdaptSettings.adapter`.
    """

    root_frame: int | None
    steps: int
    reused: bool
    seconds: float
    path: Path


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
    """The finished clip. It is the last event of an edit.

    `peak_memory_bytes` is what the device held at most, on a CPU the whole process; 0 where that
    cannot be told.
    """

    path: Path
    frame_count: int
    frame_rate: Fraction
    width: int
    height: int
    size_bytes: int
    sha256: str
    stage_seconds: tuple[tuple[str, float], ...]
    peak_memory_bytes: int = 0


EditEvent = (
    StageStarted
    | MaskReady
    | EditorAdapted
    | GroupReady
    | FramesEdited
    | ChunkFinished
    | Note
    | EditResult
)


@dataclass(frozen=True, kw_only=True)
class RootCandidate:
    """An edited root frame to choose from: PNG at working size, the best scored first.

    `score` is comparable within one proposal only; `is_sound` when it passed every gate, else
    `fault` says which it failed.
    """

    choice: RootChoice
    png: bytes
    source_png: bytes
    score: float
    is_sound: bool
    fault: str


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What is known of an editor without loading it. `folder` is a diffusers pipeline folder.

    `adapt_steps` and `adapt_learning_rate` are what tuning it on a root pair takes; `sampler` is
    "ddim" or "euler_ancestral"; `accept_noncommercial` says that the user accepted a licence that
    allows research only. `conditioner` says what becomes of MGIE's language model after an
    answer: "resident", "unload", or "auto" by the memory there is; `conditioner_bits` are 16, 8 or
    4 per weight of it.
    """

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
    adapt_steps: int = 200
    adapt_learning_rate: float = 1e-4
    sampler: str = "ddim"
    accept_noncommercial: bool = False
    conditioner: str = "auto"
    conditioner_bits: int = 16
