"""Gather and swap: attention processors that let every frame look at the same few frames.

Gather (VIA, eqs. 7-8): the group frames g_1 … g_k go through the UNet together. Frame 1 attends
to itself, frame j to the frames before it and not to itself; what is kept of each frame are its
own keys and values. All projections of a layer are computed before its attention runs, so one
pass with a strictly block-causal attention gives what frame after frame would give.

Swap (eq. 9): every frame attends to the keys and values of the whole group and never to its own,
which are not even computed. All frames of a branch share them, so frames fold into the query
length.

Cross-frame attention (eq. 4) swaps without that gather: while recording, each group frame attends
to itself.

The batch inside the UNet is [branch 1 × frames, branch 2 × frames, …]; queries of a guidance
branch meet keys and values of the same branch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0
from torch import Tensor

from via_engine.edit_settings import AttentionMode, SwapLayers
from via_engine.errors import ModelError
from via_engine.method.attention_group import AttentionGroup, GroupRecording, KeysValues
from via_engine.method.tiled_attention import attention


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """Where frames attend to the group; as it stands the whole method.

    Attributes:
        mode: what the group's frames look at while they are recorded.
        layers: the layers that record and share; the others keep the stock attention.
        steps: first steps that do; in later ones every frame attends to itself. None is all.
    """

    mode: AttentionMode = AttentionMode.GATHER_SWAP
    layers: SwapLayers = SwapLayers.ALL
    steps: int | None = None

    def covers(self, step_index: int) -> bool:
        """Whether frames share in step `step_index`, counted from 0."""
        return self.steps is None or step_index < self.steps


GATHER_AND_SWAP: Final = Sharing()


class StepCursor:
    """Where the denoising loop stands. The loop moves it, the processors read it."""

    def __init__(self) -> None:
        self.step_index = 0

    def begin_step(self, step_index: int) -> None:
        """Tells the processors that step `step_index`, counted from 0, comes next."""
        self.step_index = step_index


@contextmanager
def gathering(
    unet: UNet2DConditionModel, recording: GroupRecording, sharing: Sharing = GATHER_AND_SWAP
) -> Iterator[StepCursor]:
    """While open, `unet` takes exactly the group frames and `recording` keeps their keys, values.

    Move the cursor before every call of the UNet. The former processors come back on exit.
    """
    cursor = StepCursor()
    with _processors(
        unet, sharing.layers, lambda layer: _GatherProcessor(layer, cursor, sharing, recording)
    ):
        yield cursor


@contextmanager
def swapping(
    unet: UNet2DConditionModel, group: AttentionGroup, sharing: Sharing = GATHER_AND_SWAP
) -> Iterator[StepCursor]:
    """While open, every frame that goes through `unet` attends to `group` instead of itself.

    Move the cursor before every call of the UNet. The former processors come back on exit.
    """
    cursor = StepCursor()
    with _processors(
        unet, sharing.layers, lambda layer: _SwapProcessor(layer, cursor, sharing, group)
    ):
        yield cursor


@contextmanager
def _processors(
    unet: UNet2DConditionModel, layers: SwapLayers, make: Callable[[str], _GroupProcessor]
) -> Iterator[None]:
    former = dict(unet.attn_processors)
    sharing = [layer for layer in former if layers is SwapLayers.ALL or _is_self(unet, layer)]
    for layer in sharing:
        processor = former[layer]
        # Subclasses and other processors compute something else, which swapping would undo.
        if type(processor) not in (AttnProcessor, AttnProcessor2_0):
            raise ModelError(
                f"layer {layer} already runs {type(processor).__name__}; gather and swap need the "
                "stock attention of the model, so take that adapter or fusion off first"
            )
    try:
        unet.set_attn_processor(former | {layer: make(layer) for layer in sharing})
        yield
    finally:
        # set_attn_processor empties the dict it is given.
        unet.set_attn_processor(dict(former))


def _is_self(unet: UNet2DConditionModel, layer: str) -> bool:
    """Whether the layer takes keys and values from what it takes queries from."""
    return not unet.get_submodule(layer.removesuffix(".processor")).is_cross_attention


class _GroupProcessor(ABC):
    """diffusers' AttnProcessor2_0 with the source of keys and values left open."""

    def __init__(self, layer: str, cursor: StepCursor, sharing: Sharing) -> None:
        self.layer = layer
        self.cursor = cursor
        self.sharing = sharing

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        if attention_mask is not None:
            raise ModelError(f"layer {self.layer}: gather and swap take no attention mask")
        tokens = _tokens(attn, hidden_states, temb)
        context = encoder_hidden_states
        if context is not None and attn.norm_cross:
            context = attn.norm_encoder_hidden_states(context)
        is_shared = self.sharing.covers(self.cursor.step_index)
        attend = self.attend if is_shared else _attend_to_own
        attended = attend(attn, tokens, context)
        projected: Tensor = attn.to_out[1](attn.to_out[0](attended))
        if hidden_states.ndim == 4:
            projected = projected.transpose(-1, -2).reshape(hidden_states.shape)
        if attn.residual_connection:
            projected = projected + hidden_states
        rescaled: Tensor = projected / attn.rescale_output_factor
        return rescaled

    @abstractmethod
    def attend(self, attn: Attention, tokens: Tensor, context: Tensor | None) -> Tensor:
        """Attention of `tokens`, (branch × frame, token, channel) in and out.

        `context` is what keys and values come from; None in self-attention.
        """


