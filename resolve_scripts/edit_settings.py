"""How to edit, as a person sets it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from via.v1 import edit_pb2

from resolve_scripts.errors import MissingMediaError, UsageError

SUFFIX_OF_FORMAT = {
    edit_pb2.OUTPUT_FORMAT_PRORES_422_HQ_MOV: ".mov",
    edit_pb2.OUTPUT_FORMAT_H264_MP4: ".mp4",
    edit_pb2.OUTPUT_FORMAT_FFV1_MKV: ".mkv",
}


class Attention(Enum):
    """What the attention of a frame looks at."""

    GATHER_SWAP = "gather-swap"
    CROSS_FRAME = "cross-frame"
    GATHER_ONLY = "gather-only"
    INDEPENDENT = "independent"


class Layers(Enum):
    """Which attention layers take the group's keys and values."""

    ALL = "all"
    SELF = "self"


class Blend(Enum):
    """How the edit takes over inside the mask during denoising."""

    LINEAR = "linear"
    CONSTANT = "constant"
    LAST_STEP = "last-step"
    DELAYED = "delayed"


class SourceLatents(Enum):
    """Where the source's latents at each noise level come from."""

    RENOISED = "renoised"
    INVERTED = "inverted"


@dataclass(frozen=True, kw_only=True)
class Box:
    """A box in pixels, half-open; `frame` is a media frame, None the first one of the range."""

    frame: int | None
    box_xyxy: tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Clicks:
    """Clicks in pixels on and off the subject, all in one frame; `frame` as in `Box`."""

    frame: int | None
    on_subject: tuple[tuple[float, float], ...]
    off_subject: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class RootChoice:
    """A root frame and how it is edited, as a proposal named it."""

    frame: int
    seed: int
    guidance_scale: float
    image_guidance_scale: float


@dataclass(frozen=True, kw_only=True)
class RootImage:
    """A picture of a frame as it shall become; `frame` as in `Box`."""

    frame: int | None
    path: Path


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """Where the edit may change the picture; None takes the server's own default.

    Attributes:
        is_global: edits the whole picture whatever the instruction names.
        phrase: what to look for; None leaves it to the instruction.
        mask: an own mask: a file (still or clip), a box, or clicks.
        dilation_px: pixels by which the mask grows.
        feather_px: pixels over which its edge fades.
    """

    is_global: bool = False
    phrase: str | None = None
    mask: Path | Box | Clicks | None = None
    dilation_px: int | None = None
    feather_px: int | None = None
    blend: Blend | None = None
    source_latents: SourceLatents | None = None


@dataclass(frozen=True, kw_only=True)
class AdaptSettings:
    """How the editor is tuned on a root frame first; None takes the server's own default.

    Attributes:
        steps: most tuning steps.
        full: tunes all weights instead of a LoRA.
        candidates: edits of the root frame to choose from.
        root: a root of the person's own choice.
        adapter: a file an earlier edit saved; nothing is tuned then.
    """

    steps: int | None = None
    full: bool = False
    candidates: int | None = None
    root: RootChoice | RootImage | None = None
    adapter: Path | None = None


@dataclass(frozen=True, kw_only=True)
class EditSettings:
    """How to edit. What is None takes the server's or the model's own default.

    Attributes:
        model: name as the server lists it.
        seed: of the noise all frames start from, at least 0.
        steps: denoising steps.
        guidance_scale: weight of the instruction.
        image_guidance_scale: weight of the source picture.
        group_size: frames whose keys and values are gathered.
        group_from: resource name of the job whose look is shared.
        attention: what the attention of a frame looks at.
        swap_layers: which layers take the group's keys and values.
        swap_steps: first steps in which they do.
        steady_frames: neighbours with which each frame's change is averaged along the motion.
        local: where the edit may change the picture.
        adapt: how the editor is tuned first; None leaves it as it is.
        identity: runs no model and passes every frame through, to prove that a cut conforms.
        h264: writes H.264 in MP4 instead of ProRes 422 HQ in QuickTime.
        lossless: writes FFV1 in Matroska instead.
    """

    model: str | None = None
    seed: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    image_guidance_scale: float | None = None
    group_size: int | None = None
    group_from: str | None = None
    attention: Attention | None = None
    swap_layers: Layers | None = None
    swap_steps: int | None = None
    steady_frames: int | None = None
    local: LocalSettings = LocalSettings()
    adapt: AdaptSettings | None = None
    identity: bool = False
    h264: bool = False
    lossless: bool = False

    @property
    def output_format(self) -> edit_pb2.OutputFormat:
        """Container and codec as the contract names them."""
        if self.lossless:
            return edit_pb2.OUTPUT_FORMAT_FFV1_MKV
        if self.h264:
            return edit_pb2.OUTPUT_FORMAT_H264_MP4
        return edit_pb2.OUTPUT_FORMAT_PRORES_422_HQ_MOV

    @property
    def suffix(self) -> str:
        """Suffix of the rendered file, with its dot."""
        return SUFFIX_OF_FORMAT[self.output_format]

    def files(self) -> Iterator[tuple[str, Path]]:
        """What each file that is named beside the media is, and where it lies."""
        if isinstance(self.local.mask, Path):
            yield "mask", self.local.mask
        if self.adapt is not None and isinstance(self.adapt.root, RootImage):
            yield "root image", self.adapt.root.path
        if self.adapt is not None and self.adapt.adapter is not None:
            yield "adapter", self.adapt.adapter


def check_settings(settings: EditSettings) -> None:
    """Refuses files that are not there and words that are no text.

    Raises:
        MissingMediaError: a file is missing; the message says which.
        UsageError: two output formats are asked for, or a name or phrase is not valid UTF-8.
    """
    if settings.h264 and settings.lossless:
        raise UsageError("--h264 and --lossless are two formats; leave one out")
    for what, path in settings.files():
        if not path.is_file():
            raise MissingMediaError(f"no {what} at {path}; check the path")
    words = (settings.model, settings.group_from, settings.local.phrase)
    for word in (*words, *(str(path) for _, path in settings.files())):
        if word is not None and not is_unicode(word):
            raise UsageError(f"{word!r} is not valid UTF-8; type it anew, or rename the file")


def is_unicode(text: str) -> bool:
    """Whether the text can cross the wire; a terminal may hand over bytes that are no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
