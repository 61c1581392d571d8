from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from groundingdino import config as public_configs
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from via_engine.errors import InstructionError, ModelError
from via_engine.masks.ground import Detection, Grounder, load_grounder
from via_engine.starter.bundle import starter_folder
from via_engine.starter.evaluation.evaluate_grounder import (
    box_iou,
    evaluate_grounder,
    grounding_cases,
)
from via_engine.starter.networks.grounder_model import STARTER_CONFIG, starter_grounder
from via_engine.starter.networks.grounding_text import TEXT_FOLDER
from via_engine.starter.world.render import object_mask, render_frame
from via_engine.starter.world.scene import demo_scene

Weights = dict[str, Tensor]


@pytest.fixture(scope="module")
def starter() -> Grounder:
    return load_grounder(starter_folder("grounder"), device="cpu")


@pytest.fixture(scope="module")
def fresh_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained starter-sized grounder, kept as the starter's are."""
    folder = tmp_path_factory.mktemp("grounder")
    torch.manual_seed(4)
    model = starter_grounder(folder / TEXT_FOLDER)
    save_file(
        {name: value.clone() for name, value in model.state_dict().items()},
        folder / "model.safetensors",
    )
    (folder / "config.json").write_text(json.dumps(STARTER_CONFIG))
    return folder


@pytest.fixture
def rewritten_folder(fresh_folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """Builds the same grounder as public files: `config.py` and a training checkpoint."""

    def build(change: Callable[[Weights], object] = lambda weights: None) -> Path:
        weights = load_file(fresh_folder / "model.safetensors")
        change(weights)
        state = {"model": {f"module.{name}": value for name, value in weights.items()}}
        torch.save(state, tmp_path / "grounder.pth")
        lines = [f"{name} = {value!r}" for name, value in STARTER_CONFIG.items()]
        (tmp_path / "config.py").write_text("\n".join(lines))
        shutil.copytree(fresh_folder / TEXT_FOLDER, tmp_path / TEXT_FOLDER)
        return tmp_path

    return build


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def everything(grounder: Grounder, frame: NDArray[np.uint8]) -> tuple[Detection, ...]:
    return grounder.find(frame, "red ball", box_threshold=0.0)


def demo_frame(frame: int = 3, width: int = 256, height: int = 144) -> NDArray[np.uint8]:
    return render_frame(demo_scene(), frame, width=width, height=height)


def true_box(index: int, frame: int, width: int, height: int) -> Any:
    mask = object_mask(demo_scene(), index, frame, width=width, height=height)
    rows, columns = np.nonzero(mask)
    return (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_public_files_give_the_same_grounder(
    fresh_folder: Path, rewritten_folder: Callable[..., Path]
) -> None:
    own = load_grounder(fresh_folder, device="cpu")
    public = load_grounder(rewritten_folder(), device="cpu")
    frame = noise(72, 128)
    assert everything(own, frame) == everything(public, frame)
    assert everything(own, frame)


def test_a_python_configuration_is_not_run(rewritten_folder: Callable[..., Path]) -> None:
    folder = rewritten_folder()
    trace = folder / "trace"
    with (folder / "config.py").open("a") as config:
        config.write(f"\nopen({str(trace)!r}, 'w')\n")
    load_grounder(folder, device="cpu")
    assert not trace.exists()


def test_idle_public_parameters_are_let_pass(rewritten_folder: Callable[..., Path]) -> None:
    def add(weights: Weights) -> None:
        weights["label_enc.weight"] = torch.zeros(3, 4)
        weights["bert.embeddings.position_ids"] = torch.arange(256)[None]

    assert load_grounder(rewritten_folder(add), device="cpu")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda weights: weights.pop("feat_map.bias"), "lacks feat_map.bias"),
        (lambda weights: weights.update(extra=torch.zeros(1)), "has extra too many"),
        (lambda weights: weights.update({"feat_map.bias": torch.zeros(3)}), "size mismatch"),
    ],
)
def test_weights_of_another_model_are_refused(
    rewritten_folder: Callable[..., Path], change: Callable[[Weights], object], told: str
) -> None:
    with pytest.raises(ModelError, match=told):
        load_grounder(rewritten_folder(change), device="cpu")


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda folder: (folder / "grounder.pth").write_bytes(b"cut"), "fetch it again"),
        (lambda folder: (folder / "grounder.pth").unlink(), "no file of weights"),
        (lambda folder: (folder / "config.py").write_text("enc_layers = ("), "fetch it again"),
        (lambda folder: (folder / "config.py").write_text("a = 1"), "holds no config.json"),
        (lambda folder: shutil.rmtree(folder / TEXT_FOLDER), "put BERT's config.json"),
        (lambda folder: (folder / "other.py").write_text("a = 1"), "several"),
    ],
)
def test_damaged_folders_are_told(
    rewritten_folder: Callable[..., Path], harm: Callable[[Path], object], told: str
) -> None:
    folder = rewritten_folder()
    harm(folder)
    with pytest.raises(ModelError, match=told):
        load_grounder(folder, device="cpu")


