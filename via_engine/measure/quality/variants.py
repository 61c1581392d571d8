"""The variants of the ablation: the method with parts left out, and whole."""

from __future__ import annotations

from dataclasses import dataclass, replace

from via_engine.config import DEFAULT_STEADY_FRAMES
from via_engine.edit_request import EditRequest
from via_engine.edit_settings import AdaptSettings, AttentionMode, LocalSettings, Scope, SwapLayers


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One row of the ablation table.

    Attributes:
        name: on the command line and in JSON.
        title: in tables and pictures.
        attention: what each frame attends to.
        swap_layers: which layers take the group's keys and values.
        is_local: whether the instruction decides where the edit may reach.
        adapts: whether the editor is tuned on a root pair first.
        steadies: whether what the edit changes is averaged along the source's motion.
        noise_per_frame: every frame is an edit of its own with noise of its own, as when an
            image editor is called frame by frame.
    """

    name: str
    title: str
    attention: AttentionMode = AttentionMode.GATHER_SWAP
    swap_layers: SwapLayers = SwapLayers.ALL
    is_local: bool = False
    adapts: bool = False
    steadies: bool = False
    noise_per_frame: bool = False

    def of(self, request: EditRequest, *, adapt_steps: int | None = None) -> EditRequest:
        """The request with this variant's parts; `adapt_steps` limits the tuning."""
        return replace(
            request,
            attention=self.attention,
            swap_layers=self.swap_layers,
            local=LocalSettings(scope=Scope.AUTO if self.is_local else Scope.GLOBAL),
            adapt=AdaptSettings(steps=adapt_steps) if self.adapts else None,
            steady_frames=DEFAULT_STEADY_FRAMES if self.steadies else 0,
        )


PER_FRAME = Variant(
    name="per-frame",
    title="per frame",
    attention=AttentionMode.INDEPENDENT,
    noise_per_frame=True,
)
SAME_NOISE = Variant(
    name="same-noise", title="per frame, one noise", attention=AttentionMode.INDEPENDENT
)
CROSS_FRAME = Variant(
    name="cross-frame", title="cross-frame, no gather", attention=AttentionMode.CROSS_FRAME
)
GATHER_ONLY = Variant(
    name="gather-only", title="gather, no swap", attention=AttentionMode.GATHER_ONLY
)
SELF_ONLY = Variant(name="self-only", title="self-attention only", swap_layers=SwapLayers.SELF)
GATHER_SWAP = Variant(name="gather-swap", title="gather + swap")
ADAPTED = Variant(name="adapted", title="+ adaptation", adapts=True)
LOCAL = Variant(name="local", title="+ local control", is_local=True)
LOCAL_ADAPTED = Variant(
    name="local-adapted", title="+ adaptation, local", is_local=True, adapts=True
)
FULL = Variant(name="full", title="full", is_local=True, adapts=True, steadies=True)

VARIANTS = (
    PER_FRAME,
    SAME_NOISE,
    CROSS_FRAME,
    GATHER_ONLY,
    SELF_ONLY,
    GATHER_SWAP,
    ADAPTED,
    LOCAL,
    LOCAL_ADAPTED,
    FULL,
)
