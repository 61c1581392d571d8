"""What an edit will take before it was ever run: operations counted from the weights' shapes.

Pure: a model's files and what is known of the device in, an estimate out. No torch, and no weight
is read but its shape. A model that has run is better known by what it took.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from math import ceil, prod
from pathlib import Path
from typing import NamedTuple

from via_engine.config import EngineConfig
from via_engine.model_card import ModelCard
from via_engine.models.memory_plan import plan_memory
from via_engine.weights.file_kind import FileKind, kind_of, tensor_header

_BRANCHES = 3
_TEXT_TOKENS = 77
# A weight stands for the operations around it: norm, activation, addition, change of shape.
_CALLS_PER_WEIGHT = 4
# Every frame goes into the VAE once and comes out of it twice: edited, and as it was.
_DECODES = 2
_MULTIPLY_ADD = 2


@dataclass(frozen=True, kw_only=True)
class DeviceFacts:
    """What an estimate has to know of a device.

    Attributes:
        memory_bytes: memory of the device.
        used_bytes: what the engine takes of it before it has loaded a model.
        weight_bytes: per weight of an editor.
        has_main_memory: whether the computer has memory beside the device's.
        flops_per_s: floating-point operations per second in the editor's precision, to expect from
            a block of convolutions and attention that was measured.
        float32_flops_per_s: the same in float32, in which the VAE runs.
        call_s: what one operation takes however small it is.
    """

    memory_bytes: int
    used_bytes: int
    weight_bytes: int
    has_main_memory: bool
    flops_per_s: float
    float32_flops_per_s: float
    call_s: float


@dataclass(frozen=True, kw_only=True)
class EditSize:
    """What of an edit decides its cost: working size in pixels, steps, frames in the group."""

    width: int
    height: int
    steps: int
    group_size: int


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What an edit is expected to take; memory on the device at the most."""

    seconds_per_frame: float
    memory_bytes: int


def estimated(
    config: EngineConfig, card: ModelCard, facts: DeviceFacts, size: EditSize
) -> Estimate | None:
    """What edits with a model take; None where its files do not say how large it is.

    Raises:
        ModelIntegrityError: a weight file is damaged.
    """
    unet = _weights(card.folder / "unet")
    if not unet:
        return None
    return Estimate(
        seconds_per_frame=_seconds_per_frame(unet, card, facts, size, config.batch_frames),
        memory_bytes=_memory_bytes(config, card, facts, size),
    )


def _seconds_per_frame(
    unet: tuple[_Weight, ...],
    card: ModelCard,
    facts: DeviceFacts,
    size: EditSize,
    batch_frames: int,
) -> float:
    vae = _weights(card.folder / "vae")
    coded = sum(
        _flops(weight, size.width, size.height)
        * (1 if weight.name.startswith(("encoder.", "quant")) else _DECODES)
        for weight in vae
    )
    scale = 2 ** max((weight.level for weight in vae), default=0)
    across, down = ceil(size.width / scale), ceil(size.height / scale)
    step = _BRANCHES * sum(
        _flops(weight, across, down, group_size=size.group_size) for weight in unet
    )
    # What a batch computes together is called once.
    calls_s = len(unet) * _CALLS_PER_WEIGHT * facts.call_s / batch_frames
    step_s = max(step / facts.flops_per_s, calls_s)
    return size.steps * step_s + coded / facts.float32_flops_per_s


def _memory_bytes(config: EngineConfig, card: ModelCard, facts: DeviceFacts, size: EditSize) -> int:
    plan = plan_memory(
        config,
        card,
        total_bytes=facts.memory_bytes,
        weight_bytes=facts.weight_bytes,
        has_main_memory=facts.has_main_memory,
        pixels=size.width * size.height,
        steps=size.steps,
    )
    return plan.peak_bytes


class _Weight(NamedTuple):
    """A weight that multiplies: where it stands, how large it is, its inputs are how far halved."""

    name: str
    numbers: int
    width: int
    level: int


def _flops(weight: _Weight, across: int, down: int, *, group_size: int = 0) -> float:
    """Operations of a weight, with the attention it asks for, in one picture of that size."""
    pixels = ceil(across / 2**weight.level) * ceil(down / 2**weight.level)
    tokens = pixels
    if weight.name.endswith(("attn2.to_k.weight", "attn2.to_v.weight")):
        tokens = _TEXT_TOKENS
    looked_at = 0
    if weight.name.endswith("attn1.to_q.weight"):
        looked_at = pixels * max(1, group_size)
    elif weight.name.endswith("attn2.to_q.weight"):
        looked_at = _TEXT_TOKENS
    # Scores, then the mean of what they weigh.
    attention = 2 * pixels * looked_at * weight.width
    return float(_MULTIPLY_ADD * (weight.numbers * tokens + attention))


@cache
def _weights(folder: Path) -> tuple[_Weight, ...]:
    """The matrices and kernels in the safetensors files of a diffusers folder."""
    shapes = {
        name: tuple(entry["shape"])
        for file in sorted(folder.glob("*.safetensors"))
        if kind_of(file) is FileKind.SAFETENSORS
        for name, entry in tensor_header(file).items()
    }
    # Embeddings of the time are as small as the text, and there is one of each.
    names = [
        name
        for name, shape in shapes.items()
        if name.endswith(".weight") and len(shape) > 1 and "time_emb" not in name
    ]
    deepest = max((int(found[2]) for name in names if (found := _BLOCK.match(name))), default=0)
    return tuple(
        _Weight(name, prod(shapes[name]), shapes[name][0], _level(name, deepest)) for name in names
    )


def _level(name: str, deepest: int) -> int:
    """How often the picture is halved where a weight of a UNet or a VAE stands."""
    found = _BLOCK.match(name)
    if found is None:
        return deepest if _MIDDLE.match(name) else 0
    side, number, part = found[1], int(found[2]), found[3]
    if side == "down":
        return number + 1 if part == "downsamplers" else number
    level = deepest - number
    return level - 1 if part == "upsamplers" else level


_BLOCK = re.compile(r"(?:encoder\.|decoder\.)?(down|up)_blocks\.(\d+)\.(\w+)")
_MIDDLE = re.compile(r".*mid_block|encoder\.conv_out|decoder\.conv_in|quant_conv|post_quant_conv")
