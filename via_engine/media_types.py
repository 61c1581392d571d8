"""What media are to the engine: ranges of frames, colour tags, what a file holds. No files."""

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
    frames in `missing_ranges` have no picture. Of `has_alpha` no more is read.
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
    has_alpha: bool = False

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
