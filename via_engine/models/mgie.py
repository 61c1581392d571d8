"""MGIE's conditioner: a language model looks at the picture and steers the image editor.

It answers an instruction with a sentence and eight visual tokens; the states behind the tokens
become the `prompt_embeds` of an InstructPix2Pix editor. Fu et al., "Guiding Instruction-based
Image Editing via Multimodal Large Language Models", 2024.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import LlamaTokenizer

from via_engine.errors import InstructionError, ModelError
from via_engine.models.edit_head import EditMapper
from via_engine.models.llava import TOKEN_ROWS, Llava, load_llava
from via_engine.models.mgie_prompt import (
    ADDED_TOKENS,
    IMAGE_PATCH,
    VISUAL_TOKENS,
    load_tokenizer,
    prompt_text,
    visible_text,
    visual_states,
)
from via_engine.weights.weight_file import read_tensors

_MOST_NEW_TOKENS = 96
_NO_REPEAT_TOKENS = 3
_FRAMES_AT_ONCE = 4
_HEAD = "edit_head."
_VISUAL_ROWS = "emb"


class Conditioning(NamedTuple):
    """What steers the editor.

    `states` is (N, L, D), one per frame, `null_states` (1, L, D), both in the model's dtype on
    its device: L and D are those of the editor's text encoder. `expression` is the sentence the
    language model wrote, for people.
    """

    states: Tensor
    null_states: Tensor
    expression: str


class _Answer(NamedTuple):
    """Token ids of prompt and answer, the prompt's length, and states (8, width)."""

    sequence: list[int]
    prompt_length: int
    states: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class MgieConditioner:
    """An MGIE-class conditioner: pictures and an instruction in, the editor's conditioning out.

    Attributes:
        embeddings: (1, 8, width), of [IMG0] to [IMG7]; the edit head adds them to the states.
    """

    llava: Llava
    tokenizer: LlamaTokenizer
    edit_head: EditMapper
    embeddings: Tensor

    @torch.no_grad()
    def condition(self, frames: NDArray[np.uint8], instruction: str) -> Conditioning:
        """The conditioning of each frame for one instruction.

        The language model writes its sentence once, looking at the first frame; what it wrote is
        then read back with each other frame in sight, so that all frames get the same edit.

        Args:
            frames: (N, H, W, 3) uint8, RGB; the root frame first.
            instruction: as the user wrote it.

        Raises:
            InstructionError: it is too long for the language model or holds one of its tokens.
        """
        prompt = self._prompt(instruction)
        answer = self._generate(prompt, frames[:1])
        states = [answer.states[None]]
        for start in range(1, len(frames), _FRAMES_AT_ONCE):
            states.append(self._read_back(answer, frames[start : start + _FRAMES_AT_ONCE]))
        written = self.tokenizer.decode(answer.sequence[answer.prompt_length :])
        return Conditioning(
            states=self.edit_head(torch.cat(states), self.embeddings),
            null_states=self.null_states(),
            expression=visible_text(str(written)),
        )

    @torch.no_grad()
    def null_states(self) -> Tensor:
        """(1, L, D), what stands for no instruction: the edit head's answer to zeros."""
        return torch.as_tensor(self.edit_head(torch.zeros_like(self.embeddings), self.embeddings))

    def _prompt(self, instruction: str) -> list[int]:
        found = [token for token in ADDED_TOKENS if token in instruction]
        if found:
            raise InstructionError(
                f"the instruction holds {found[0]}, which stands for a picture in this model; "
                "leave it out"
            )
        text = prompt_text(instruction, patches=self.llava.patches)
        prompt: list[int] = self.tokenizer(text).input_ids
        room = self.llava.language.config.max_position_embeddings - _MOST_NEW_TOKENS
        if len(prompt) > room:
            raise InstructionError(
                f"the instruction is {len(prompt) - room} tokens too long for this model"
            )
        return prompt

    def _generate(self, prompt: list[int], frame: NDArray[np.uint8]) -> _Answer:
        """Greedy, as MGIE's demo does it.

        Both ids and embeddings are given: with embeddings alone the answer would come without
        the prompt, and repeats of the prompt would not be forbidden.
        """
        tokens, embeddings = self._embedded(prompt, frame)
        made: Any = self.llava.language.generate(
            input_ids=tokens,
            inputs_embeds=embeddings,
            attention_mask=torch.ones_like(tokens),
            do_sample=False,
            num_beams=1,
            max_new_tokens=_MOST_NEW_TOKENS,
            no_repeat_ngram_size=_NO_REPEAT_TOKENS,
            eos_token_id=self.tokenizer.eos_token_id,
            pad_token_id=self.tokenizer.eos_token_id,
            output_hidden_states=True,
            return_dict_in_generate=True,
        )
        sequence: list[int] = made.sequences[0].tolist()
        hidden = torch.cat([step[-1] for step in made.hidden_states], dim=1)[0]
        return _Answer(sequence, len(prompt), self._visual_states(hidden, sequence))

    def _read_back(self, answer: _Answer, frames: NDArray[np.uint8]) -> Tensor:
        """(N, 8, width): the states of the same words with other frames in sight."""
        _, embeddings = self._embedded(answer.sequence[:-1], frames)
        hidden = self.llava.language.model(
            inputs_embeds=embeddings, use_cache=False
        ).last_hidden_state
        return self._visual_states(hidden, answer.sequence)

    def _visual_states(self, hidden: Tensor, sequence: list[int]) -> Tensor:
        first = int(self.tokenizer.convert_tokens_to_ids(VISUAL_TOKENS[0]))
        return visual_states(hidden, sequence, first)

    def _embedded(self, sequence: list[int], frames: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """Ids (N, length) and embeddings (N, length, width), the frames' patches in place."""
        pictures = self.llava.picture_embeddings(frames)
        tokens = torch.tensor([sequence] * len(frames), device=pictures.device)
        embeddings = self.llava.language.model.embed_tokens(tokens)
        start = sequence.index(int(self.tokenizer.convert_tokens_to_ids(IMAGE_PATCH)))
        embeddings[:, start : start + self.llava.patches] = pictures
        return tokens, embeddings


def load_conditioner(
    folder: Path, *, device: torch.device, dtype: torch.dtype, bits: int = 16
) -> MgieConditioner:
    """The conditioner of a folder, from its files alone: no download, no pickle executed.

    The folder holds

        llava/          LLaVA-Lightning-7B-v1-1: config.json, tokenizer, weights
        vision_tower/   openai/clip-vit-large-patch14
        mllm.pt         of MGIE's release, or mllm.safetensors with the same names

    or the same at another size. With 8 or 4 `bits` the language model's layers are kept in fewer
    bytes, which changes its states a little.

    Raises:
        ModelError: a part, or the package for fewer bits, is missing, or parts do not fit one
            another; the message names them.
        ModelIntegrityError: a weight file is missing or cannot be read.
    """
    tokenizer = load_tokenizer(folder / "llava")
    path = _mllm_path(folder)
    head, rows, embeddings = _read_mllm(path, device, dtype)
    for name, table in rows.items():
        if len(table) != len(tokenizer):
            raise ModelError(
                f"{path}: {name} is {tuple(table.shape)}, the tokenizer has {len(tokenizer)} "
                "tokens; use the LLaVA folder MGIE was trained from"
            )
    llava = load_llava(
        folder / "llava", folder / "vision_tower", rows, device=device, dtype=dtype, bits=bits
    )
    width = llava.language.config.hidden_size
    if head.llm2hid.in_features != width:
        raise ModelError(
            f"{path}: its edit head reads states of {head.llm2hid.in_features} channels, "
            f"the language model in {folder / 'llava'} has {width}; they belong to two models"
        )
    return MgieConditioner(llava=llava, tokenizer=tokenizer, edit_head=head, embeddings=embeddings)


@torch.no_grad()
def load_null_states(folder: Path, *, device: torch.device, dtype: torch.dtype) -> Tensor:
    """(1, L, D), what stands for no instruction, without loading the language model.

    Raises as `load_conditioner`.
    """
    head, _, embeddings = _read_mllm(_mllm_path(folder), device, dtype)
    return torch.as_tensor(head(torch.zeros_like(embeddings), embeddings))


def _read_mllm(
    path: Path, device: torch.device, dtype: torch.dtype
) -> tuple[EditMapper, dict[str, Tensor], Tensor]:
    """Edit head, both tables of token rows, and the embeddings of the visual tokens."""
    tensors = {name: tensor.to(device, dtype) for name, tensor in read_tensors(path).items()}
    head = {
        name.removeprefix(_HEAD): tensors.pop(name)
        for name in list(tensors)
        if name.startswith(_HEAD)
    }
    rows = _token_rows(path, tensors)
    return EditMapper.of_weights(head), rows, _visual_rows(path, tensors.get(_VISUAL_ROWS), rows)


def _mllm_path(folder: Path) -> Path:
    for name in ("mllm.safetensors", "mllm.pt"):
        if (folder / name).is_file():
            return folder / name
    raise ModelError(
        f"{folder} holds neither mllm.safetensors nor mllm.pt; put MGIE's mllm.pt there"
    )


def _token_rows(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Both tables of token rows; the file must hold nothing unknown."""
    known = {*TOKEN_ROWS, _VISUAL_ROWS}
    for fault, names in (
        ("lacks", set(TOKEN_ROWS) - set(tensors)),
        ("holds the unknown", set(tensors) - known),
    ):
        if names:
            raise ModelError(f"{path} {fault} {', '.join(sorted(names))}; fetch MGIE's mllm.pt")
    return {name: tensors[name] for name in TOKEN_ROWS}


def _visual_rows(path: Path, stored: Tensor | None, rows: Mapping[str, Tensor]) -> Tensor:
    """(1, 8, width): `emb` as stored, else the rows of the visual tokens, the last ones."""
    visual = rows[TOKEN_ROWS[0]][-len(VISUAL_TOKENS) :][None]
    if stored is None:
        return visual
    try:
        return stored.expand_as(visual)
    except RuntimeError as error:
        raise ModelError(
            f"{path}: {_VISUAL_ROWS} is {tuple(stored.shape)}, expected {tuple(visual.shape)}"
        ) from error
