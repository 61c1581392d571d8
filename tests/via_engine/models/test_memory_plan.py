"""Room on a device goes by the plan; sizes are those of the public layouts."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from via_engine.config import EngineConfig
from via_engine.model_card import ModelCard
from via_engine.models.catalog import read_card
from via_engine.models.memory_plan import (
    CONDITIONER,
    EDITOR,
    GROUP,
    LOOKERS,
    WORK,
    MemoryPlan,
    Stay,
    group_bytes,
    plan_memory,
)

GB = 10**9
UNET_15: dict[str, Any] = {
    "block_out_channels": [320, 640, 1280, 1280],
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "layers_per_block": 2,
}
CONFIG = EngineConfig()


def weights_of(path: Path, count: int) -> None:
    """A safetensors file of so many numbers in half precision that takes no disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entry = {"dtype": "F16", "shape": [count], "data_offsets": [0, 2 * count]}
    header = json.dumps({"weight": entry}).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + 2 * count)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sizes of Stable Diffusion 1.5's InstructPix2Pix."""
    folder = tmp_path / "model"
    weights_of(folder / "unet" / "diffusion_pytorch_model.safetensors", 859_532_484)
    weights_of(folder / "vae" / "diffusion_pytorch_model.safetensors", 83_653_863)
    weights_of(folder / "text_encoder" / "model.safetensors", 123_060_480)
    (folder / "unet" / "config.json").write_text(json.dumps(UNET_15))
    vae = {"block_out_channels": [128, 256, 512, 512]}
    (folder / "vae" / "config.json").write_text(json.dumps(vae))
    (folder / "model_index.json").write_text("{}")
    return folder


@pytest.fixture
def card(folder: Path) -> ModelCard:
    return read_card("big", folder)


@pytest.fixture
def mgie(folder: Path) -> ModelCard:
    weights_of(folder / "llava" / "model.safetensors", 6_738_000_000)
    weights_of(folder / "vision_tower" / "model.safetensors", 303_000_000)
    card = {"kind": "mgie", "accept_noncommercial": True}
    (folder / "via_model.json").write_text(json.dumps(card))
    return read_card("mgie", folder)


def plan(card: ModelCard, total_gb: float, **config: Any) -> MemoryPlan:
    return plan_memory(EngineConfig(**config), card, total_bytes=int(total_gb * GB), weight_bytes=2)


def size(found: MemoryPlan, name: str) -> int:
    return next(part.size_bytes for part in found.parts if part.name == name)


def test_a_group_takes_what_the_public_layout_says(card: ModelCard) -> None:
    """46,202,880 bytes a frame, step and branch at 512 × 512 in two bytes: four frames, ten steps,
    three branches.
    """
    assert group_bytes(card, 2) == 46_202_880 * 4 * 10 * 3


def test_sizes_of_weights_are_exact(card: ModelCard) -> None:
    expected = 2 * (859_532_484 + 123_060_480) + 4 * 83_653_863
    assert size(plan(card, 80), EDITOR) == expected


def test_on_a_large_card_everything_stays(mgie: ModelCard) -> None:
    found = plan(mgie, 80)
    assert found.fits
    assert all(part.stay is Stay.RESIDENT for part in found.parts)
    assert found.group_cache_bytes == CONFIG.group_cache_bytes


def test_on_24_gb_mgies_language_model_leaves_after_use(mgie: ModelCard) -> None:
    found = plan(mgie, 24)
    assert found.fits
    assert size(found, CONDITIONER) == 2 * (6_738_000_000 + 303_000_000)
    assert [part.name for part in found.parts if part.stay is not Stay.RESIDENT] == [CONDITIONER]


def test_on_8_gb_the_group_is_made_anew(card: ModelCard) -> None:
    found = plan(card, 8)
    assert found.fits
    assert not found.stays(GROUP)
    assert found.stays(LOOKERS)
    assert found.group_cache_bytes < size(found, GROUP)


def test_what_looks_at_pictures_leaves_before_the_edit_suffers(
    card: ModelCard, tmp_path: Path
) -> None:
    weights_of(tmp_path / "sam.safetensors", 641_000_000)
    segmenter = tmp_path / "sam.safetensors"
    needed = sum(part.size_bytes for part in plan(card, 80).parts if part.name != LOOKERS) / GB
    found = plan(card, needed + 1, segmenter_path=segmenter)
    assert (found.stays(GROUP), found.stay_of(LOOKERS)) == (True, Stay.OFFLOADED)
    alone = plan_memory(
        EngineConfig(segmenter_path=segmenter),
        card,
        total_bytes=found.total_bytes,
        weight_bytes=2,
        has_main_memory=False,
    )
    assert alone.stay_of(LOOKERS) is Stay.AFTER_USE


def test_too_small_a_device_is_told(card: ModelCard) -> None:
    found = plan(card, 2)
    assert not found.fits
    assert not found.stays(EDITOR)
    assert (plan(card, 3).fits, plan(card, 3).stays(EDITOR)) == (False, True)
    assert not plan(card, 3).stays(WORK)
