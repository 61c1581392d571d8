"""The grounder's reading side: its word pieces, and BERT as Grounding DINO wants it called."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from groundingdino.models.GroundingDINO import groundingdino
from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertTokenizer

from via_engine.starter.world.vocabulary import KINDS, MATERIALS, PALETTE

TEXT_FOLDER = "text"
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_SYMBOLS = string.ascii_lowercase + string.digits
_MAX_TOKENS = 256


class SubSentenceBert(nn.Module):
    """A BertModel in which the words of one phrase do not see those of another.

    It takes the place of `groundingdino`'s own wrapper, which calls methods that transformers
    5 no longer has, and keeps that wrapper's parameter names.
    """

    def __init__(self, bert_model: BertModel) -> None:
        super().__init__()
        self.config = bert_model.config
        self.embeddings = bert_model.embeddings
        self.encoder = bert_model.encoder
        self.pooler = bert_model.pooler
        # In a list, or its parameters would be counted twice.
        self._whole = [bert_model]

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
    ) -> Mapping[str, Tensor]:
        """Read tokens under a mask of who sees whom.

        Args:
            input_ids: (batch, tokens) int64; `token_type_ids` and `position_ids` alike.
            attention_mask: (batch, tokens, tokens) bool, or (batch, tokens) for plain padding.

        Returns:
            `last_hidden_state`: (batch, tokens, width).
        """
        if attention_mask.dim() == 3:
            attention_mask = self._additive(attention_mask)
        found = self._whole[0](
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
        )
        return {"last_hidden_state": found.last_hidden_state}

    def _additive(self, seen: Tensor) -> Tensor:
        """(batch, 1, tokens, tokens): 0 where seen. Bool masks are read wrongly by eager BERT."""
        dtype = self.embeddings.word_embeddings.weight.dtype
        hidden = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
        return hidden.masked_fill(~seen, torch.finfo(dtype).min)[:, None]


@contextmanager
def text_encoder_from(folder: Path) -> Iterator[None]:
    """While inside, `groundingdino` builds its reading side from a folder, without weights.

    The folder holds a BERT's `config.json` and tokenizer files. Its weights are part of a
    grounder's own, so none are read here.
    """

    def tokenizer(_: object) -> BertTokenizer:
        return BertTokenizer.from_pretrained(folder)

    def bert(_: object) -> BertModel:
        return BertModel(BertConfig.from_pretrained(folder))

    library = groundingdino.get_tokenlizer
    ours = (
        (library, "get_tokenlizer", tokenizer),
        (library, "get_pretrained_language_model", bert),
        (groundingdino, "BertModelWarper", SubSentenceBert),
    )
    theirs = [getattr(place, name) for place, name, _ in ours]
    for place, name, own in ours:
        setattr(place, name, own)
    try:
        yield
    finally:
        for (place, name, _), former in zip(ours, theirs, strict=True):
            setattr(place, name, former)


def phrase_numbers(tokenizer: BertTokenizer, captions: Sequence[str]) -> Tensor:
    """Which phrase of its caption each token belongs to: (captions, tokens) int64.

    Phrases are counted from 0 and end at a "."; -1 stands for marks, separators and padding.
    """
    tokens: Tensor = tokenizer(list(captions), padding="longest", return_tensors="pt").input_ids
    ends: Tensor = tokens == tokenizer.convert_tokens_to_ids(".")
    silent = set(tokenizer.convert_tokens_to_ids([".", "?"])) | set(tokenizer.all_special_ids)
    silent.discard(tokenizer.unk_token_id)
    return ends.cumsum(dim=1).masked_fill(torch.isin(tokens, torch.tensor([*silent])), -1)


def write_text_folder(folder: Path, *, width: int) -> None:
    """Write config and tokenizer of an untrained reading side that knows the world's words.

    Words the world does not know are spelled out letter by letter.
    """
    words = [*KINDS, *PALETTE, *MATERIALS, "the", "a", "and", "object", "background"]
    pieces = [*_SPECIAL, *".,?!-'", *_SYMBOLS, *(f"##{symbol}" for symbol in _SYMBOLS)]
    vocabulary = list(dict.fromkeys([*pieces, *words]))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    numbers: dict[str, Any] = {piece: index for index, piece in enumerate(vocabulary)}
    BertTokenizer(vocab=numbers, do_lower_case=True).save_pretrained(folder)
    BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=_MAX_TOKENS,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    ).save_pretrained(folder)
