"""Public segmenter and grounder through our doors equal the libraries they were published with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from groundingdino import config as public_configs
from safetensors.torch import save_file
from segment_anything import SamPredictor, sam_model_registry
from torch import nn

from tests.via_engine.masks.grounding_port import (
    CONFIG,
    TEXT,
    port,
    random_weights,
    write_text_folder,
)
from via_engine.masks.ground import _IDLE_KEYS, load_grounder
from via_engine.masks.segment import Segmenter, load_segmenter
from via_engine.starter.bundle import packaged_folder
from via_engine.starter.networks.grounder_model import build_grounder, picture_tensor

CPU = torch.device("cpu")
FRAME = np.random.default_rng(5).integers(0, 256, (48, 80, 3), dtype=np.uint8)
CAPTION = "red ball . a dog . star . "


@pytest.fixture(scope="module")
def grounder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grounder")
    write_text_folder(folder / TEXT)
    torch.manual_seed(8)
    model = build_grounder(CONFIG, folder / TEXT)
    random_weights(model)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder


def test_boxes_are_those_of_transformers_port(grounder_folder: Path) -> None:
    grounder = load_grounder(grounder_folder, device=CPU)
    model = port(dict(grounder.model.state_dict()), grounder_folder / TEXT)
    tokens = grounder.model.tokenizer([CAPTION], return_tensors="pt")
    pixels = picture_tensor(FRAME, grounder.input_size)[None]
    with torch.no_grad():
        ours = grounder.model(pixels, captions=[CAPTION])
        theirs = model(pixel_values=pixels, **tokens)

    assert tokens.input_ids[0, [0, -1]].tolist() == [101, 102]
    torch.testing.assert_close(ours["pred_boxes"], theirs.pred_boxes, rtol=0, atol=1e-3)
    length = tokens.input_ids.shape[1]
    torch.testing.assert_close(
        ours["pred_logits"][..., :length], theirs.logits[..., :length], rtol=0, atol=1e-2
    )
    assert ours["pred_boxes"].std() > 0.01


def test_masks_are_those_of_the_predictor(starter_sam: Segmenter) -> None:
    predictor = SamPredictor(starter_sam.sam)
    predictor.set_image(FRAME)
    boxes = np.array([[5, 6, 40, 30], [20, 10, 70, 44]], np.float32)
    prompts = predictor.transform.apply_boxes_torch(torch.from_numpy(boxes), FRAME.shape[:2])
    expected, _, _ = predictor.predict_torch(None, None, boxes=prompts, multimask_output=False)
    assert np.array_equal(starter_sam.segment(FRAME, boxes_xyxy=boxes), expected[:, 0].numpy())
    for row, box in enumerate(boxes):
        alone, _, _ = predictor.predict(box=box, multimask_output=False)
        assert np.array_equal(starter_sam.segment(FRAME, boxes_xyxy=boxes)[row], alone[0])
    clicks, labels = np.array([[30, 20], [60, 40]]), np.array([1, 0])
    expected_mask, _, _ = predictor.predict(clicks, labels, multimask_output=False)
    found = starter_sam.segment(FRAME, points_xy=clicks, point_labels=labels)
    assert np.array_equal(found, expected_mask)
    assert 0 < found.mean() < 1


@pytest.fixture(scope="module")
def starter_sam() -> Segmenter:
    """The packaged network as any public one is used."""
    return Segmenter(load_segmenter(packaged_folder("segmenter"), device=CPU).sam)


def on_meta(build: Callable[[], nn.Module]) -> dict[str, tuple[int, ...]]:
    linspace = torch.linspace
    with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
        # Its values are read while the network is built.
        patch.setattr(torch, "linspace", lambda *args: linspace(*args, device="cpu"))
        model = build()
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


# Image encoder's width and depth, tensors in all, millions of parameters: of the public files.
SAM_TABLE = {
    "vit_b": (768, 12, 314, 93.7),
    "vit_l": (1024, 24, 482, 312.3),
    "vit_h": (1280, 32, 594, 641.1),
}


@pytest.mark.parametrize("name", SAM_TABLE)
def test_public_segmenters_have_the_public_tensors(name: str) -> None:
    width, depth, tensors, millions = SAM_TABLE[name]
    shapes = on_meta(sam_model_registry[name])
    assert len(shapes) == tensors
    assert shapes["image_encoder.pos_embed"] == (1, 64, 64, width)
    assert shapes[f"image_encoder.blocks.{depth - 1}.attn.qkv.weight"] == (3 * width, width)
    assert shapes["mask_decoder.iou_token.weight"] == (1, 256)
    assert shapes["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"] == (2, 128)
    buffers = 2 * 128
    counted = sum(int(np.prod(shape)) for shape in shapes.values()) - buffers
    assert round(counted / 1e6, 1) == millions


def public_config(name: str) -> dict[str, Any]:
    source = (Path(next(iter(public_configs.__path__))) / name).read_text()
    found: dict[str, Any] = {}
    exec(source, found)
    return {key: value for key, value in found.items() if not key.startswith("_")}


# Width and depths of the backbone, tensors in the published file: two of them nothing reads.
GROUNDER_TABLE = {
    "GroundingDINO_SwinT_OGC.py": (96, (2, 2, 6, 2), 940),
    "GroundingDINO_SwinB_cfg.py": (128, (2, 2, 18, 2), 1108),
}


@pytest.mark.parametrize("name", GROUNDER_TABLE)
def test_public_grounders_have_the_public_tensors(name: str, tmp_path: Path) -> None:
    """Built of the packaged configuration on BERT base; nothing is allocated."""
    width, depths, published = GROUNDER_TABLE[name]
    text = write_text_folder(tmp_path / TEXT)
    base = {"vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12}
    base |= {"num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 512}
    (text / "config.json").write_text(json.dumps({"model_type": "bert"} | base))
    shapes = on_meta(lambda: build_grounder(public_config(name), text))
    assert len(shapes) + len(_IDLE_KEYS) == published
    assert shapes["backbone.0.patch_embed.proj.weight"] == (width, 3, 4, 4)
    for stage, depth in enumerate(depths):
        assert f"backbone.0.layers.{stage}.blocks.{depth - 1}.attn.qkv.weight" in shapes
        assert f"backbone.0.layers.{stage}.blocks.{depth}.attn.qkv.weight" not in shapes
    assert shapes["transformer.level_embed"] == (4, 256)
    assert shapes["transformer.tgt_embed.weight"] == (900, 256)
    assert shapes["feat_map.weight"] == (256, 768)
    assert shapes["bert.embeddings.word_embeddings.weight"] == (30522, 768)
    assert shapes["bert.pooler.dense.weight"] == (768, 768)
