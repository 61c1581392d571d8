"""Batches for the critic: families side by side, with what holds for what worked out exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import CLIPTokenizer

from via_engine.starter.networks.text import MAX_TOKENS
from via_engine.starter.training.critic_families import CriticFamily, draw_family
from via_engine.starter.world.captions import Fact, caption_of, scene_facts
from via_engine.starter.world.scene import Scene, colour_word
from via_engine.starter.world.vocabulary import Instruction

# How often a family serves before it makes room: drawing it costs a third of learning from it.
_SERVINGS = 3
_RESERVE = 48


@dataclass(frozen=True, kw_only=True)
class CriticBatch:
    """N pictures, T texts and Q questions. Picture and text numbers are int64, masks bool.

    Attributes:
        pixels: (N, 3, side, side) float32, RGB in [-1, 1].
        token_ids: (T, L) int64.
        caption: (N,) text of each picture.
        holds: (N, N), the caption of picture i is true of picture j.
        before: (Q,) text.
        after: (Q,) text.
        source: (Q,) picture.
        answer: (Q,) picture, one of the right ones.
        candidate: (Q, N), the pictures of the question's family.
        right: (Q, N), those of them that answer it.
        same: (Q, Q), the texts of question j describe the answer to another question i as well.
    """

    pixels: Tensor
    token_ids: Tensor
    caption: Tensor
    holds: Tensor
    before: Tensor
    after: Tensor
    source: Tensor
    answer: Tensor
    candidate: Tensor
    right: Tensor
    same: Tensor

    def to(self, device: torch.device) -> CriticBatch:
        """The same batch on another device."""
        return CriticBatch(**{name: value.to(device) for name, value in vars(self).items()})


def critic_batches(
    seed: int, families: int, side: int, tokenizer: CLIPTokenizer
) -> Iterator[CriticBatch]:
    """Batches of a number of families without end; pictures of `side` x `side` pixels."""
    chance = np.random.default_rng((29, seed))
    reserve: list[CriticFamily] = []
    owed = float(max(_RESERVE, families))
    while True:
        while owed >= 1:
            reserve.append(draw_family(int(chance.integers(1 << 40)), side=side))
            owed -= 1
        reserve = reserve[-max(_RESERVE, families) :]
        chosen = chance.permutation(len(reserve))[:families]
        yield gather_batch([reserve[index] for index in chosen], tokenizer, chance)
        owed += families / _SERVINGS


def gather_batch(
    families: Sequence[CriticFamily], tokenizer: CLIPTokenizer, chance: np.random.Generator
) -> CriticBatch:
    """Families as one batch: pictures degraded, captions drawn, everything numbered through."""
    scenes = [scene for family in families for scene in family.scenes]
    said = [_some_facts(scene, chance) for scene in scenes]
    known = [scene_facts(scene) for scene in scenes]
    questions = [question for family in families for question in family.questions]
    texts: dict[str, int] = {}
    candidate, right, source = _answers(families)
    return CriticBatch(
        caption=_numbers(texts, [caption_of(facts) for facts in said]),
        before=_numbers(texts, [one.captions.before for one in questions]),
        after=_numbers(texts, [one.captions.after for one in questions]),
        token_ids=_token_ids(tokenizer, list(texts)),
        pixels=_pixels(families, chance),
        holds=torch.tensor([[facts <= scene for scene in known] for facts in map(set, said)]),
        source=torch.from_numpy(source),
        answer=torch.tensor([int(chance.choice(np.flatnonzero(row))) for row in right]),
        candidate=torch.from_numpy(candidate),
        right=torch.from_numpy(right),
        same=_same_meaning([one.instruction for one in questions]),
    )


def _numbers(texts: dict[str, int], wanted: list[str]) -> Tensor:
    """The number of each wanted text, new ones added to `texts`."""
    return torch.tensor([texts.setdefault(text, len(texts)) for text in wanted])


def _token_ids(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    found = tokenizer(
        texts, padding="longest", max_length=MAX_TOKENS, truncation=True, return_tensors="pt"
    )
    return torch.as_tensor(found.input_ids)


def _answers(
    families: Sequence[CriticFamily],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """Candidates and right answers of every question, (Q, N), and their sources, (Q,)."""
    pictures = sum(len(family.scenes) for family in families)
    asked = sum(len(family.questions) for family in families)
    candidate = np.zeros((asked, pictures), np.bool_)
    right = np.zeros((asked, pictures), np.bool_)
    source = np.zeros(asked, np.int64)
    row = base = 0
    for family in families:
        for question in family.questions:
            candidate[row, base : base + len(family.scenes)] = True
            right[row, [base + member for member in question.right]] = True
            source[row] = base + question.source
            row += 1
        base += len(family.scenes)
    return candidate, right, source


def _some_facts(scene: Scene, chance: np.random.Generator) -> list[Fact]:
    """Everything half of the time, else a part; of an object often only its kind.

    A style is always told: nobody calls a poster a photo.
    """
    whole = chance.random() < 0.5
    facts = [
        Fact(about="object", words=f"{look} {thing.kind}".strip())
        for index in chance.permutation(len(scene.objects))
        for thing in (scene.objects[index],)
        for look in ((colour_word(thing) or thing.material) if chance.random() < 0.75 else "",)
    ]
    facts += [fact for fact in scene_facts(scene) if fact.about != "object"]
    return [fact for fact in facts if whole or fact.about == "style" or chance.random() < 0.5]


def _pixels(families: Sequence[CriticFamily], chance: np.random.Generator) -> Tensor:
    """Pictures as an editor leaves them, some softened, some noisy; families may be mirrored."""
    found: list[NDArray[np.uint8]] = []
    for family in families:
        mirrored = chance.random() < 0.5
        frames = family.frames[:, :, ::-1] if mirrored else family.frames
        found += [_degraded(np.ascontiguousarray(frame), chance) for frame in frames]
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).float() / 127.5 - 1


def _degraded(frame: NDArray[np.uint8], chance: np.random.Generator) -> NDArray[np.uint8]:
    side = len(frame)
    if chance.random() < 0.35:
        small = round(side * float(chance.uniform(0.45, 0.9)))
        shrunk = cv2.resize(frame, (small, small), interpolation=cv2.INTER_AREA)
        frame = np.asarray(cv2.resize(shrunk, (side, side), interpolation=cv2.INTER_LINEAR))
    if chance.random() < 0.3:
        noise = chance.standard_normal(frame.shape, np.float32) * chance.uniform(1, 8)
        frame = np.asarray(np.clip(frame + noise, 0, 255), np.uint8)
    return frame


def _same_meaning(instructions: Sequence[Instruction]) -> Tensor:
    """(Q, Q) bool, off the diagonal: which other questions' texts an answer fits as well."""
    return torch.tensor(
        [
            [i != j and _also_fits(one, other) for j, other in enumerate(instructions)]
            for i, one in enumerate(instructions)
        ]
    )


def _also_fits(one: Instruction, other: Instruction) -> bool:
    """Whether what `one` asks answers `other` too, were it asked of the same scene."""
    return (one.edit, one.value, one.kind) == (other.edit, other.value, other.kind)