class _GatherProcessor(_GroupProcessor):
    def __init__(
        self, layer: str, cursor: StepCursor, sharing: Sharing, recording: GroupRecording
    ) -> None:
        super().__init__(layer, cursor, sharing)
        self.recording = recording

    def attend(self, attn: Attention, tokens: Tensor, context: Tensor | None) -> Tensor:
        frames = len(self.recording.group_frames)
        branches = _whole_ratio(tokens.shape[0], frames, self.layer)
        source = tokens if context is None else _without_copies(context, branches, frames)
        own = KeysValues(
            keys=_heads(attn, attn.to_k(source), attn.norm_k, branches).contiguous(),
            values=_heads(attn, attn.to_v(source), None, branches).contiguous(),
            frames=source.shape[0] // branches,
        )
        step_index = self.cursor.step_index
        own = self.recording.keep(self.layer, step_index, own, may_repeat=context is not None)
        query = _heads(attn, attn.to_q(tokens), attn.norm_q, branches)
        if own.frames == 1:
            return _unfold(_attention(query, own), tokens)
        is_gather = self.sharing.mode is not AttentionMode.CROSS_FRAME
        return _unfold(_frame_by_frame(query, own, sees_earlier=is_gather), tokens)


class _SwapProcessor(_GroupProcessor):
    def __init__(
        self, layer: str, cursor: StepCursor, sharing: Sharing, group: AttentionGroup
    ) -> None:
        super().__init__(layer, cursor, sharing)
        self.group = group

    def attend(self, attn: Attention, tokens: Tensor, context: Tensor | None) -> Tensor:
        gathered = self.group.keys_values(self.layer, self.cursor.step_index)
        branches = gathered.keys.shape[0]
        _whole_ratio(tokens.shape[0], branches, self.layer)
        group_tokens = gathered.keys.shape[2]
        if context is None and group_tokens != tokens.shape[1] * len(self.group.group_frames):
            raise ModelError(
                f"layer {self.layer}: the group holds {group_tokens} tokens of "
                f"{len(self.group.group_frames)} frames, a frame to edit {tokens.shape[1]}; "
                "gather the group at the working size of the edit"
            )
        query = _heads(attn, attn.to_q(tokens), attn.norm_q, branches)
        return _unfold(_attention(query, gathered), tokens)


def _tokens(attn: Attention, hidden_states: Tensor, temb: Tensor | None) -> Tensor:
    """Normed hidden states as (batch, token, channel), from that or (batch, channel, h, w)."""
    if attn.spatial_norm is not None:
        hidden_states = attn.spatial_norm(hidden_states, temb)
    if hidden_states.ndim == 4:
        hidden_states = hidden_states.flatten(2).transpose(1, 2)
    if attn.group_norm is not None:
        hidden_states = attn.group_norm(hidden_states.transpose(1, 2)).transpose(1, 2)
    return hidden_states


def _heads(attn: Attention, projected: Tensor, norm: Any, branches: int) -> Tensor:
    """(branch × frame, token, channel) to (branch, head, frame × token, channel of a head)."""
    channels = projected.shape[-1]
    heads = projected.reshape(branches, -1, attn.heads, channels // attn.heads).transpose(1, 2)
    return heads if norm is None else norm(heads)


def _unfold(attended: Tensor, tokens: Tensor) -> Tensor:
    """(branch, head, frame × token, channel of a head) to the batch and token axes of `tokens`."""
    batch, length = tokens.shape[:2]
    return attended.transpose(1, 2).reshape(batch, length, -1).to(tokens.dtype)


def _attention(query: Tensor, seen: KeysValues) -> Tensor:
    return attention(query, seen.keys, seen.values)


def _frame_by_frame(query: Tensor, own: KeysValues, *, sees_earlier: bool) -> Tensor:
    """Attention of frame j to frames 0 … j-1, and of frame 0 to itself; else of each to itself."""
    attended = []
    for index, frame_query in enumerate(query.chunk(own.frames, dim=2)):
        is_earlier = sees_earlier and index > 0
        seen = own.of_frames(0, index) if is_earlier else own.of_frames(index, index + 1)
        attended.append(_attention(frame_query, seen))
    return torch.cat(attended, dim=2)


def _attend_to_own(attn: Attention, tokens: Tensor, context: Tensor | None) -> Tensor:
    """Stock attention: every frame of every branch to its own keys and values."""
    source = tokens if context is None else context
    batch = tokens.shape[0]
    own = KeysValues(
        keys=_heads(attn, attn.to_k(source), attn.norm_k, batch),
        values=_heads(attn, attn.to_v(source), None, batch),
        frames=1,
    )
    return _unfold(_attention(_heads(attn, attn.to_q(tokens), attn.norm_q, batch), own), tokens)


def _without_copies(context: Tensor, branches: int, frames: int) -> Tensor:
    """One context a branch where all frames share it, else `context` as it is.

    Softmax over k copies of a key equals softmax over one, so nothing changes but the cost.
    """
    per_branch = context.reshape(branches, frames, *context.shape[1:])
    first = per_branch[:, :1]
    return first.flatten(0, 1) if torch.equal(first.expand_as(per_branch), per_branch) else context


def _whole_ratio(batch: int, parts: int, layer: str) -> int:
    if batch % parts:
        raise ModelError(f"layer {layer}: a batch of {batch} cannot be split into {parts} parts")
    return batch // parts
