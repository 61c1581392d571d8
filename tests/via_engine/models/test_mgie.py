"""MGIE's conditioner equals a step-by-step reading of the published code, and refuses misfits."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPImageProcessor, CLIPModel, LlamaForCausalLM

from tests.via_engine.models.mgie_folder import (
    CONFIG,
    OUTPUT_WIDTH,
    PATCH_TOKENS,
    PATCHES,
    QUERY_TOKENS,
    WIDTH,
    PublishedHead,
    change_file,
    reference_parts,
    tiny_tokenizer,
    write_mgie_folder,
)
from via_engine.errors import InstructionError, ModelError, ModelIntegrityError
from via_engine.models.edit_head import EditMapper
from via_engine.models.mgie import MgieConditioner, load_conditioner
from via_engine.models.mgie_prompt import visible_text, visual_states

Parts = tuple[LlamaForCausalLM, nn.Linear, CLIPModel, PublishedHead]
SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
INSTRUCTION = "make it a beach"
FRAMES = np.random.default_rng(3).integers(0, 256, (3, 36, 64, 3), dtype=np.uint8)
EMB = torch.randn(1, 8, WIDTH, generator=torch.Generator().manual_seed(9))


def load(folder: Path) -> MgieConditioner:
    return load_conditioner(folder, device=torch.device("cpu"), dtype=torch.float32)


@pytest.fixture(scope="module")
def parts() -> Parts:
    """A model that writes eleven tokens or so and then [IMG0]."""
    found = reference_parts()
    language = found[0]
    reference = Reference(found, EMB)
    reference.run(FRAMES[0])
    wanted = reference.states[0, reference.prompt_length + 10]
    with torch.no_grad():
        language.lm_head.weight[-8] = 4 * wanted
    return found


@pytest.fixture(scope="module")
def published(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mgie_folder(tmp_path_factory.mktemp("mgie"), parts, emb=EMB)


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(published, tmp_path / "mgie")


class Reference:
    """MGIE's demo, one token at a time, without cache and without `generate`."""

    def __init__(self, parts: Parts, emb: Tensor) -> None:
        self.language, self.projector, self.clip, self.head = parts
        self.emb = emb
        self.tokenizer = tiny_tokenizer(*PATCH_TOKENS, *(f"[IMG{n}]" for n in range(8)))
        patches = "<im_patch>" * PATCHES
        self.prompt: list[int] = self.tokenizer(
            f"{SYSTEM} USER: what will this image be like if '{INSTRUCTION}'\n"
            f"<im_start>{patches}<im_end> ASSISTANT:"
        ).input_ids
        self.prompt_length = len(self.prompt)
        self.sequence: list[int] = []
        self.states = torch.zeros(0)

    def run(self, frame: np.ndarray) -> Tensor:
        """Write the answer; the conditioning of this frame."""
        sequence = list(self.prompt)
        while len(sequence) < self.prompt_length + 96 and sequence[-1] != 2:
            logits = self.language.lm_head(self._last_states(sequence, frame)[0, -1])
            for token in forbidden(sequence):
                logits[token] = -torch.inf
            sequence.append(int(logits.argmax()))
        self.sequence = sequence
        return self.read(frame)

    def read(self, frame: np.ndarray) -> Tensor:
        """The conditioning of a frame for the answer written before."""
        self.states = self._last_states(self.sequence[:-1], frame)
        length = self.states.shape[1]
        first_visual = len(self.tokenizer) - 8
        place = length - 9
        if first_visual in self.sequence:
            place = min(self.sequence.index(first_visual) - 1, length - 9)
        return torch.as_tensor(self.head(self.states[:, place : place + 8], self.emb))

    def _last_states(self, sequence: list[int], frame: np.ndarray) -> Tensor:
        processor = CLIPImageProcessor(size={"shortest_edge": 28}, crop_size=28)
        pixels = processor(frame, return_tensors="pt").pixel_values
        layers = self.clip.vision_model(pixels, output_hidden_states=True).hidden_states
        seen = self.projector(layers[-2][0, 1:])
        embedded = self.language.model.embed_tokens(torch.tensor(sequence))
        start = sequence.index(self.tokenizer.convert_tokens_to_ids("<im_start>")) + 1
        embedded = torch.cat([embedded[:start], seen, embedded[start + PATCHES :]])
        return torch.as_tensor(self.language.model(inputs_embeds=embedded[None])[0])


