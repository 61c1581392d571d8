"""The conditioner trains, resumes and exports what the engine's MGIE loader reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import LlamaTokenizer

from via_engine.models.mgie import MgieConditioner, load_conditioner
from via_engine.starter.bundle import checked_folder, starter_folder
from via_engine.starter.evaluation.evaluate import Sampling, load_editor
from via_engine.starter.evaluation.evaluate_conditioner import FrameConditioning, score_conditioner
from via_engine.starter.networks.conditioner_model import (
    IMAGE_TOKENS,
    Conditioner,
    conditioner_tokenizer,
    image_processor,
    prompt_text,
    with_image_tokens,
)
from via_engine.starter.training.conditioner_lessons import NO_ANSWER, EncodedInstructions, Lessons
from via_engine.starter.training.train_conditioner import (
    ConditionerSettings,
    export_conditioner,
    packaged_state,
    train_conditioner,
    unpack_conditioner,
)
from via_engine.starter.training.training_run import TrainingRun
from via_engine.starter.world.expressive import expressive_sentence
from via_engine.starter.world.render import render_frame
from via_engine.starter.world.scene import demo_scene
from via_engine.starter.world.vocabulary import (
    BACKGROUNDS,
    Instruction,
    every_instruction,
    parse_instruction,
    wordings,
)

INSTRUCTIONS = (
    "make the ball blue",
    "paint the star orange",
    "change the color of the star",
    "turn the ball into a heart",
    "remove the ball",
    "replace the background with a desert",
    "make it night",
    "sepia style",
    "make the star golden",
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> LlamaTokenizer:
    return with_image_tokens(conditioner_tokenizer(tmp_path_factory.mktemp("tokenizer")))


@pytest.fixture(scope="module")
def conditioner() -> MgieConditioner:
    return load_conditioner(
        starter_folder("conditioner"), device=torch.device("cpu"), dtype=torch.float32
    )


@pytest.fixture(scope="module")
def encoded() -> EncodedInstructions:
    return EncodedInstructions(starter_folder("editor"), torch.device("cpu"))


def demo_frame() -> NDArray[np.uint8]:
    return render_frame(demo_scene(), 8, width=256, height=144)


def parsed(text: str) -> Instruction:
    instruction = parse_instruction(text)
    assert instruction is not None
    return instruction


def run_of(cache: Path) -> TrainingRun:
    return TrainingRun(name="conditioner", folder=cache, device=torch.device("cpu"), seed=0)


def triples(tokens: list[int]) -> Iterator[tuple[int, int, int]]:
    return ((first, *rest) for first, rest in zip(tokens, pairwise(tokens[1:]), strict=False))


def test_no_sentence_repeats_three_tokens_of_its_question(tokenizer: LlamaTokenizer) -> None:
    """Generation forbids repeats, so such a sentence could never be written."""
    scenes = [replace(demo_scene(), background=name) for name in (*BACKGROUNDS, "photo")]
    for instruction in every_instruction()[::5]:
        asked = [prompt_text(text) for text in wordings(instruction)]
        said = {one for prompt in tokenizer(asked).input_ids for one in triples(prompt)}
        sentences = [expressive_sentence(scene, instruction) for scene in scenes]
        for sentence in tokenizer(sentences, add_special_tokens=False).input_ids:
            own = list(triples(sentence))
            assert said.isdisjoint(own), tokenizer.decode(sentence)
            assert len(set(own)) == len(own)


@pytest.mark.parametrize("text", ["Make the Zebra blue, please!", "añadir niebla", "1 < 2\n'x'"])
def test_tokenizer_keeps_every_word(tokenizer: LlamaTokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text


def test_answers_are_the_tokens_that_follow(
    tokenizer: LlamaTokenizer, encoded: EncodedInstructions
) -> None:
    lesson = next(Lessons(tokenizer, encoded, scenes=4, seed=5).draw(1, 6))
    for tokens, answers in zip(lesson.tokens, lesson.answers, strict=True):
        spoken = answers != NO_ANSWER
        assert torch.equal(answers[:-1][spoken[:-1]], tokens[1:][spoken[:-1]])
        reply = tokenizer.decode(answers[spoken])
        assert reply.endswith("".join(IMAGE_TOKENS) + "</s>")
        assert int(spoken.nonzero()[0]) == int(
            (tokens == tokenizer(":").input_ids[-1]).nonzero()[-1]
        )


def test_train_resume_export(tmp_path: Path) -> None:
    cache, folder = tmp_path / "cache", tmp_path / "conditioner"
    settings = ConditionerSettings(steps=1, batch_size=2, scenes=3)
    train_conditioner(settings, run_of(cache))
    again = run_of(cache)
    train_conditioner(replace(settings, steps=2), again)
    assert (again.step, again.samples) == (2, 4)
    export_conditioner(cache, folder)
    trained = torch.load(again.finished, weights_only=True)["model"]
    stored = packaged_state(checked_folder(folder))
    assert stored.keys() == trained.keys()
    assert all(torch.equal(stored[name], trained[name].half().float()) for name in trained)
    loaded = load_conditioner(folder, device=torch.device("cpu"), dtype=torch.float32)
    assert loaded.null_states().shape == (1, 32, 128)


def test_packaged_one_starts_a_short_training(tmp_path: Path) -> None:
    unpack_conditioner(starter_folder("conditioner"), tmp_path)
    run = replace(run_of(tmp_path), start=tmp_path / "packaged_conditioner_weights.pt")
    settings = ConditionerSettings(steps=1, batch_size=4, scenes=4, learning_rate=1e-6)
    train_conditioner(settings, run)
    assert run.loss < 0.5


def test_loader_and_training_read_the_same(conditioner: MgieConditioner) -> None:
    """The engine's code against the network that was trained, which shares none with it."""
    folder = starter_folder("conditioner")
    tokenizer = with_image_tokens(conditioner_tokenizer(folder / "llava"))
    trained = Conditioner(tokenizer).eval()
    trained.load_state_dict(packaged_state(folder))
    found = conditioner.condition(demo_frame()[None], INSTRUCTIONS[0])
    asked = tokenizer(prompt_text(INSTRUCTIONS[0])).input_ids
    said = tokenizer(found.expression, add_special_tokens=False).input_ids
    tokens = torch.tensor([asked + said + tokenizer.convert_tokens_to_ids(list(IMAGE_TOKENS))])
    pixels = image_processor()(demo_frame(), return_tensors="pt").pixel_values
    with torch.no_grad():
        hidden = trained.hidden_states(tokens, torch.ones_like(tokens), pixels)
        states = trained.edit_head(hidden[:, -9:-1], trained.image_embeddings[None])
        null = trained.null_states()
    assert torch.allclose(found.states, states, atol=1e-3)
    assert torch.allclose(found.null_states, null, atol=1e-3)


