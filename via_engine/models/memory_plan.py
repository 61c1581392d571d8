"""What stays on the device, what leaves it after use, and how much room attention groups get.

Pure: sizes in, plan out. Sizes of weights are exact, those of the work in between an estimate.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from math import ceil, prod
from pathlib import Path
from typing import Any

from via_engine.config import DEFAULT_GROUP_SIZE, EngineConfig
from via_engine.model_card import ModelCard
from via_engine.starter.bundle import packaged_folder
from via_engine.weights.file_kind import FileKind, kind_of, tensor_header

_BRANCHES = 3
_KEYS_AND_VALUES = 2
_FLOAT32_BYTES = 4
# What a frame of 512×512 pixels takes between the layers in each of the three branches, and what
# the libraries take however small the picture.
_FRAME_BYTES = 260 << 20
_BASE_BYTES = 1 << 30
_FRAME_PX = 512 * 512


class Stay(Enum):
    """What becomes of a part."""

    RESIDENT = "stays on the device"
    OFFLOADED = "waits in main memory between uses"
    AFTER_USE = "leaves the device after use"
    NOT_KEPT = "is made anew for each range"
    NO_ROOM = "does not fit"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of an edit, its bytes on the device, and what becomes of it."""

    name: str
    size_bytes: int
    stay: Stay = Stay.RESIDENT


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """The parts of an edit with one editor on one device.

    Attributes:
        total_bytes: memory of the device.
        parts: in the order in which they get room.
        group_cache_bytes: room for attention groups; the least recently used go first.
    """

    total_bytes: int
    parts: tuple[Part, ...]
    group_cache_bytes: int

    @property
    def fits(self) -> bool:
        """Whether the edit can run at all."""
        return not any(part.stay is Stay.NO_ROOM for part in self.parts)

    @property
    def peak_bytes(self) -> int:
        """The most that is on the device at once: what stays, or what takes its turn beside it.

        Models that leave the device look at pictures or words before the editor works.
        """
        stays = {part.name: part.size_bytes for part in self.parts if part.stay is Stay.RESIDENT}
        waiting = sum(stays.values()) - stays.get(WORK, 0) - stays.get(GROUP, 0)
        turns = (part.size_bytes for part in self.parts if part.stay in _TURNS)
        return max(sum(stays.values()), waiting + max(turns, default=0))

    def stays(self, name: str) -> bool:
        """Whether the part of that name is kept on the device; True for an unknown one."""
        return self.stay_of(name) is Stay.RESIDENT

    def stay_of(self, name: str) -> Stay:
        """What becomes of the part of that name; an unknown one stays."""
        return next((part.stay for part in self.parts if part.name == name), Stay.RESIDENT)


_TURNS = (Stay.OFFLOADED, Stay.AFTER_USE)
EDITOR, WORK, GROUP = "editor", "work in between", "attention group"
LOOKERS, CONDITIONER = "grounder, segmenter, tracker, critic", "language model"


def plan_memory(
    config: EngineConfig,
    card: ModelCard,
    *,
    total_bytes: int,
    weight_bytes: int,
    has_main_memory: bool = True,
    pixels: int | None = None,
    steps: int | None = None,
) -> MemoryPlan:
    """The plan for edits with one editor.

    Room goes first to the editor and its work, then to one attention group, then to the models
    that look at pictures, then to MGIE's language model; what is left is for further groups.

    Args:
        config: models and limits.
        card: of the editor.
        total_bytes: memory of the device.
        weight_bytes: per weight of the editor: 2 for bfloat16 and float16, 4 for float32.
        has_main_memory: whether the computer has memory beside the device's, as a graphics card's
            has, where models can wait.
        pixels: of a frame at working size; None is the most the editor works on, a square.
        steps: denoising steps; None are the editor's own.
    """
    left = total_bytes
    parts = []
    most = card.long_side_px**2
    grown, longer = Fraction(pixels or most, most), Fraction(steps or card.steps, card.steps)
    for part in _parts(config, card, weight_bytes, grown, longer):
        stay = Stay.RESIDENT if part.size_bytes <= left else _REFUGE[part.name]
        if stay is Stay.OFFLOADED and not has_main_memory:
            stay = Stay.AFTER_USE
        if stay is Stay.RESIDENT:
            left -= part.size_bytes
        parts.append(Part(name=part.name, size_bytes=part.size_bytes, stay=stay))
    group = next(part for part in parts if part.name == GROUP)
    kept = group.size_bytes if group.stay is Stay.RESIDENT else 0
    return MemoryPlan(
        total_bytes=total_bytes,
        parts=tuple(parts),
        group_cache_bytes=min(config.group_cache_bytes, kept + max(left, 0)),
    )