def forbidden(sequence: Sequence[int]) -> set[int]:
    """Tokens that would say three in a row for the second time."""
    pair = tuple(sequence[-2:])
    return {
        sequence[index + 2]
        for index in range(len(sequence) - 2)
        if tuple(sequence[index : index + 2]) == pair
    }


def test_conditioning_is_that_of_the_published_code(parts: Parts, published: Path) -> None:
    reference = Reference(parts, EMB)
    found = load(published).condition(FRAMES[:1], INSTRUCTION)
    expected = reference.run(FRAMES[0])
    assert len(reference.tokenizer) - 8 in reference.sequence
    assert found.states.shape == (1, QUERY_TOKENS, OUTPUT_WIDTH)
    assert torch.allclose(found.states, expected, atol=1e-4)
    null = reference.head(torch.zeros(1, 8, WIDTH), EMB)
    assert torch.allclose(found.null_states, null, atol=1e-5)


def test_other_frames_get_their_own_states_for_the_same_words(
    parts: Parts, published: Path
) -> None:
    reference = Reference(parts, EMB)
    found = load(published).condition(FRAMES, INSTRUCTION).states
    reference.run(FRAMES[0])
    for row in range(3):
        assert torch.allclose(found[row : row + 1], reference.read(FRAMES[row]), atol=1e-4)
    assert not torch.allclose(found[0], found[1], atol=1e-3)


def test_words_read_back_lead_to_the_states_of_writing_them(published: Path) -> None:
    twice = np.stack([FRAMES[0]] * 6)
    states = load(published).condition(twice, INSTRUCTION).states
    assert torch.allclose(states[1:], states[:1].expand(5, -1, -1), atol=1e-5)


def test_without_image_token_the_last_eight_states_count(tmp_path: Path) -> None:
    parts = reference_parts()
    with torch.no_grad():
        parts[0].lm_head.weight[-8] = 0
    reference = Reference(parts, EMB)
    expected = reference.run(FRAMES[0])
    assert len(reference.tokenizer) - 8 not in reference.sequence
    found = load(write_mgie_folder(tmp_path, parts, emb=EMB)).condition(FRAMES[:1], INSTRUCTION)
    assert torch.allclose(found.states, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("sequence", "first"),
    [
        ([5, 5, 5, 90, 91, 92, 93, 94, 95, 96, 97, 2, 2], 2),
        ([5] * 13, 3),
        ([5] * 11 + [90, 2], 3),
    ],
    ids=["states that predict the tokens", "no image token", "image token too late"],
)
def test_which_states_count(sequence: list[int], first: int) -> None:
    hidden = torch.arange(12.0)[:, None]
    assert visual_states(hidden, sequence, 90)[:, 0].tolist() == list(range(first, first + 8))


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("The ball is blue.[IMG0][IMG1]</s>", "The ball is blue."),
        ("One. Two. Three.[IMG0]", "One.Two."),
        ("A beach Alternatively, a desert [IMG0]", "A beach."),
        ("no end</s> rest", "no end."),
        ("[IMG0]", ""),
    ],
)
def test_visible_text(answer: str, seen: str) -> None:
    assert visible_text(answer) == seen


def test_full_size_head_has_the_published_tensors() -> None:
    with torch.device("meta"):
        state = EditMapper(
            states_width=4096,
            width=512,
            encoder_layers=4,
            decoder_layers=4,
            feed_forward=2048,
            query_tokens=77,
            output_width=768,
        ).state_dict()
    assert len(state) == 129
    assert round(sum(tensor.numel() for tensor in state.values()) / 1e6, 2) == 31.96
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert shapes["query"] == (1, 77, 512)
    assert shapes["llm2hid.weight"] == (512, 4096)
    assert shapes["mapper.encoder.layers.3.self_attn.in_proj_weight"] == (1536, 512)
    assert shapes["mapper.decoder.layers.3.multihead_attn.out_proj.weight"] == (512, 512)
    assert shapes["mapper.decoder.layers.0.norm3.weight"] == (512,)
    assert shapes["hid2feat.weight"] == (768, 512)


def test_missing_emb_means_the_last_eight_rows(parts: Parts, folder: Path) -> None:
    change_file(folder / "mllm.pt", emb=None)
    rows = parts[0].model.embed_tokens.weight[-8:][None]
    expected = parts[3](torch.zeros(1, 8, WIDTH), rows)
    assert torch.allclose(load(folder).null_states(), expected, atol=1e-5)


