"""What the public MGIE needs beyond the server's packages: its tokenizer's reader, fewer bits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from via_engine.models.mgie_prompt import ADDED_TOKENS, load_tokenizer
from via_engine.models.quantized import quantize


def test_a_llama_tokenizer_of_2023_is_read(tmp_path: Path) -> None:
    """LLaVA-Lightning came with tokenizer.model and added_tokens.json, and no tokenizer.json."""
    pieces = pytest.importorskip("sentencepiece", reason="sentencepiece is optional: [mgie]")
    words = ["what will this image be like if the user asks", "make the ball a beach quickly"]
    pieces.SentencePieceTrainer.train(
        sentence_iterator=iter(words * 40),
        model_prefix=str(tmp_path / "tokenizer"),
        vocab_size=330,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        minloglevel=2,
    )
    patch_tokens = {token: 330 + place for place, token in enumerate(ADDED_TOKENS[:3])}
    (tmp_path / "added_tokens.json").write_text(json.dumps(patch_tokens))
    settings = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({**settings, "tokenizer_class": "LlamaTokenizer", "add_bos_token": True})
    )
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.convert_tokens_to_ids(list(ADDED_TOKENS)) == list(range(330, 341))
    text = "what will this image be like if 'make the ball a beach'\n"
    oracle = pieces.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    assert tokenizer(text).input_ids == [1, *oracle.encode(text)]


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(128, 128, bias=False)
        self.lm_head = nn.Linear(128, 8)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.lm_head(self.first(states)))


@pytest.mark.parametrize(("bits", "least", "most"), [(8, 0.001, 0.03), (4, 0.01, 0.3)])
def test_fewer_bits_change_the_answer_a_little(bits: int, least: float, most: float) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is optional: [mgie]")
    model, states = Small(), torch.randn(3, 128, generator=torch.Generator().manual_seed(1))
    head = model.lm_head
    expected = model(states).detach()
    quantize(model, bits=bits, device=torch.device("cpu"), dtype=torch.float32)
    error = float((model(states).detach() - expected).norm() / expected.norm())
    assert least < error < most
    assert model.first.weight.element_size() == 1
    assert model.lm_head is head