_REFUGE = {
    EDITOR: Stay.NO_ROOM,
    WORK: Stay.NO_ROOM,
    GROUP: Stay.NOT_KEPT,
    LOOKERS: Stay.OFFLOADED,
    CONDITIONER: Stay.AFTER_USE,
}


def _parts(
    config: EngineConfig, card: ModelCard, weight_bytes: int, grown: Fraction, longer: Fraction
) -> Iterable[Part]:
    """The parts, for pictures and steps that are so many times the editor's most and own."""
    folder = card.folder
    small = sum(_weights(folder / part) for part in ("unet", "text_encoder", "text_encoder_2"))
    editor = small * weight_bytes + _weights(folder / "vae") * _FLOAT32_BYTES
    yield Part(name=EDITOR, size_bytes=editor)
    pixels = int(card.long_side_px**2 * grown)
    frames = _FRAME_BYTES * config.batch_frames * pixels // _FRAME_PX * weight_bytes // 2
    yield Part(name=WORK, size_bytes=_BASE_BYTES + frames)
    yield Part(name=GROUP, size_bytes=int(group_bytes(card, weight_bytes) * grown * longer))
    yield Part(name=LOOKERS, size_bytes=_FLOAT32_BYTES * sum(map(_weights, _lookers(config))))
    if (folder / "llava").is_dir():
        count = _weights(folder / "llava") + _weights(folder / "vision_tower")
        yield Part(name=CONDITIONER, size_bytes=count * card.conditioner_bits // 8)


def group_bytes(card: ModelCard, weight_bytes: int) -> int:
    """Keys and values of a group of four square frames: every layer, step and branch.

    Cross-attention is left out: it is the same in all steps, and small.
    """
    config = _read(card.folder / "unet" / "config.json")
    widths: Sequence[int] = config.get("block_out_channels", ())
    kinds: Sequence[str] = config.get("down_block_types", ())
    layers = config.get("layers_per_block", 2)
    depth = config.get("transformer_layers_per_block", 1)
    scale = 2 ** max(0, len(_read(card.folder / "vae" / "config.json").get(_VAE_WIDTHS, ())) - 1)
    side = ceil(card.long_side_px / scale)
    values = 0
    for level, (width, kind) in enumerate(zip(widths, kinds, strict=True)):
        blocks = depth[level] if isinstance(depth, list) else depth
        # So many layers on the way down, one more on the way up.
        count = (2 * layers + 1) * blocks if kind.startswith("CrossAttn") else 0
        values += count * ceil(side / 2**level) ** 2 * width
    if widths:
        blocks = depth[-1] if isinstance(depth, list) else depth
        values += blocks * ceil(side / 2 ** (len(widths) - 1)) ** 2 * widths[-1]
    pairs = _KEYS_AND_VALUES * DEFAULT_GROUP_SIZE * _BRANCHES * card.steps
    return values * pairs * weight_bytes


_VAE_WIDTHS = "block_out_channels"


def _lookers(config: EngineConfig) -> Iterable[Path]:
    yield config.grounder_folder or packaged_folder("grounder")
    yield config.segmenter_path or packaged_folder("segmenter")
    yield config.critic_folder or packaged_folder("critic")
    if config.tracker_folder is not None:
        yield config.tracker_folder


def _weights(path: Path) -> int:
    """How many numbers the safetensors files at a path hold; 0 where there are none."""
    files = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
    found = 0
    for file in files:
        if kind_of(file) is FileKind.SAFETENSORS:
            found += sum(prod(one["shape"]) for one in tensor_header(file).values())
    return found


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
