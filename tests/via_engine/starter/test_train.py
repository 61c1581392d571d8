"""Training runs, resumes, exports a folder stock diffusers loads, and goes on from it."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import get_args

import pytest
import torch

from via_engine import half_products
from via_engine.errors import ModelError, ModelIntegrityError, OutputError
from via_engine.starter import bundle, train
from via_engine.starter.bundle import (
    StarterModel,
    checked_folder,
    packaged_folder,
    read_record,
)
from via_engine.starter.evaluation.evaluate import load_editor
from via_engine.starter.training import pairs, train_editor
from via_engine.starter.training.train_editor import GatheredAttention, build_unet


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four families, one for each shard of picture shapes."""
    monkeypatch.setattr(pairs, "FAMILIES_PER_SHARD", 1)


@pytest.mark.usefixtures("short")
def test_train_resume_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
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
    # A world that draws other things: pairs are encoded anew.
    monkeypatch.setattr(train_editor, "drawing_identity", lambda: "another")
    assert train.main(["editor", *place, *few, "--steps", "3"]) == 0
    assert [len(list(one.iterdir())) for one in cache.glob("pairs_of_*")] == [4, 4]


@pytest.mark.usefixtures("short")
def test_an_editor_belongs_to_the_autoencoder_whose_latents_it_learned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache, folder = tmp_path / "cache", tmp_path / "editor"
    place = ["--cache", str(cache), "--into", str(folder), "--device", "cpu", "--batch-size", "2"]
    editor = ["editor", *place, "--families", "1", "--steps", "1"]
    assert train.main(["vae", *place, "--steps", "1"]) == 0
    assert train.main(editor) == 0
    first = (folder / "training.json").read_text()
    assert train.main(["vae", *place, "--steps", "2"]) == 0
    assert "the one there is of another" in capsys.readouterr().err
    assert (folder / "training.json").read_text() == first
    with pytest.raises(ModelError, match="learned on another autoencoder"):
        train.main(editor)


@pytest.mark.usefixtures("short")
def test_parts_cut_short_are_packaged_only_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache, folder = tmp_path / "cache", tmp_path / "editor"
    place = ["--cache", str(cache), "--into", str(folder), "--device", "cpu", "--batch-size", "2"]
    editor = ["editor", *place, "--families", "1", "--steps", "2"]
    vae = ["vae", *place, "--steps", "1"]
    assert train.main([*vae, "--time-limit-s", "0"]) == 0
    with pytest.raises(ModelError, match="no autoencoder that was trained to its end"):
        train.main(editor)
    assert train.main(vae) == 0
    assert train.main([*editor, "--time-limit-s", "0"]) == 0
    assert train.main(["decoder", *place, "--steps", "1"]) == 0
    assert "once an editor is trained" in capsys.readouterr().err
    assert not folder.exists()
    assert train.main([*editor, "--export-only"]) == 0
    assert read_record(checked_folder(folder))["editor"]["steps"] == 0


def test_what_was_trained_on_is_packaged_when_only_that_is_asked(tmp_path: Path) -> None:
    folder = tmp_path / "editor"
    place = ["--cache", str(tmp_path / "cache"), "--into", str(folder), "--device", "cpu"]
    command = ["decoder", *place, "--from-packaged", "--batch-size", "2", "--steps", "1"]
    assert train.main(command) == 0
    shutil.rmtree(folder)
    assert train.main([*command, "--export-only"]) == 0
    assert read_record(checked_folder(folder))["vae"]["steps"] == 1


def test_a_seed_makes_one_autoencoder(tmp_path: Path) -> None:
    found = []
    for cache in (tmp_path / "first", tmp_path / "second"):
        words = ["--cache", str(cache), "--into", str(tmp_path / "editor"), "--device", "cpu"]
        assert train.main(["vae", *words, "--batch-size", "1", "--steps", "1"]) == 0
        found.append(torch.load(cache / "vae.pt", weights_only=True)["model"])
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_processes_that_use_different_parts_train_together(tmp_path: Path) -> None:
    place = ["--cache", str(tmp_path / "cache"), "--into", str(tmp_path / "segmenter")]
    # Boxes in one process and clicks in the other: about every second step.
    flags = ["--batch-size", "1", "--prompts", "1", "--steps", "6", "--port", str(free_port())]
    assert train.main(["segmenter", *place, *flags, "--processes", "2", "--device", "cpu"]) == 0
    assert read_record(checked_folder(tmp_path / "segmenter"))["segmenter"]["steps"] == 6


