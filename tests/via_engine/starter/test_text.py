"""The tokenizer keeps every word, known or not."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from via_engine.starter.networks.text import (
    MAX_TOKENS,
    build_text_encoder,
    token_ids,
    world_tokenizer,
)
from via_engine.starter.world.vocabulary import every_instruction, wordings


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> CLIPTokenizer:
    return world_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.mark.parametrize(
    "text", ["make the ball blue", "paint the zyxgrub quokka", "añadir niebla"]
)
def test_words_come_back(tokenizer: CLIPTokenizer, text: str) -> None:
    ids = tokenizer(text).input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == text


def test_known_words_are_single_tokens(tokenizer: CLIPTokenizer) -> None:
    assert len(tokenizer("make the triangle purple").input_ids) == 6


def test_every_wording_fits(tokenizer: CLIPTokenizer) -> None:
    texts = sorted({text for one in every_instruction() for text in wordings(one)})
    assert max(len(ids) for ids in tokenizer(texts).input_ids) <= MAX_TOKENS


def test_saved_tokenizer_reads_the_same(tokenizer: CLIPTokenizer, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    again = CLIPTokenizer.from_pretrained(tmp_path)
    text = "replace the background with city lights"
    assert again(text).input_ids == tokenizer(text).input_ids


def test_text_encoder_takes_the_tokens(tokenizer: CLIPTokenizer) -> None:
    ids = token_ids(tokenizer, ["make it night", "remove the pink heart"])
    assert ids.shape == (2, MAX_TOKENS)
    assert build_text_encoder(tokenizer)(ids).last_hidden_state.shape[:2] == ids.shape
