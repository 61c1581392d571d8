"""SAM 2 follows a mask through a clip, both ways and in windows, as its own session does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VideoModel, Sam2VisionConfig

from via_engine.errors import ModelError, ModelIntegrityError
from via_engine.masks.video_tracker import VideoTracker, load_video_tracker

CPU = torch.device("cpu")
SIDE = 128
CLIP = np.random.default_rng(1).integers(0, 256, (7, 40, 64, 3), dtype=np.uint8)
Mask = NDArray[np.bool_]


def nothing() -> None:
    """Nobody stops."""


def tiny_config() -> Sam2VideoConfig:
    backbone = Sam2HieraDetConfig(
        hidden_size=8,
        image_size=[SIDE, SIDE],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 2, 2],
        window_size_per_stage=[4, 4, 4, 4],
        global_attention_blocks=[3],
        window_positional_embedding_background_size=[7, 7],
    )
    vision = Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
        fpn_hidden_size=128,
    )
    return Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 128, "image_size": SIDE, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 128,
            "mlp_dim": 16,
            "iou_head_hidden_dim": 16,
            "num_attention_heads": 2,
        },
        image_size=SIDE,
        memory_attention_hidden_size=128,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_rope_feat_sizes=[8, 8],
        memory_encoder_hidden_size=128,
        memory_encoder_output_channels=64,
        mask_downsampler_embed_dim=128,
        memory_fuser_embed_dim=128,
        memory_fuser_intermediate_dim=32,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    model = Sam2VideoModel(tiny_config())
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.05)
    folder = tmp_path_factory.mktemp("sam2")
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tracker(folder: Path) -> VideoTracker:
    return load_video_tracker(folder, device=CPU)


def box(left: int, top: int, right: int, bottom: int) -> Mask:
    mask = np.zeros(CLIP.shape[1:3], np.bool_)
    mask[top:bottom, left:right] = True
    return mask


@torch.inference_mode()
def stock(tracker: VideoTracker, known: dict[int, Mask], start: int) -> dict[int, Mask]:
    """What transformers' own session and iterators make of it, forwards and backwards."""
    processor, model = tracker.processor, tracker.model
    session = processor.init_video_session(video=list(CLIP))
    for index, mask in known.items():
        processor.add_inputs_to_inference_session(session, index, 1, input_masks=mask)
        model(session, frame_idx=index)
    found = {}
    for backwards in (False, True):
        for output in model.propagate_in_video_iterator(session, start, reverse=backwards):
            masks = processor.post_process_masks([output.pred_masks], [CLIP.shape[1:3]])[0]
            found.setdefault(output.frame_idx, masks.reshape(CLIP.shape[1:3]).numpy())
    return found


def test_masks_are_those_of_the_stock_session(tracker: VideoTracker) -> None:
    known = {0: box(8, 8, 30, 30)}
    found = list(tracker.masks(CLIP, known, nothing))
    expected = stock(tracker, known, 0)
    assert len(found) == len(CLIP)
    assert np.array_equal(found[0], known[0])
    for index in range(1, len(CLIP)):
        assert np.array_equal(found[index], expected[index]), index
    assert any(0 < mask.mean() < 1 for mask in found[1:])


def test_a_mask_in_the_middle_is_followed_both_ways(tracker: VideoTracker) -> None:
    last = len(CLIP) - 1
    backwards = list(tracker.masks(CLIP, {last: box(8, 8, 30, 30)}, nothing))
    flipped = list(tracker.masks(CLIP[::-1].copy(), {0: box(8, 8, 30, 30)}, nothing))
    middle = list(tracker.masks(CLIP, {3: box(8, 8, 30, 30)}, nothing))
    assert len(backwards) == len(flipped) == len(middle) == len(CLIP)
    assert np.array_equal(middle[3], box(8, 8, 30, 30))
    assert np.array_equal(backwards[last], flipped[0])


def test_windows_hand_on_what_was_found(tracker: VideoTracker) -> None:
    """A window of two frames: each mask is what follows from the one before it alone."""
    short = replace(tracker, window_frames=2)
    found = list(short.masks(CLIP, {0: box(8, 8, 30, 30)}, nothing))
    for index in range(1, len(CLIP)):
        if found[index - 1].any():
            alone = list(tracker.masks(CLIP[index - 1 : index + 1], {0: found[index - 1]}, nothing))
            assert np.array_equal(found[index], alone[1])
        else:
            assert not found[index].any()


def test_every_known_mask_is_kept(tracker: VideoTracker) -> None:
    known = {1: box(4, 4, 20, 20), 4: box(30, 10, 60, 38), 6: box(0, 0, 5, 5)}
    found = list(replace(tracker, window_frames=3).masks(CLIP, known, nothing))
    assert len(found) == len(CLIP)
    for index, mask in known.items():
        assert np.array_equal(found[index], mask)


def test_without_a_known_mask_nothing_is_seen(tracker: VideoTracker) -> None:
    empty = np.zeros(CLIP.shape[1:3], np.bool_)
    for known in ({}, {2: empty}):
        assert not np.any(list(tracker.masks(CLIP, known, nothing)))


def test_a_clip_of_one_frame_keeps_its_mask(tracker: VideoTracker) -> None:
    (found,) = tracker.masks(CLIP[:1], {0: box(8, 8, 30, 30)}, nothing)
    assert np.array_equal(found, box(8, 8, 30, 30))


def test_stopping_is_asked_before_every_frame(tracker: VideoTracker) -> None:
    asked: list[int] = []
    list(tracker.masks(CLIP, {3: box(8, 8, 30, 30)}, lambda: asked.append(1)))
    assert len(asked) == len(CLIP) - 1


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """Copies: the file they are read from is about to be written over."""
    found = load_file(folder / "model.safetensors")
    return {name: value.clone() for name, value in found.items()}


def lacking(folder: Path) -> None:
    weights = weights_of(folder)
    weights.pop(min(weights))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def pickled(folder: Path) -> None:
    torch.save(weights_of(folder), folder / "model.safetensors")


@pytest.mark.parametrize(
    ("harm", "fault", "told"),
    [
        (lacking, ModelError, "lacks or misshapes 1 tensors"),
        (pickled, ModelError, "via models add"),
        (lambda folder: (folder / "model.safetensors").unlink(), ModelIntegrityError, "cannot be"),
    ],
)
def test_folders_that_do_not_fit_are_told(
    folder: Path,
    tmp_path: Path,
    harm: Callable[[Path], object],
    fault: type[ModelError],
    told: str,
) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    harm(copy)
    with pytest.raises(fault, match=told):
        load_video_tracker(copy, device=CPU)


def test_the_public_configuration_has_the_public_tensors() -> None:
    """facebook/sam2.1-hiera-tiny is the configuration's own default."""
    with torch.device("meta"):
        shapes = {
            n: tuple(v.shape) for n, v in Sam2VideoModel(Sam2VideoConfig()).state_dict().items()
        }
    assert shapes["vision_encoder.backbone.patch_embed.projection.weight"] == (96, 3, 7, 7)
    assert shapes["no_memory_embedding"] == (1, 1, 256)
    assert shapes["memory_temporal_positional_encoding"] == (7, 1, 1, 64)
    parameters = sum(int(np.prod(shape)) for shape in shapes.values())
    assert round(parameters / 1e6) == 39
