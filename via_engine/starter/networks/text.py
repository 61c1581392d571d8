"""The editor's reading side: a tokenizer learned from the world's wordings, and its encoder."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from via_engine.starter.world.vocabulary import every_instruction, wordings

TEXT_WIDTH = 128
MAX_TOKENS = 32
_BEGIN, _END = "<|startoftext|>", "<|endoftext|>"


def world_tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer kept in `folder`, learned from every wording if there is none yet.

    All 256 bytes are in the alphabet, within a word and at its end, so unknown words are
    spelled out and never lost.
    """
    if not (folder / "merges.txt").exists():
        _learn(folder)
    return CLIPTokenizer(
        vocab=str(folder / "vocab.json"),
        merges=str(folder / "merges.txt"),
        model_max_length=MAX_TOKENS,
    )


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """An untrained text encoder for the tokenizer."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=3 * TEXT_WIDTH,
        projection_dim=TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=MAX_TOKENS,
        hidden_act="quick_gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def token_ids(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """(texts, MAX_TOKENS) int64, padded the way the stock pipeline pads."""
    found = tokenizer(
        texts,
        padding="max_length",
        max_length=MAX_TOKENS,
        truncation=True,
        return_tensors="pt",
    )
    return torch.as_tensor(found.input_ids)


def _learn(folder: Path) -> None:
    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    alphabet = symbols + [f"{symbol}</w>" for symbol in symbols]
    merges = _learn_merges()
    tokens = dict.fromkeys([*alphabet, *("".join(pair) for pair in merges), _BEGIN, _END])
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {token: index for index, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    # Its being there says that both are whole.
    half = folder / "merges.part"
    half.write_text("\n".join(lines) + "\n")
    half.replace(folder / "merges.txt")


def _learn_merges() -> list[tuple[str, str]]:
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer = normalizers.Lowercase()
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=900, end_of_word_suffix="</w>", show_progress=False, min_frequency=2
    )
    texts = sorted({text for one in every_instruction() for text in wordings(one)})
    learner.train_from_iterator(texts, trainer)
    learned = json.loads(learner.to_str())["model"]["merges"]
    return [(first, second) for first, second in learned]