def test_a_checkpoint_that_would_run_code_is_refused(
    rewritten_folder: Callable[..., Path],
) -> None:
    folder = rewritten_folder()
    torch.save({"model": {"feat_map.bias": Path("anything")}}, folder / "grounder.pth")
    with pytest.raises(ModelError, match="more than tensors"):
        load_grounder(folder, device="cpu")


def test_the_public_configuration_builds_at_its_size(fresh_folder: Path, tmp_path: Path) -> None:
    source = Path(next(iter(public_configs.__path__))) / "GroundingDINO_SwinT_OGC.py"
    shutil.copy(source, tmp_path)
    torch.save({"model": {}}, tmp_path / "groundingdino_swint_ogc.pth")
    with pytest.raises(ModelError) as refused:
        load_grounder(tmp_path, device="cpu", text_folder=fresh_folder / TEXT_FOLDER)
    # Nothing but the weights was wrong: a model with the public names was there to be filled.
    assert "has none too many" in str(refused.value)
    assert "transformer.level_embed" in str(refused.value)


@pytest.mark.parametrize("phrase", ["", "  ", " . ", "?"])
def test_blank_phrases_are_refused(starter: Grounder, phrase: str) -> None:
    with pytest.raises(InstructionError, match="name what to find"):
        starter.find(demo_frame(), phrase)


def test_endless_phrases_are_refused(starter: Grounder) -> None:
    with pytest.raises(InstructionError, match="in a few words"):
        starter.find(demo_frame(), "ball " * 300)


@pytest.mark.parametrize("phrase", ["zeppelin", "Ünïcödé 🎈", "the. and? 7!", "a" * 60])
def test_words_of_no_world_run_and_find_nothing_sure(starter: Grounder, phrase: str) -> None:
    assert all(found.score < 0.6 for found in starter.find(demo_frame(), phrase))


def test_every_phrase_is_answered_and_case_does_not_matter(starter: Grounder) -> None:
    found = starter.find(demo_frame(), "Red Ball . STAR. heart")
    assert {one.phrase for one in found} == {"red ball", "star"}
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for index, phrase in enumerate(("red ball", "star")):
        best = next(one for one in found if one.phrase == phrase)
        assert best.words == phrase
        assert box_iou(best.box_xyxy, true_box(index, 3, 256, 144)) > 0.5


@pytest.mark.parametrize(
    ("width", "height"), [(256, 144), (160, 96), (128, 128), (144, 256), (640, 360), (1920, 802)]
)
def test_any_shape_of_frame(starter: Grounder, width: int, height: int) -> None:
    found = starter.find(demo_frame(3, width, height), "ball")
    assert box_iou(found[0].box_xyxy, true_box(0, 3, width, height)) > 0.5


@pytest.mark.parametrize(("width", "height"), [(16, 400), (400, 16), (8, 8)])
def test_boxes_stay_inside_narrow_frames(starter: Grounder, width: int, height: int) -> None:
    for found in everything(starter, noise(height, width)):
        left, top, right, bottom = found.box_xyxy
        assert 0 <= left <= right <= width
        assert 0 <= top <= bottom <= height


def test_an_object_that_left_the_frame_scores_below_one_that_stayed(starter: Grounder) -> None:
    scene = demo_scene()
    ball, star = scene.objects
    away = replace(ball.trajectory, centre_xy=(3.0, 0.5))
    gone = replace(scene, objects=(replace(ball, trajectory=away), star))
    frame = render_frame(gone, 0, width=256, height=144)
    stayed = starter.find(frame, "star", box_threshold=0.0)[0]
    left = starter.find(frame, "ball", box_threshold=0.0)[0]
    assert stayed.score > max(0.5, left.score)


def test_the_packaged_grounder_finds_what_is_named(starter: Grounder) -> None:
    figures = evaluate_grounder(starter, 30, 61)
    assert figures.right >= 0.9
    assert figures.mean_iou >= 0.7


def test_what_is_there_scores_higher_than_what_is_not(starter: Grounder) -> None:
    there, absent = [], []
    for case in grounding_cases(20, 62):
        there += [one.score for one in starter.find(case.frame, case.phrase)[:1]]
        absent += [one.score for one in starter.find(case.frame, case.absent_phrase)[:1]]
    assert np.mean([score > 0.5 for score in there]) > 0.7
    assert sum(score > 0.5 for score in absent) / 20 < 0.4
