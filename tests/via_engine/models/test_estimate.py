"""Estimates before the first run: operations as torch itself counts them, memory as planned."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

from via_engine.config import EngineConfig
from via_engine.models.catalog import load_catalog, read_card
from via_engine.models.device_speed import device_facts
from via_engine.models.estimate import DeviceFacts, EditSize, estimated

CONFIG = EngineConfig()
FACTS = DeviceFacts(
    memory_bytes=64 << 30,
    used_bytes=0,
    weight_bytes=4,
    has_main_memory=False,
    flops_per_s=1.0,  # so that seconds are operations
    float32_flops_per_s=1.0,
    call_s=0.0,
)
LEVELS = {
    "small": ((32, 64), ("CrossAttnDownBlock2D", "DownBlock2D"), 1),
    "as Stable Diffusion 1.5": ((64, 128, 256, 256), ("CrossAttnDownBlock2D",) * 3, 2),
    "as Stable Diffusion XL": ((64, 128, 256), ("DownBlock2D",), [1, 2, 4]),
}


def pipeline(folder: Path, name: str) -> tuple[UNet2DConditionModel, AutoencoderKL]:
    """Networks without numbers, and a folder of files that take no disk but name their shapes."""
    widths, kinds, depth = LEVELS[name]
    other = "CrossAttnDownBlock2D" if kinds[0] == "DownBlock2D" else "DownBlock2D"
    down = (*kinds, *(other,) * (len(widths) - len(kinds)))
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            in_channels=8,
            out_channels=4,
            block_out_channels=widths,
            down_block_types=down,
            up_block_types=[kind.replace("Down", "Up") for kind in reversed(down)],
            transformer_layers_per_block=depth if isinstance(depth, list) else 1,
            cross_attention_dim=96,
            norm_num_groups=8,
        )
        vae = AutoencoderKL(
            block_out_channels=(32, 64, 64, 64),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            norm_num_groups=8,
        )
    for part, network in (("unet", unet), ("vae", vae)):
        (folder / part).mkdir(parents=True)
        write_shapes(folder / part / "model.safetensors", network.state_dict())
    (folder / "model_index.json").write_text("{}")
    return unet, vae


def write_shapes(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    end, entries = 0, {}
    for name, tensor in tensors.items():
        size = 4 * prod(tensor.shape)
        entries[name] = {
            "dtype": "F32",
            "shape": [*tensor.shape],
            "data_offsets": [end, end + size],
        }
        end += size
    header = json.dumps(entries).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + end)


def operations(run: Callable[[], Any]) -> int:
    with (
        torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        FlopCounterMode(display=False) as counted,
    ):
        run()
    return counted.get_total_flops()


@pytest.mark.parametrize("name", LEVELS)
def test_operations_are_those_torch_counts(tmp_path: Path, name: str) -> None:
    unet, vae = pipeline(tmp_path / "model", name)
    card = read_card(name, tmp_path / "model")
    size = EditSize(width=256, height=192, steps=1, group_size=1)
    meta = torch.device("meta")
    latents, words = (torch.empty(shape, device=meta) for shape in ((3, 8, 24, 32), (3, 77, 96)))
    picture, coded = (
        torch.empty((1, n, h, w), device=meta) for n, h, w in ((3, 192, 256), (4, 24, 32))
    )
    moment = torch.zeros((), device=meta)
    step = operations(lambda: unet(latents, moment, words))
    around = operations(lambda: vae.encode(picture)) + 2 * operations(lambda: vae.decode(coded))
    one = estimated(CONFIG, card, FACTS, size)
    ten = estimated(CONFIG, card, FACTS, replace(size, steps=10))
    assert one is not None and ten is not None
    assert one.seconds_per_frame == pytest.approx(step + around, rel=0.05)
    assert ten.seconds_per_frame == pytest.approx(10 * step + around, rel=0.05)
    grouped = estimated(CONFIG, card, FACTS, replace(size, group_size=4))
    assert grouped is not None and grouped.seconds_per_frame > one.seconds_per_frame


def test_a_small_model_takes_as_long_as_its_calls(tmp_path: Path) -> None:
    pipeline(tmp_path / "model", "small")
    card = read_card("small", tmp_path / "model")
    size = EditSize(width=64, height=64, steps=10, group_size=4)
    fast = replace(FACTS, flops_per_s=1e18, float32_flops_per_s=1e18, call_s=1e-5)
    found = [estimated(replace(CONFIG, batch_frames=batch), card, fast, size) for batch in (1, 4)]
    alone, together = (one.seconds_per_frame for one in found if one is not None)
    assert alone == pytest.approx(4 * together, rel=0.01)
    assert 1e-3 < alone < 1


def test_memory_follows_the_working_size_and_the_plan() -> None:
    card = load_catalog(CONFIG).cards[0]
    size = EditSize(width=256, height=256, steps=card.steps, group_size=4)
    whole = estimated(CONFIG, card, FACTS, size)
    half = estimated(CONFIG, card, FACTS, replace(size, height=128))
    assert whole is not None and half is not None
    assert 1 << 30 < half.memory_bytes < whole.memory_bytes < 3 << 30


def test_a_model_without_shapes_is_not_estimated(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("{}")
    card = read_card("empty", tmp_path)
    size = EditSize(width=64, height=64, steps=1, group_size=1)
    assert estimated(CONFIG, card, FACTS, size) is None


def test_the_device_is_measured() -> None:
    facts = device_facts(torch.device("cpu"), torch.float32)
    assert facts.weight_bytes == 4 and not facts.has_main_memory
    assert 1e8 < facts.flops_per_s == facts.float32_flops_per_s < 1e14
    assert 1e-8 < facts.call_s < 1e-2
