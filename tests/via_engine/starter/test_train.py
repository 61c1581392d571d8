"""Training runs, resumes, exports a folder stock diffusers loads, and goes on from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from via_engine.errors import ModelError
from via_engine.starter import train
from via_engine.starter.bundle import (
    StarterModel,
    checked_folder,
    packaged_folder,
    read_record,
)
from via_engine.starter.evaluation.evaluate import load_editor
from via_engine.starter.training import pairs, train_editor
from via_engine.starter.training.train_editor import GatheredAttention, build_unet


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four families, one for each shard of picture shapes."""
    for module in (pairs, train_editor):
        monkeypatch.setattr(module, "FAMILIES_PER_SHARD", 1)


@pytest.mark.usefixtures("short")
def test_train_resume_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache, folder = tmp_path / "cache", tmp_path / "editor"
    place = ["--cache", str(cache), "--into", str(folder), "--device", "cpu"]
    assert train.main(["vae", *place, "--steps", "2", "--batch-size", "2"]) == 0
    assert not folder.exists()
    few = ["--families", "4", "--batch-size", "2"]
    assert train.main(["editor", *place, *few, "--steps", "1"]) == 0
    assert train.main(["editor", *place, *few, "--steps", "2"]) == 0
    assert train.main(["decoder", *place, "--steps", "1", "--batch-size", "2"]) == 0
    assert load_editor(checked_folder(folder)).unet.config.in_channels == 32
    record = json.loads((folder / "training.json").read_text())
    assert record["editor"]["steps"] == 2
    assert "starter.train decoder" in record["vae"]["command"]
    assert str(tmp_path) not in (folder / "training.json").read_text()
    told = capsys.readouterr().err
    assert "editor: 100%" in told and "2/2" in told and "samples/s" in told
    with pytest.raises(ModelError, match=r"begun by another command.*--seed 0"):
        train.main(["editor", *place, *few, "--steps", "3", "--seed", "1"])


def test_a_decoder_without_an_autoencoder_says_what_to_train(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="train vae into this cache"):
        train.main(["decoder", "--cache", str(tmp_path), "--into", str(tmp_path / "editor")])


def test_gathered_attention_sees_both_frames_and_matches_the_stock_one() -> None:
    torch.manual_seed(0)
    unet = build_unet().eval()
    for layer in unet.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.normal_(layer.weight, std=0.05)
    latents, words = torch.randn(2, 32, 8, 8), torch.randn(1, 5, 128).repeat(2, 1, 1)
    other = latents.clone()
    other[1] += 1
    with torch.no_grad():
        stock = unet(latents, 500, words).sample
        unet.set_attn_processor(GatheredAttention())
        apart = [unet(one, 500, words).sample[0] for one in (latents, other)]
        unet.set_attn_processor(GatheredAttention(gather=True))
        gathered = [unet(one, 500, words).sample[0] for one in (latents, other)]
    assert torch.allclose(stock[0], apart[0], atol=1e-4)
    assert torch.allclose(apart[0], apart[1], atol=1e-5)
    assert not torch.allclose(gathered[0], gathered[1], atol=1e-4)


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        ("segmenter", ["--batch-size", "2"]),
        ("grounder", ["--batch-size", "2", "--fresh", "2"]),
        ("critic", ["--batch-size", "1"]),
        ("conditioner", ["--batch-size", "2", "--scenes", "3"]),
    ],
)
def test_packaged_model_is_trained_on(
    model: StarterModel, flags: list[str], tmp_path: Path
) -> None:
    cache, folder = tmp_path / "cache", tmp_path / model
    place = ["--cache", str(cache), "--into", str(folder), "--device", "cpu"]
    assert train.main([model, *place, *flags, "--from-packaged", "--steps", "1"]) == 0
    before = read_record(packaged_folder(model))[model]
    after = read_record(checked_folder(folder))[model]
    assert int(after["samples"]) > int(before["samples"])
    assert str(after["command"]).startswith(f"{before['command']} && ")


def test_commands_in_a_row_share_a_cache(tmp_path: Path) -> None:
    place = ["--cache", str(tmp_path), "--into", str(tmp_path / "critic"), "--device", "cpu"]
    command = ["critic", *place, "--batch-size", "1"]
    assert train.main([*command, "--steps", "3"]) == 0
    assert train.main([*command, "--from-packaged", "--steps", "1"]) == 0
    packaged = read_record(packaged_folder("critic"))["critic"]
    second = read_record(checked_folder(tmp_path / "critic"))["critic"]
    assert second["steps"] == 1
    assert int(second["samples"]) > int(packaged["samples"])


def test_checkpoint_of_another_version_names_itself_and_what_to_do(tmp_path: Path) -> None:
    torch.save({"model": {}, "optimizer": {}}, tmp_path / "vae.pt")

    with pytest.raises(ModelError, match=r"vae\.pt is of another version .* move it away"):
        train.main(["vae", "--cache", str(tmp_path), "--device", "cpu", "--steps", "1"])
