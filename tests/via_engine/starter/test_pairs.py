"""Families yield many true pairs, and shards come back as they were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from via_engine.starter.training import pairs
from via_engine.starter.training.pairs import build_family, load_pairs, write_shard
from via_engine.starter.world.scene import edited_scenes
from via_engine.starter.world.vocabulary import held_out_words


def _fake_encode(frames: np.ndarray) -> Tensor:
    small = torch.from_numpy(frames[:, ::8, ::8, :1]).permute(0, 3, 1, 2).float() / 255
    return small.repeat(1, 16, 1, 1)


@pytest.mark.parametrize("seed", range(6))
def test_every_pair_is_a_true_answer(seed: int) -> None:
    family = build_family(seed, width=64, height=64)
    assert len(family.pairs) >= 7
    for pair in family.pairs:
        source, target = family.members[pair.source], family.members[pair.target]
        assert not held_out_words(pair.instruction)
        if pair.instruction.edit in ("recolour", "vague_recolour", "kind", "remove"):
            index = min(len(source.objects), len(target.objects))
            answers = edited_scenes(source, pair.instruction)
            shown = [_as_seen(answer.objects) for answer in answers]
            assert _as_seen(target.objects) in shown, (index, pair)


def test_shard_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "FAMILIES_PER_SHARD", 3)
    for shard in range(len(pairs.SIZES)):
        write_shard(tmp_path, shard, _fake_encode)
    table = load_pairs(tmp_path, 1, 4)
    assert table.latents.shape[1:] == (16, 16, 16)
    assert table.latents.dtype == torch.float16
    assert int(table.rows[:, :2].max()) + 1 < len(table.latents)
    assert sum(map(len, table.rows_by_edit.values())) == len(table.rows)
    assert load_pairs(tmp_path, 0, 4).latents.shape[2:] == (18, 32)
    assert load_pairs(tmp_path, 3, 4).latents.shape[2:] == (12, 20)


def _as_seen(objects: tuple[object, ...]) -> list[str]:
    return [repr(thing) for thing in objects]