def test_an_error_of_several_processes_is_told_as_one(tmp_path: Path) -> None:
    flags = ["--cache", str(tmp_path), "--into", str(tmp_path / "editor"), "--device", "cpu"]
    with pytest.raises(ModelError, match=r"^\S+ holds no autoencoder .* train vae first"):
        train.main(["editor", *flags, "--processes", "2", "--port", str(free_port())])


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="holds no trained model"):
        train.main(["critic", "--cache", str(tmp_path / "cache"), "--into", str(tmp_path)])
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("flag", ["--steps", "--processes", "--batch-size"])
def test_nothing_to_do_is_refused(flag: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        train.main(["critic", "--cache", str(tmp_path), flag, "0"])
    assert ended.value.code == 2


def test_training_does_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    place = ["--cache", str(tmp_path / "cache"), "--into", str(tmp_path / "critic")]
    flags = ["--device", "cpu", "--batch-size", "1", "--steps", "1"]
    assert train.main(["critic", *place, *flags]) == 0
    assert read_record(checked_folder(tmp_path / "critic"))["critic"]["commit"] == ""


@pytest.mark.usefixtures("short")
def test_a_packaged_editor_goes_on_with_the_autoencoder_it_was_packaged_with(
    tmp_path: Path,
) -> None:
    cache, folder = tmp_path / "cache", tmp_path / "editor"
    place = ["--cache", str(cache), "--into", str(folder), "--device", "cpu", "--batch-size", "2"]
    assert train.main(["vae", *place, "--steps", "1"]) == 0
    few = ["--families", "4", "--steps", "1"]
    assert train.main(["editor", *place, *few, "--from-packaged"]) == 0
    packaged, made = (read_record(one)["vae"] for one in (packaged_folder("editor"), folder))
    assert made == packaged


def test_a_training_cut_short_is_not_packaged_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "critic"
    place = ["--cache", str(tmp_path / "cache"), "--into", str(folder), "--device", "cpu"]
    command = ["critic", *place, "--from-packaged", "--batch-size", "1", "--steps", "2"]
    assert train.main([*command, "--time-limit-s", "0"]) == 0
    assert "stopped at step 0 of 2" in capsys.readouterr().err
    assert not folder.exists()
    assert train.main(command) == 0
    packaged = read_record(packaged_folder("critic"))["critic"]
    made = read_record(checked_folder(folder))["critic"]
    assert (made["steps"], str(made["command"]).count(" && ")) == (
        2,
        str(packaged["command"]).count(" && ") + 1,
    )


def test_altered_weights_are_not_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(packaged_folder("critic"), tmp_path / "critic")
    with (tmp_path / "critic" / "config.json").open("a") as file:
        file.write(" ")
    monkeypatch.setattr(bundle, "_WEIGHTS", tmp_path)
    with pytest.raises(ModelIntegrityError, match=r"config\.json is altered"):
        train.main(["critic", "--cache", str(tmp_path / "cache"), "--from-packaged"])


def test_processes_that_begin_together_train_one_model(tmp_path: Path) -> None:
    place = ["--cache", str(tmp_path / "cache"), "--into", str(tmp_path / "grounder")]
    flags = ["--batch-size", "1", "--fresh", "2", "--steps", "1", "--port", str(free_port())]
    assert train.main(["grounder", *place, *flags, "--processes", "2", "--device", "cpu"]) == 0
    assert read_record(checked_folder(tmp_path / "grounder"))["grounder"]["samples"] == 2


@pytest.mark.parametrize("model", ["segmenter", "critic"])
def test_a_processor_without_bfloat16_trains_in_float32(
    model: StarterModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(half_products, "has_half_products", lambda device: False)
    place = ["--cache", str(tmp_path / "cache"), "--into", str(tmp_path / model)]
    assert train.main([model, *place, "--device", "cpu", "--batch-size", "1", "--steps", "1"]) == 0


@pytest.mark.parametrize("model", get_args(StarterModel))
def test_recorded_commands_can_be_given_again(model: StarterModel, tmp_path: Path) -> None:
    for part, record in read_record(packaged_folder(model)).items():
        assert {"seed", "steps", "samples", "wall_time_s", "final_loss", "commit"} <= set(record)
        commands = [record["command"], record.get("from_nothing", record["command"])]
        for command in " && ".join(map(str, commands)).split(" && "):
            module, *words = command.removeprefix("python -m ").split()
            assert module == "via_engine.starter.train", part
            again = [word for word in words if word != "--from-packaged"]
            # Read to the end, and refused for what is not there.
            with pytest.raises(ModelError, match="holds no trained"):
                train.main([*again, "--cache", str(tmp_path), "--export-only"])


def test_all_weights_together_are_small() -> None:
    folders = [packaged_folder(model) for model in get_args(StarterModel)]
    sizes = [one.stat().st_size for folder in folders for one in folder.rglob("*.safetensors")]
    assert sum(sizes) < 60e6


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
    first = torch.load(tmp_path / "critic.pt", weights_only=True)
    assert first["step"] == 3
    assert int(second["samples"]) > int(packaged["samples"])


def test_checkpoint_of_another_version_names_itself_and_what_to_do(tmp_path: Path) -> None:
    torch.save({"model": {}, "optimizer": {}}, tmp_path / "vae.pt")

    with pytest.raises(ModelError, match=r"vae\.pt is of another version .* move it away"):
        train.main(["vae", "--cache", str(tmp_path), "--device", "cpu", "--steps", "1"])
