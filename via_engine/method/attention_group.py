"""The attention group: keys and values of the group frames, for every layer and step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from via_engine.errors import ModelError


@dataclass(frozen=True, kw_only=True, eq=False)
class KeysValues:
    """Keys and values of one layer at one step, in the layout attention takes.

    Both are (branch, head, group frame × token, channel of a head), in the model's dtype on its
    device. `frames` is the number of frames they come from: cross-attention keeps one frame's
    tokens where all frames share them.
    """

    keys: Tensor
    values: Tensor
    frames: int

    @property
    def size_bytes(self) -> int:
        """Memory both tensors hold."""
        return self.keys.nbytes + self.values.nbytes

    def of_frames(self, start: int, end: int) -> KeysValues:
        """Those of frames `start` to `end`, half-open, sharing this memory."""
        tokens = self.keys.shape[2] // self.frames
        part = slice(start * tokens, end * tokens)
        return KeysValues(
            keys=self.keys[:, :, part], values=self.values[:, :, part], frames=end - start
        )

    def equals(self, other: KeysValues) -> bool:
        """Whether shapes and all numbers are the same."""
        return torch.equal(self.keys, other.keys) and torch.equal(self.values, other.values)


@dataclass(frozen=True, kw_only=True, eq=False)
class AttentionGroup:
    """What all frames of a clip look at; it does not change once gathered.

    Attributes:
        group_frames: media frames it was gathered from.
        steps: denoising steps it covers.
        size_bytes: memory it holds; tensors shared between steps count once.
        entries: keys and values by layer name and step index.
    """

    group_frames: tuple[int, ...]
    steps: int
    size_bytes: int
    entries: Mapping[tuple[str, int], KeysValues]

    def keys_values(self, layer: str, step_index: int) -> KeysValues:
        """Keys and values of one layer at one step.

        Raises:
            ModelError: the group was gathered from another model or for fewer steps.
        """
        found = self.entries.get((layer, step_index))
        if found is None:
            raise ModelError(
                f"the attention group holds nothing for layer {layer} at step {step_index} "
                f"(it covers {self.steps} steps); gather it again with the model and steps in use"
            )
        return found

    def seen_by(self, index: int) -> AttentionGroup:
        """What group frame `index` saw while it was gathered: those before it, the first itself.

        It shares this group's memory.
        """
        count = max(index, 1)
        entries = {
            place: entry if entry.frames == 1 else entry.of_frames(0, count)
            for place, entry in self.entries.items()
        }
        return AttentionGroup(
            group_frames=self.group_frames[:count],
            steps=self.steps,
            size_bytes=self.size_bytes,
            entries=MappingProxyType(entries),
        )


class GroupRecording:
    """Collects the keys and values of `group_frames` while the gather runs."""

    def __init__(self, group_frames: tuple[int, ...]) -> None:
        self.group_frames = group_frames
        self._by_layer_and_step: dict[tuple[str, int], KeysValues] = {}

    def keep(self, layer: str, step_index: int, own: KeysValues, *, may_repeat: bool) -> KeysValues:
        """Adds one layer's keys and values and returns the tensors that are kept for them.

        Those of the instruction do not depend on the step: with `may_repeat`, tensors equal to
        the step before are held once.
        """
        before = self._by_layer_and_step.get((layer, step_index - 1)) if may_repeat else None
        kept = before if before is not None and before.equals(own) else own
        self._by_layer_and_step[layer, step_index] = kept
        return kept

    def finish(self) -> AttentionGroup:
        """The group, complete and from now on unchanging."""
        distinct = {id(entry): entry for entry in self._by_layer_and_step.values()}
        return AttentionGroup(
            group_frames=self.group_frames,
            steps=1 + max(step_index for _, step_index in self._by_layer_and_step),
            size_bytes=sum(entry.size_bytes for entry in distinct.values()),
            entries=MappingProxyType(dict(self._by_layer_and_step)),
        )