def test_safetensors_say_the_same(published: Path, folder: Path) -> None:
    tensors = torch.load(folder / "mllm.pt", weights_only=True)
    (folder / "mllm.pt").unlink()
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "mllm.safetensors"
    )
    found = load(folder).condition(FRAMES[:1], INSTRUCTION)
    assert torch.equal(found.states, load(published).condition(FRAMES[:1], INSTRUCTION).states)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lm_head.weight": None}, "lm_head.weight"),
        ({"edit_head.query": None}, "query"),
        ({"edit_head.mapper.decoder.layers.1.norm3.bias": None}, "layers.1.norm3.bias"),
        ({"edit_head.llm2hid.weight": torch.zeros(16, WIDTH + 1)}, f"{WIDTH + 1} channels"),
        ({"edit_head.extra": torch.zeros(1)}, "extra"),
        ({"unet.conv_in.weight": torch.zeros(1)}, "unet.conv_in.weight"),
        ({"model.embed_tokens.weight": torch.zeros(300, WIDTH)}, "(300, 32)"),
        ({"emb": torch.zeros(1, 9, WIDTH)}, "(1, 9, 32)"),
    ],
)
def test_faulty_mllm_is_named(folder: Path, changes: dict[str, Any], message: str) -> None:
    change_file(folder / "mllm.pt", **changes)
    with pytest.raises(ModelError) as caught:
        load(folder)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "missing",
    ["model.mm_projector.bias", "model.layers.1.mlp.up_proj.weight"],
)
def test_tensor_missing_from_the_shards_is_named(folder: Path, missing: str) -> None:
    for shard in (folder / "llava").glob("*.bin"):
        change_file(shard, **{missing: None})
    with pytest.raises(ModelError) as caught:
        load(folder)
    assert missing in str(caught.value)


def test_missing_shard_is_named(folder: Path) -> None:
    (folder / "llava" / "pytorch_model-00002-of-00002.bin").unlink()
    with pytest.raises(ModelIntegrityError, match="pytorch_model-00002-of-00002"):
        load(folder)


@pytest.mark.parametrize(
    "added",
    [("<im_start>", "<im_patch>", "<im_end>"), (*PATCH_TOKENS, "[IMG1]", "[IMG0]")],
)
def test_tokens_in_another_order_are_refused(folder: Path, added: tuple[str, ...]) -> None:
    tiny_tokenizer(*added).save_pretrained(folder / "llava")
    with pytest.raises(ModelError, match="numbers MGIE's tokens <im_patch>"):
        load(folder)


def test_tower_of_another_width_is_refused(folder: Path) -> None:
    for shard in (folder / "llava").glob("*.bin"):
        if "model.mm_projector.weight" in torch.load(shard, weights_only=True):
            change_file(shard, **{"model.mm_projector.weight": torch.zeros(WIDTH, 25)})
    with pytest.raises(ModelError, match="25 channels"):
        load(folder)


def test_config_of_another_architecture_is_refused(folder: Path) -> None:
    (folder / "llava" / "config.json").write_text(json.dumps({**CONFIG, "model_type": "mistral"}))
    with pytest.raises(ModelError, match="no LLaVA"):
        load(folder)


class _Canary:
    """Pickled, it writes a file when it is opened by a trusting reader."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (self.path, "w"))


@pytest.mark.parametrize("name", ["mllm.pt", "mllm.safetensors"])
def test_malicious_pickle_never_runs(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / "mllm.pt").unlink()
    torch.save({"emb": _Canary(str(tmp_path / "canary"))}, folder / name)
    with pytest.raises(ModelError, match="not opened"):
        load(folder)
    assert not (tmp_path / "canary").exists()


def test_truncated_file_is_refused(folder: Path) -> None:
    content = (folder / "mllm.pt").read_bytes()
    (folder / "mllm.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelIntegrityError, match=r"mllm\.pt"):
        load(folder)


@pytest.mark.parametrize(
    ("instruction", "message"),
    [("make <im_patch> blue", "<im_patch>"), ("a" * 900, "too long")],
)
def test_instructions_the_model_cannot_read(
    published: Path, instruction: str, message: str
) -> None:
    with pytest.raises(InstructionError, match=message):
        load(published).condition(FRAMES[:1], instruction)
