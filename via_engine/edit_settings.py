"""How an edit may be set: attention, where it goes, how the editor is tuned first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

ADAPTER_FILE_NAME = "adapter.safetensors"
"""What an adapted edit leaves of its tuning, in its work folder."""


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
    """A clip as mask: white where the edit goes, grey where part of it shows.

    It has the media's size and rate. It is as long as the media, or as long as the range to edit
    and then begins with it. Where growing or fading is asked for, its light pixels do that instead.
    """

    path: Path


@dataclass(frozen=True, kw_only=True)
class StillMask:
    """A picture of the media's size as mask for all frames, read as those of a `MatteClip`."""

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
class Sampling:
    """How frames are sampled: the seed of their noise, and the guidance."""

    seed: int
    guidance_scale: float
    image_guidance_scale: float

    def scaled(self, text: float, image: float) -> Sampling:
        """The guidances times factors; none is brought below 1, where it would steer away."""
        return replace(
            self,
            guidance_scale=_scaled(self.guidance_scale, text),
            image_guidance_scale=_scaled(self.image_guidance_scale, image),
        )


@dataclass(frozen=True, kw_only=True)
class RootChoice:
    """A root frame and how it is edited; one of those `VideoEditor.propose_roots` gave."""

    frame: int
    seed: int
    guidance_scale: float
    image_guidance_scale: float

    @property
    def sampling(self) -> Sampling:
        """The choice without its frame."""
        return Sampling(
            seed=self.seed,
            guidance_scale=self.guidance_scale,
            image_guidance_scale=self.image_guidance_scale,
        )


@dataclass(frozen=True, kw_only=True)
class RootImage:
    """A picture file with media frame `frame` as it shall become, of the media's upright size."""

    frame: int
    path: Path


@dataclass(frozen=True, kw_only=True)
class AdaptSettings:
    """Test-time editing adaptation: tune the editor on one edited frame of the clip.

    Without a root of the editor's own choice, a rehearsal on frames of the clip decides with which
    seed and guidance they are sampled, from the request's own on, and whether a LoRA stays on.

    Attributes:
        steps: most steps of the tuning; None takes the model's own default. It stops early when
            a held-out affine of the root pair gets no better.
        rank: rank of the LoRA.
        learning_rate: of AdamW; None takes the model's own default.
        full: tune all weights of the UNet instead of a LoRA.
        candidates: edits of the root frame to choose from.
        root: a root of the editor's own choice; None chooses automatically.
        adapter: a file an earlier edit exported; nothing is tuned then, and the frames are sampled
            with what it names.
    """

    steps: int | None = None
    rank: int = 16
    learning_rate: float | None = None
    full: bool = False
    candidates: int = 8
    root: RootChoice | RootImage | None = None
    adapter: Path | None = None


def _scaled(guidance: float, factor: float) -> float:
    return max(guidance * factor, min(guidance, 1.0))