@pytest.mark.parametrize("text", INSTRUCTIONS)
def test_packaged_conditioner_understands(
    conditioner: MgieConditioner, encoded: EncodedInstructions, text: str
) -> None:
    """It writes the world's sentence, and its states are closest to what the editor's text encoder
    makes of that edit: a new editor needs a new conditioner."""
    found = conditioner.condition(demo_frame()[None], text)
    assert found.expression == expressive_sentence(demo_scene(), parsed(text))
    everything = every_instruction()
    distance = (encoded.states(everything) - found.states).square().mean((1, 2))
    closest = everything[int(distance.argmin())]
    assert (closest.edit, closest.value) == (parsed(text).edit, parsed(text).value)
    nothing = (encoded.null - found.null_states).square().mean()
    assert nothing < 0.1 * (encoded.null - found.states).square().mean()


def test_packaged_conditioner_is_small() -> None:
    files = starter_folder("conditioner").rglob("*")
    assert sum(path.stat().st_size for path in files if path.is_file()) < 9_000_000


def test_scores_are_equal_when_the_text_encoder_conditions() -> None:
    pipeline = load_editor(starter_folder("editor"))

    def condition(_frames: NDArray[np.uint8], texts: Sequence[str]) -> FrameConditioning:
        states, null_states = (
            pipeline.text_encoder(
                pipeline.tokenizer(
                    list(words), padding="max_length", max_length=32, return_tensors="pt"
                ).input_ids
            )[0].detach()
            for words in (texts, [""])
        )
        return FrameConditioning(states, null_states, ("On the moon.", *texts[1:]))

    sampling = Sampling(steps=2, width=64, height=64)
    scores = score_conditioner(pipeline, condition, sampling, edit="recolour", count=2, seed=3)
    assert scores.conditioned == scores.plain
    assert scores.plain.cases == 2
    assert scores.true_expressions == 0
