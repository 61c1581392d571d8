from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.via_engine.models.tiny_pipeline import (
    ZERO_SNR,
    tiny_card,
    write_tiny_pipeline,
)
from via_engine.edit_settings import Sampling
from via_engine.errors import AdapterError, OutputError
from via_engine.method.adapter import (
    Adapter,
    AdapterKind,
    adapted,
    load_adapter,
    save_adapter,
    unet_identity,
)
from via_engine.models.editors import InstructPix2PixEditor, load_editor

RANK = 4
TARGETS = ("to_q", "to_k", "to_v", "to_out.0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return write_tiny_pipeline(tmp_path_factory.mktemp("tiny"), ZERO_SNR)


@pytest.fixture(scope="module")
def editor(folder: Path) -> InstructPix2PixEditor:
    return load_editor(tiny_card(folder), device=torch.device("cpu"), dtype=torch.float32)


def lora(editor: InstructPix2PixEditor, seed: int = 0) -> Adapter:
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for name, weight in editor.unet.named_parameters():
        layer = name.removesuffix(".weight")
        if name.endswith(".weight") and layer.endswith(TARGETS):
            rows, columns = weight.shape
            down, up = (
                torch.randn(size, generator=generator) for size in ((RANK, columns), (rows, RANK))
            )
            tensors |= {f"{layer}.lora_A.weight": down * 0.3, f"{layer}.lora_B.weight": up * 0.3}
    return Adapter(
        kind=AdapterKind.LORA,
        rank=RANK,
        steps=30,
        model="tiny",
        unet_identity=unet_identity(editor.unet),
        tensors=tensors,
    )


def full(editor: InstructPix2PixEditor) -> Adapter:
    tensors = {name: weight * 1.1 for name, weight in editor.unet.named_parameters()}
    return replace(lora(editor), kind=AdapterKind.FULL, rank=0, tensors=tensors)


def predicted(unet: torch.nn.Module) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn((2, 8, 6, 8), generator=generator)
    text = torch.randn((2, 5, 16), generator=generator)
    with torch.no_grad():
        answer: Tensor = unet(
            latents, torch.tensor([500, 20]), encoder_hidden_states=text, return_dict=False
        )[0]
    return answer


@pytest.mark.parametrize("make", [lora, full])
def test_the_very_tensors_come_back_also_after_an_error(
    editor: InstructPix2PixEditor, make: Callable[[InstructPix2PixEditor], Adapter]
) -> None:
    adapter = make(editor)
    plain = predicted(editor.unet)
    places = {name: weight.data_ptr() for name, weight in editor.unet.named_parameters()}

    with pytest.raises(KeyError), adapted(editor, adapter):
        assert not torch.allclose(predicted(editor.unet), plain, atol=1e-3)
        raise KeyError

    assert torch.equal(predicted(editor.unet), plain)
    assert {name: weight.data_ptr() for name, weight in editor.unet.named_parameters()} == places


def test_without_an_adapter_nothing_changes(editor: InstructPix2PixEditor) -> None:
    plain = predicted(editor.unet)

    with adapted(editor, None):
        assert torch.equal(predicted(editor.unet), plain)


def test_stock_diffusers_loads_an_exported_lora_and_predicts_the_same(
    editor: InstructPix2PixEditor, folder: Path, tmp_path: Path
) -> None:
    adapter = lora(editor)
    save_adapter(adapter, tmp_path / "look.safetensors")
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(
        folder, safety_checker=None, requires_safety_checker=False
    )

    pipeline.load_lora_weights(tmp_path, weight_name="look.safetensors")

    with adapted(editor, adapter):
        ours = predicted(editor.unet)
    torch.testing.assert_close(predicted(pipeline.unet), ours, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make", [lora, full])
def test_a_saved_adapter_comes_back_the_same(
    editor: InstructPix2PixEditor, tmp_path: Path, make: Callable[[InstructPix2PixEditor], Adapter]
) -> None:
    adapter = make(editor)
    save_adapter(adapter, tmp_path / "look.safetensors")

    loaded = load_adapter(tmp_path / "look.safetensors", editor)

    assert loaded.identity == adapter.identity
    assert (loaded.kind, loaded.rank, loaded.steps) == (adapter.kind, adapter.rank, adapter.steps)
    assert loaded.size_bytes == adapter.size_bytes


def test_what_the_frames_are_sampled_with_travels_in_the_file(
    editor: InstructPix2PixEditor, tmp_path: Path
) -> None:
    sampling = Sampling(seed=3, guidance_scale=1.5, image_guidance_scale=1.25)
    adapter = replace(lora(editor), sampling=sampling)
    save_adapter(adapter, tmp_path / "look.safetensors")

    loaded = load_adapter(tmp_path / "look.safetensors", editor)

    assert loaded.sampling == sampling
    assert loaded.identity == adapter.identity


def test_a_silenced_adapter_leaves_every_weight_as_it_was(editor: InstructPix2PixEditor) -> None:
    sampling = Sampling(seed=3, guidance_scale=1.5, image_guidance_scale=1.25)
    silent = replace(lora(editor), sampling=sampling).silenced()
    before = {name: weight.clone() for name, weight in editor.unet.named_parameters()}

    with adapted(editor, silent):
        for name, weight in editor.unet.named_parameters():
            assert torch.equal(weight, before[name])
    assert (silent.steps, silent.sampling) == (0, sampling)


def test_the_identity_tells_every_difference_in_effect(editor: InstructPix2PixEditor) -> None:
    adapter = lora(editor)
    sampling = Sampling(seed=3, guidance_scale=1.5, image_guidance_scale=1.25)

    assert adapter.identity == lora(editor).identity
    assert adapter.identity != lora(editor, seed=1).identity
    assert adapter.identity != replace(adapter, sampling=sampling).identity
    assert adapter.identity != adapter.silenced().identity


def test_weights_are_known_again_elsewhere_and_in_another_dtype(
    editor: InstructPix2PixEditor, folder: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"
    moved.symlink_to(folder)
    half = load_editor(tiny_card(moved), device=torch.device("cpu"), dtype=torch.bfloat16)

    assert unet_identity(half.unet) == unet_identity(editor.unet)


def test_an_adapter_for_other_weights_is_refused(
    editor: InstructPix2PixEditor, tmp_path: Path
) -> None:
    foreign = replace(lora(editor), unet_identity="0" * 64)
    save_adapter(foreign, tmp_path / "look.safetensors")

    with pytest.raises(AdapterError, match="other weights"):
        load_adapter(tmp_path / "look.safetensors", editor)
    with pytest.raises(AdapterError, match="other weights"), adapted(editor, foreign):
        pytest.fail("the body must not run")


def test_two_adapters_at_once_are_refused(editor: InstructPix2PixEditor) -> None:
    plain, first, second = predicted(editor.unet), full(editor), lora(editor)

    with (
        adapted(editor, first),
        pytest.raises(AdapterError, match="take off"),
        adapted(editor, second),
    ):
        pytest.fail("the body must not run")

    assert torch.equal(predicted(editor.unet), plain)


def test_files_that_are_no_adapter_are_refused_by_name(
    editor: InstructPix2PixEditor, tmp_path: Path
) -> None:
    saved = tmp_path / "look.safetensors"
    save_adapter(lora(editor), saved)
    stranger, torn = tmp_path / "stranger.safetensors", tmp_path / "torn.safetensors"
    save_file(load_file(saved), stranger)
    torn.write_bytes(saved.read_bytes()[:-100])

    for path in (stranger, torn, tmp_path / "missing.safetensors", tmp_path):
        with pytest.raises(AdapterError, match=path.name):
            load_adapter(path, editor)


@pytest.mark.parametrize("fault", ["layer", "half", "shape", "empty"])
def test_a_file_that_does_not_fit_the_layers_is_refused(
    editor: InstructPix2PixEditor, tmp_path: Path, fault: str
) -> None:
    tensors = dict(lora(editor).tensors)
    down = next(name for name in tensors if name.endswith("lora_A.weight"))
    if fault == "layer":
        tensors["no.such.layer.lora_A.weight"] = torch.zeros((RANK, 4))
    elif fault == "half":
        del tensors[down.replace("lora_A", "lora_B")]
    elif fault == "shape":
        tensors[down] = tensors[down][:, :-1].contiguous()
    else:
        tensors = {}
    save_adapter(replace(lora(editor), tensors=tensors), tmp_path / "look.safetensors")

    with pytest.raises(AdapterError, match="export it again"):
        load_adapter(tmp_path / "look.safetensors", editor)


def test_a_folder_that_is_not_there_is_an_output_error(
    editor: InstructPix2PixEditor, tmp_path: Path
) -> None:
    with pytest.raises(OutputError):
        save_adapter(lora(editor), tmp_path / "missing" / "look.safetensors")
