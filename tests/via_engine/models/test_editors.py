from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.via_engine.models.tiny_pipeline import EPSILON, ZERO_SNR, tiny_card, write_tiny_pipeline
from via_engine.errors import ModelError, RequestError
from via_engine.models.catalog import ModelCatalog
from via_engine.models.editors import InstructPix2PixEditor, load_editor
from via_engine.models.resident import ResidentEditors

CPU = torch.device("cpu")
UNET_WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return write_tiny_pipeline(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def editor(folder: Path) -> InstructPix2PixEditor:
    return load_editor(tiny_card(folder), device=CPU, dtype=torch.float32)


def test_loaded_parts_are_frozen(editor: InstructPix2PixEditor) -> None:
    for part in (editor.unet, editor.vae, editor.text_encoder):
        assert not part.training
        assert not any(parameter.requires_grad for parameter in part.parameters())


def test_dtype_is_the_unets_and_the_texts_not_the_vaes(folder: Path) -> None:
    editor = load_editor(tiny_card(folder), device=CPU, dtype=torch.bfloat16)

    assert (editor.dtype, editor.text_encoder.dtype) == (torch.bfloat16, torch.bfloat16)
    assert editor.encode_instruction("make it night").dtype is torch.bfloat16
    assert editor.encode_frames(torch.rand(1, 3, 8, 8)).dtype is torch.float32


def test_shapes_at_the_door(editor: InstructPix2PixEditor) -> None:
    latents = editor.encode_frames(torch.rand(2, 3, 12, 16))

    assert (editor.latent_channels, editor.latent_scale) == (4, 2)
    assert latents.shape == (2, 4, 6, 8)
    assert editor.encode_instruction("make it night").shape == (1, 24, 16)
    picture = editor.decode_latents(latents * 100)
    assert picture.shape == (2, 3, 12, 16)
    assert 0 <= picture.min() <= picture.max() <= 1


def test_words_beyond_the_text_encoder_are_told(editor: InstructPix2PixEditor) -> None:
    # The tokenizer of this model makes one token a letter; 22 fit between start and end.
    assert editor.unread_part("make it night") == ""
    assert editor.unread_part("make it night make it night") == ""
    assert editor.unread_part("make it night make it night star").replace(" ", "") == "star"


def test_latent_schedule_never_clips_unless_the_checkpoint_says_so(folder: Path) -> None:
    def clips(**scheduler: Any) -> bool:
        path = folder / "scheduler" / "scheduler_config.json"
        former = path.read_text()
        settings = json.loads(former)
        del settings["clip_sample"]
        path.write_text(json.dumps(settings | scheduler))
        editor = load_editor(tiny_card(folder), device=CPU, dtype=torch.float32)
        path.write_text(former)
        return bool(editor.make_scheduler(3).config.clip_sample)

    assert not clips()
    assert clips(clip_sample=True)


def test_schedule_is_the_checkpoints(tmp_path: Path) -> None:
    card = tiny_card(write_tiny_pipeline(tmp_path, ZERO_SNR))
    scheduler = load_editor(card, device=CPU, dtype=torch.float32).make_scheduler(10)

    assert scheduler.config.prediction_type == "v_prediction"
    assert scheduler.timesteps.tolist() == list(range(999, 0, -100))
    assert scheduler.alphas_cumprod[-1] == 0


@pytest.mark.parametrize("steps", [1, 7, 61, 103, 1000])
def test_trailing_schedule_has_as_many_steps_as_asked(tmp_path: Path, steps: int) -> None:
    card = tiny_card(write_tiny_pipeline(tmp_path, ZERO_SNR))
    timesteps = load_editor(card, device=CPU, dtype=torch.float32).make_scheduler(steps).timesteps

    assert len(timesteps) == steps
    assert timesteps.min() >= 0


@pytest.mark.parametrize("steps", [0, 1001])
def test_impossible_steps_are_refused(editor: InstructPix2PixEditor, steps: int) -> None:
    with pytest.raises(RequestError, match=f"{steps} denoising steps; tiny takes 1 to 1000"):
        editor.make_scheduler(steps)


def without_part(folder: Path) -> None:
    shutil.rmtree(folder / "vae")


def pickled_weights(folder: Path) -> None:
    weights = folder / UNET_WEIGHTS
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()


def damaged_weights(folder: Path) -> None:
    (folder / UNET_WEIGHTS).write_bytes(b"not a tensor file")


def one_tensor_short(folder: Path) -> None:
    weights = load_file(folder / UNET_WEIGHTS)
    del weights["conv_in.weight"]
    save_file(weights, folder / UNET_WEIGHTS)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without_part, "has no folder 'vae'"),
        (pickled_weights, "unet cannot be loaded"),
        (damaged_weights, "unet cannot be loaded"),
        (one_tensor_short, r"lack or misshape 1 tensors, such as conv_in\.weight"),
    ],
)
def test_incomplete_folder_is_refused(
    folder: Path, tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    spoil(copy)

    with pytest.raises(ModelError, match=message):
        load_editor(tiny_card(copy), device=CPU, dtype=torch.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"kind": "flux-kontext"},
            "kind 'flux-kontext'; Via runs instruct-pix2pix, ",
        ),
        ({"multiple_px": 3}, "multiple_px is 3"),
    ],
)
def test_card_that_does_not_fit_is_refused(
    folder: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        load_editor(tiny_card(folder, **change), device=CPU, dtype=torch.float32)


def test_text_to_image_unet_is_refused(folder: Path, tmp_path: Path) -> None:
    from tests.via_engine.models.tiny_pipeline import tiny_unet

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    tiny_unet(in_channels=4).save_pretrained(copy / "unet")

    with pytest.raises(ModelError, match=r"takes 4 channels.*takes 8"):
        load_editor(tiny_card(copy), device=CPU, dtype=torch.float32)


def test_identity_follows_the_files(tmp_path: Path) -> None:
    card = tiny_card(write_tiny_pipeline(tmp_path, EPSILON))
    identities = [load_editor(card, device=CPU, dtype=torch.float32).weights_identity]
    identities.append(load_editor(card, device=CPU, dtype=torch.float32).weights_identity)
    weights = load_file(tmp_path / UNET_WEIGHTS)
    save_file({**weights, "conv_in.bias": weights["conv_in.bias"] + 1}, tmp_path / UNET_WEIGHTS)
    identities.append(load_editor(card, device=CPU, dtype=torch.float32).weights_identity)

    assert identities[0] == identities[1] != identities[2]


def test_resident_editors_are_loaded_once_and_freed(folder: Path) -> None:
    models = ResidentEditors(ModelCatalog(cards=(tiny_card(folder),)), CPU, torch.float32)

    first = models.get("tiny")

    assert models.get("tiny") is first
    assert models.names == ("tiny",)
    models.free("tiny")
    models.free("tiny")
    assert models.names == ()
