"""What the conditioner learns from: pictures with questions, answers and the states to reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer, LlamaTokenizer

from via_engine.starter.networks.conditioner_model import IMAGE_TOKENS, image_processor, prompt_text
from via_engine.starter.networks.text import token_ids
from via_engine.starter.training.train_editor import EDIT_SHARES
from via_engine.starter.world.expressive import expressive_sentence
from via_engine.starter.world.render import render_frame
from via_engine.starter.world.scene import Scene, possible_instructions, random_scene
from via_engine.starter.world.vocabulary import Instruction, every_instruction, wordings

NO_ANSWER = -100
# Small, as the vision tower sees little more; the shapes are those of films and telephones.
_FRAME_SIZES = ((128, 72), (128, 72), (256, 144), (96, 96), (72, 128))
_CAPITAL_SHARE = 0.15
_ENCODE_BATCH = 64
_LEAST_VARIANCE = 0.01


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A batch: what is asked and answered, in tokens, and the states the answer should lead to.

    `tokens` and `attention_mask` are (batch, length) int64, padded on the right. `answers` holds
    at each position the token that follows, NO_ANSWER outside the answer. `pixels` is (batch, 3,
    side, side) float32 as the image processor leaves it, `targets` (batch, MAX_TOKENS,
    TEXT_WIDTH) float32.
    """

    tokens: Tensor
    attention_mask: Tensor
    answers: Tensor
    pixels: Tensor
    targets: Tensor


class EncodedInstructions:
    """What an editor's text encoder makes of every instruction's plainest wording."""

    def __init__(self, editor: Path, device: torch.device) -> None:
        tokenizer = CLIPTokenizer.from_pretrained(editor / "tokenizer")
        encoder = CLIPTextModel.from_pretrained(editor / "text_encoder").float().eval()
        instructions = every_instruction()
        texts = ["", *(wordings(one)[0] for one in instructions)]
        self._rows = {one: row + 1 for row, one in enumerate(instructions)}
        with torch.no_grad():
            self._states = torch.cat(
                [
                    encoder(token_ids(tokenizer, texts[start : start + _ENCODE_BATCH]))[0]
                    for start in range(0, len(texts), _ENCODE_BATCH)
                ]
            ).to(device)
        self._whitening = _whitening(self._states.flatten(0, 1))

    @property
    def null(self) -> Tensor:
        """(1, MAX_TOKENS, TEXT_WIDTH) float32, the states of the empty instruction."""
        return self._states[:1]

    def states(self, instructions: Sequence[Instruction]) -> Tensor:
        """(instructions, MAX_TOKENS, TEXT_WIDTH) float32."""
        return self._states[[self._rows[one] for one in instructions]]

    def error(self, states: Tensor, targets: Tensor) -> Tensor:
        """Mean squared error, in which every direction the states differ in counts alike.

        Text encoders tell one object from another in weak directions, which the plain error
        hardly sees and the editor's attention does.
        """
        error: Tensor = ((states.float() - targets) @ self._whitening).square().mean()
        return error


class Lessons:
    """A store of training pictures, drawn once, and questions about them without an end."""

    def __init__(
        self, tokenizer: LlamaTokenizer, encoded: EncodedInstructions, *, scenes: int, seed: int
    ) -> None:
        self._tokenizer = tokenizer
        self._encoded = encoded
        self._scenes = [random_scene(seed * 1_000_003 + index) for index in range(scenes)]
        self._pixels = _pictures(self._scenes, np.random.default_rng((29, seed)))

    def draw(self, seed: int, batch_size: int) -> Iterator[Lesson]:
        """Batches that the seed decides; forms of edit come in the editor's shares."""
        chance = np.random.default_rng((31, seed))
        while True:
            chosen = chance.integers(len(self._scenes), size=batch_size)
            asked = [_asked(self._scenes[index], chance) for index in chosen]
            prompts = [prompt_text(_said(one, chance)) for one in asked]
            sentences = [
                expressive_sentence(self._scenes[index], one)
                for index, one in zip(chosen, asked, strict=True)
            ]
            tokens, attention_mask, answers = self._rows(prompts, sentences)
            yield Lesson(
                tokens=tokens,
                attention_mask=attention_mask,
                answers=answers,
                pixels=self._pixels[torch.from_numpy(chosen)],
                targets=self._encoded.states(asked),
            )

    def _rows(self, prompts: list[str], sentences: list[str]) -> tuple[Tensor, Tensor, Tensor]:
        end_id = int(self._tokenizer.eos_token_id)
        closing = [*self._tokenizer.convert_tokens_to_ids(list(IMAGE_TOKENS)), end_id]
        asked: list[list[int]] = self._tokenizer(prompts).input_ids
        written = self._tokenizer(sentences, add_special_tokens=False).input_ids
        lengths = [
            len(ask) + len(say) + len(closing) for ask, say in zip(asked, written, strict=True)
        ]
        tokens = torch.full((len(asked), max(lengths)), end_id)
        answers = torch.full_like(tokens, NO_ANSWER)
        for row, (ask, say) in enumerate(zip(asked, written, strict=True)):
            reply = torch.tensor(say + closing)
            tokens[row, : lengths[row]] = torch.cat([torch.tensor(ask), reply])
            answers[row, len(ask) - 1 : lengths[row] - 1] = reply
        mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
        return tokens, mask.long(), answers


def _whitening(states: Tensor) -> Tensor:
    """(width, width): makes states (count, width) vary alike in all but the weakest directions."""
    variance, directions = torch.linalg.eigh(torch.cov(states.T))
    scaled: Tensor = directions / (variance + _LEAST_VARIANCE * variance.mean()).sqrt()
    return scaled


def _asked(scene: Scene, chance: np.random.Generator) -> Instruction:
    possible = possible_instructions(scene, int(chance.integers(1 << 30)))
    forms = [one.edit for one in possible]
    shares = np.array([EDIT_SHARES[form] / forms.count(form) for form in forms])
    return possible[int(chance.choice(len(possible), p=shares / shares.sum()))]


def _said(instruction: Instruction, chance: np.random.Generator) -> str:
    """One wording of it, as people type: now and then with a capital or a full stop."""
    options = wordings(instruction)
    text = options[int(chance.integers(len(options)))]
    if chance.random() < _CAPITAL_SHARE:
        text = text.capitalize()
    return f"{text}." if chance.random() < _CAPITAL_SHARE else text


def _pictures(scenes: Sequence[Scene], chance: np.random.Generator) -> Tensor:
    """(scenes, 3, side, side) float32: one frame of each, ready for the vision tower."""
    process = image_processor()
    pictures = []
    for scene in scenes:
        width, height = _FRAME_SIZES[int(chance.integers(len(_FRAME_SIZES)))]
        number = int(chance.integers(scene.frame_count))
        frame = render_frame(scene, number, width=width, height=height)
        pictures.append(process(frame, return_tensors="pt").pixel_values[0])
    return torch.stack(pictures)
