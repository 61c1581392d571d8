"""Boxes and clicks become the masks of the world's objects; files that do not fit are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from segment_anything import sam_model_registry

from via_engine.errors import ModelError, RequestError
from via_engine.masks.segment import Segmenter, load_segmenter
from via_engine.starter.bundle import packaged_folder, starter_folder
from via_engine.starter.evaluation.scores import mask_overlap
from via_engine.starter.networks.sam_model import SamArchitecture
from via_engine.starter.training.prompted_pictures import bounding_box
from via_engine.starter.world.render import object_mask, render_frame
from via_engine.starter.world.scene import demo_scene

CPU = torch.device("cpu")
# Far above what a wrong box, a wrong order or wrong coordinates reach; quality is benched.
THE_RIGHT_OBJECT = 0.7
Frame = NDArray[np.uint8]
Masks = NDArray[np.bool_]


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return load_segmenter(starter_folder("segmenter"), device=CPU)


def demo_truth(width: int, height: int) -> tuple[Frame, Masks]:
    """A frame of the demo scene, and the masks of its ball and its star."""
    masks = [object_mask(demo_scene(), index, 0, width=width, height=height) for index in (0, 1)]
    return render_frame(demo_scene(), 0, width=width, height=height), np.stack(masks)


def boxes_around(masks: Masks) -> NDArray[np.float32]:
    return np.stack([bounding_box(mask) for mask in masks])


@pytest.mark.parametrize(
    ("width", "height"), [(256, 144), (160, 96), (128, 128), (144, 256), (640, 360), (255, 143)]
)
def test_every_box_gets_the_mask_of_its_own_object(
    segmenter: Segmenter, width: int, height: int
) -> None:
    frame, truth = demo_truth(width, height)
    both = segmenter.segment(frame, boxes_xyxy=boxes_around(truth))
    swapped = segmenter.segment(frame, boxes_xyxy=boxes_around(truth[::-1]))
    assert both.shape == (2, height, width)
    assert both.dtype == np.bool_
    assert min(map(mask_overlap, both, truth)) > THE_RIGHT_OBJECT
    assert min(map(mask_overlap, swapped, truth[::-1])) > THE_RIGHT_OBJECT


def test_a_4k_frame_is_segmented_at_its_own_size(segmenter: Segmenter) -> None:
    small, truth = demo_truth(256, 144)
    frame = np.asarray(cv2.resize(small, (3840, 2160), interpolation=cv2.INTER_CUBIC), np.uint8)
    found = segmenter.segment(frame, boxes_xyxy=15 * boxes_around(truth))
    assert found.shape == (2, 2160, 3840)
    enlarged = np.repeat(np.repeat(truth, 15, axis=1), 15, axis=2)
    assert min(map(mask_overlap, found, enlarged)) > THE_RIGHT_OBJECT


def test_a_click_means_the_object_under_it(segmenter: Segmenter) -> None:
    frame, truth = demo_truth(256, 144)
    for mask in truth:
        rows, columns = np.nonzero(mask)
        middle = np.array([[np.median(columns), np.median(rows)]])
        found = segmenter.segment(frame, points_xy=middle, point_labels=np.array([1]))
        assert found.shape == (1, 144, 256)
        assert mask_overlap(found[0], mask) > THE_RIGHT_OBJECT


def test_a_box_that_is_a_little_off_still_finds_the_object(segmenter: Segmenter) -> None:
    frame, truth = demo_truth(256, 144)
    boxes = boxes_around(truth) + np.array([-3, 3, 4, -2])
    found = segmenter.segment(frame, boxes_xyxy=boxes)
    assert min(map(mask_overlap, found, truth)) > THE_RIGHT_OBJECT


def test_a_closer_look_outlines_better(segmenter: Segmenter) -> None:
    once = Segmenter(segmenter.sam)
    overlaps: dict[str, list[float]] = {"once": [], "closer": []}
    for number in range(8):
        frame = render_frame(demo_scene(), 3 * number, width=256, height=144)
        for index in (0, 1):
            truth = object_mask(demo_scene(), index, 3 * number, width=256, height=144)
            for name, one in (("once", once), ("closer", segmenter)):
                found = one.segment(frame, boxes_xyxy=bounding_box(truth)[None])
                overlaps[name].append(mask_overlap(found[0], truth))
    assert np.mean(overlaps["closer"]) > np.mean(overlaps["once"])


def test_an_object_at_the_edge_stays_inside_the_frame(segmenter: Segmenter) -> None:
    frame, truth = demo_truth(256, 144)
    left = int(bounding_box(truth[0])[:2][0]) + 12
    cut, mask = np.ascontiguousarray(frame[:, left:]), truth[0][:, left:]
    found = segmenter.segment(cut, boxes_xyxy=bounding_box(mask)[None])
    assert found.shape == (1, *mask.shape)
    assert mask_overlap(found[0], mask) > THE_RIGHT_OBJECT


def test_no_boxes_give_no_masks(segmenter: Segmenter) -> None:
    found = segmenter.segment(np.zeros((90, 160, 3), np.uint8), boxes_xyxy=np.zeros((0, 4)))
    assert found.shape == (0, 90, 160)
    assert found.dtype == np.bool_


def test_the_same_frame_is_encoded_once() -> None:
    segmenter = Segmenter(load_segmenter(packaged_folder("segmenter"), device=CPU).sam)
    encoded: list[int] = []
    segmenter.sam.image_encoder.register_forward_hook(lambda *_: encoded.append(1))
    frame, truth = demo_truth(256, 144)
    boxes = boxes_around(truth)
    first = segmenter.segment(frame, boxes_xyxy=boxes)
    again = segmenter.segment(frame.copy(), boxes_xyxy=boxes[:1])
    segmenter.segment(frame, points_xy=np.array([[90, 80]]), point_labels=np.array([1]))
    assert len(encoded) == 1
    assert np.array_equal(first[0], again[0])
    frame[:] = frame[:, ::-1].copy()
    mirrored = boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (256, 0, 256, 0)
    found = segmenter.segment(frame, boxes_xyxy=mirrored)
    assert len(encoded) == 2
    assert min(map(mask_overlap, found, truth[:, :, ::-1])) > THE_RIGHT_OBJECT


@pytest.mark.parametrize(
    "prompts",
    [
        {},
        {"boxes_xyxy": np.zeros((1, 4)), "points_xy": np.zeros((1, 2))},
        {"boxes_xyxy": np.zeros(4)},
        {"points_xy": np.zeros((2, 2)), "point_labels": np.ones(1, int)},
        {"points_xy": np.zeros((1, 2)), "point_labels": np.array([2])},
        {"points_xy": np.zeros((1, 2))},
        {"points_xy": np.zeros((0, 2)), "point_labels": np.ones(0, int)},
    ],
)
def test_prompts_that_mean_nothing_are_refused(
    segmenter: Segmenter, prompts: dict[str, NDArray[np.floating]]
) -> None:
    with pytest.raises(RequestError):
        segmenter.segment(np.zeros((8, 8, 3), np.uint8), **prompts)  # type: ignore[arg-type]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(packaged_folder("segmenter"), tmp_path / "segmenter"))


def test_a_folder_that_does_not_fit_together_is_refused(copied: Path) -> None:
    weights = copied / "model.safetensors"
    tensors = load_file(weights)
    name = "mask_decoder.iou_token.weight"
    save_file(tensors | {name: torch.zeros(1, 7)}, weights)
    with pytest.raises(ModelError, match=f"(?s)do not fit.*{name}"):
        load_segmenter(copied, device=CPU)
    save_file({key: value for key, value in tensors.items() if key != name}, weights)
    with pytest.raises(ModelError, match=name):
        load_segmenter(copied, device=CPU)
    weights.write_bytes(b"no tensors")
    with pytest.raises(ModelError, match=r"model\.safetensors is neither"):
        load_segmenter(copied, device=CPU)
    weights.unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        load_segmenter(copied, device=CPU)


def test_a_wrong_description_is_refused(copied: Path) -> None:
    description = copied / "sam.json"
    found = json.loads(description.read_text())
    description.write_text(json.dumps(found | {"colour": "red"}))
    with pytest.raises(ModelError, match="must hold exactly"):
        load_segmenter(copied, device=CPU)
    description.write_text(json.dumps(found | {"global_attention": 3}))
    with pytest.raises(ModelError, match=r"sam\.json holds a wrong value"):
        load_segmenter(copied, device=CPU)
    description.write_text(json.dumps(found | {"encoder_heads": 7}))
    with pytest.raises(ModelError, match="encoder_dim 96"):
        load_segmenter(copied, device=CPU)
    description.write_text("{")
    with pytest.raises(ModelError, match=r"sam\.json cannot be read"):
        load_segmenter(copied, device=CPU)


def test_an_architecture_that_cannot_be_built_is_refused() -> None:
    with pytest.raises(ModelError, match="image_size 250"):
        SamArchitecture(image_size=250)


def test_a_public_checkpoint_is_recognised_by_its_tensors(tmp_path: Path) -> None:
    torch.manual_seed(3)
    public = sam_model_registry["vit_b"]().requires_grad_(False)
    public.image_encoder.pos_embed.normal_()
    path = tmp_path / "renamed.pth"
    torch.save({key: value.half() for key, value in public.state_dict().items()}, path)
    loaded = load_segmenter(path, device=CPU).sam
    assert loaded.image_encoder.img_size == 1024
    assert not loaded.training
    for key, value in public.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value.half().float()), key


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"image_encoder.pos_embed": torch.zeros(1, 64, 64, 160)}, "found width 160"),
        ({"model": {}}, "found no image_encoder.pos_embed"),
        ([1, 2], "holds a list, not named tensors"),
        (Path("anything that is not a tensor"), "more than tensors"),
    ],
)
def test_other_checkpoints_are_refused(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "sam_vit_b_01ec64.pth"
    torch.save(content, path)
    with pytest.raises(ModelError, match=message):
        load_segmenter(path, device=CPU)


def test_a_missing_or_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sam_vit_h_4b8939.pth"
    with pytest.raises(ModelError, match=r"sam_vit_h_4b8939\.pth cannot be read"):
        load_segmenter(path, device=CPU)
    path.write_bytes(b"an error page instead of weights")
    with pytest.raises(ModelError, match=r"sam_vit_h_4b8939\.pth is neither"):
        load_segmenter(path, device=CPU)
