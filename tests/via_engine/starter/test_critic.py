"""What the critic learns from holds, it trains, resumes and exports, and it picks right edits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from via_engine.errors import InstructionError
from via_engine.models.critic import load_critic
from via_engine.starter.bundle import checked_folder, starter_folder
from via_engine.starter.evaluation.critic_cases import CANDIDATES, EDITS, critic_cases
from via_engine.starter.evaluation.evaluate_critic import evaluate_critic
from via_engine.starter.networks.critic_model import build_critic
from via_engine.starter.networks.text import MAX_TOKENS, world_tokenizer
from via_engine.starter.training import critic_batches as batches_module
from via_engine.starter.training.critic_batches import CriticBatch, gather_batch
from via_engine.starter.training.critic_families import draw_family
from via_engine.starter.training.train_critic import (
    CriticSettings,
    critic_loss,
    export_critic,
    train_critic,
)
from via_engine.starter.training.training_run import TrainingRun
from via_engine.starter.world.captions import (
    Captions,
    caption_of,
    captions_of,
    instruction_captions,
    scene_facts,
)
from via_engine.starter.world.scene import demo_scene, edited_scene
from via_engine.starter.world.vocabulary import (
    Instruction,
    every_instruction,
    held_out_words,
    wordings,
)

SIDE = 96
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("Make the red ball blue.", "a photo of a red ball", "a photo of a blue ball"),
        ("turn the box into a star", "a photo of a box", "a photo of a star"),
        ("erase the heart", "a photo of a heart", "a photo without a heart"),
        ("add fog", "a photo", "a photo in fog"),
        ("make the red ring another color", "a photo of a ring", "a photo of a ring"),
        ("make the old car shiny", "a photo of the old car", "a photo of the shiny old car"),
        ("turn the dog into a fox", "a photo of the dog", "a photo of a fox"),
        ("recolor the car to teal", "a photo of the car", "a photo of the teal car"),
        ("change the colour of the car", "a photo of the car", "a photo of the car"),
        ("remove the two people", "a photo of the two people", "a photo without the two people"),
        ("put a volcano in the background", "a photo", "a photo with a volcano in the background"),
        ("change the background to Mars", "a photo", "a photo with mars in the background"),
        ("add a rainbow", "a photo", "a photo with a rainbow"),
        ("make it look like a Monet", "a photo", "a photo, a monet"),
        ("watercolor style", "a photo", "a photo, watercolor style"),
        ("snowy mountains", "a photo", "a photo of snowy mountains"),
    ],
)
def test_captions_come_from_the_words_alone(text: str, before: str, after: str) -> None:
    assert captions_of(text) == Captions(before=before, after=after)


@pytest.mark.parametrize("text", ["", "  .", "!"])
def test_an_empty_instruction_has_no_captions(text: str) -> None:
    with pytest.raises(InstructionError):
        captions_of(text)


def test_each_meaning_has_its_own_captions_in_every_wording() -> None:
    every = every_instruction()
    directed = [one for one in every if instruction_captions(one).have_direction]
    assert len({instruction_captions(one) for one in directed}) == len(directed)
    assert {one.edit for one in every if one not in directed} == {"vague_recolour"}
    for one in every[::17]:
        assert {captions_of(text) for text in wordings(one)} == {instruction_captions(one)}


def test_captions_fit_the_text_encoder(tmp_path: Path) -> None:
    tokenizer = world_tokenizer(tmp_path)
    longest = "a pencil sketch of a purple triangle and an orange flower and a wooden diamond"
    ends = [" with city lights in the background at sunset", ""]
    texts = [longest + end for end in ends]
    texts += [instruction_captions(one).after for one in every_instruction()]
    assert max(len(ids) for ids in tokenizer(texts).input_ids) <= MAX_TOKENS


def test_a_scene_caption_says_what_the_renderer_draws() -> None:
    scene = edited_scene(demo_scene(), Instruction(edit="time", value="night"))
    facts = [fact for fact in scene_facts(scene) if fact.words not in ("ball", "star")]
    ordered = sorted(facts, key=lambda fact: fact.words, reverse=True)
    assert caption_of(ordered) == (
        "a photo of a red ball and a cyan star with a meadow in the background at night"
    )
    assert {"ball", "star"} < {fact.words for fact in scene_facts(scene)}
    assert caption_of([]) == "a photo"


@pytest.mark.parametrize("seed", range(6))
def test_the_answers_of_a_family_are_the_worlds(seed: int) -> None:
    family = draw_family(seed, side=32)
    assert family.frames.shape == (len(family.scenes), 32, 32, 3)
    assert family.questions
    for question in family.questions:
        source = family.scenes[question.source]
        answer = edited_scene(source, question.instruction)
        found = {index for index, scene in enumerate(family.scenes) if scene == answer}
        assert answer != source
        assert question.right == found != set()
        assert not held_out_words(question.instruction)


def test_sources_are_drawn_once_more_among_the_wrong_answers() -> None:
    family = draw_family(4, side=32)
    assert family.scenes[-2:] == family.scenes[:2]
    for question in family.questions:
        again = len(family.scenes) - 2 + question.source
        assert again not in question.right


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> CriticBatch:
    families = [draw_family(seed, side=SIDE) for seed in (0, 1)]
    tokenizer = world_tokenizer(tmp_path_factory.mktemp("tokenizer"))
    return gather_batch(families, tokenizer, np.random.default_rng(0))


def test_a_batch_numbers_its_families_through(batch: CriticBatch) -> None:
    first, second = (draw_family(seed, side=SIDE) for seed in (0, 1))
    asked, pictures = len(first.questions), len(first.scenes)
    assert batch.right.shape == (asked + len(second.questions), pictures + len(second.scenes))
    assert not batch.candidate[:asked, pictures:].any()
    assert not batch.candidate[asked:, :pictures].any()
    assert bool((batch.right <= batch.candidate).all())
    assert int(batch.source[asked]) == pictures + second.questions[0].source
    assert bool(batch.right.gather(1, batch.answer[:, None]).all())
    assert bool(batch.holds.diagonal().all())
    assert not batch.same.diagonal().any()


def test_the_loss_reaches_every_weight(batch: CriticBatch, tmp_path: Path) -> None:
    critic = build_critic(world_tokenizer(tmp_path))
    critic_loss(critic, batch, 16.0).backward()  # type: ignore[no-untyped-call]
    silent = [name for name, one in critic.named_parameters() if one.grad is None]
    assert silent == []
    assert all(bool(one.grad.isfinite().all()) for one in critic.parameters())


def test_train_resume_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "_RESERVE", 2)
    cache, folder = tmp_path / "cache", tmp_path / "critic"
    for steps in (1, 2):
        run = TrainingRun(name="critic", folder=cache, device=CPU, seed=3, command="train critic")
        train_critic(CriticSettings(steps=steps, batch_size=1, seed=3), run)
        assert run.step == steps
    export_critic(cache, folder)
    critic = load_critic(checked_folder(folder), device=CPU)
    frame = np.zeros((90, 160, 3), np.uint8)
    assert critic.image_features([frame]).shape == (1, 192)
    record = json.loads((folder / "training.json").read_text())
    assert record["critic"]["steps"] == 2
    assert record["critic"]["samples"] > 20
    assert str(tmp_path) not in (folder / "training.json").read_text()


def test_cases_are_fair() -> None:
    cases = list(critic_cases(len(EDITS), seed=3, width=128, height=72))
    assert tuple(case.instruction.edit for case in cases) == EDITS
    for case in cases:
        assert case.text in wordings(case.instruction)
        assert len(case.candidates) == CANDIDATES
        assert any(np.array_equal(one, case.source) for one in case.candidates)
        assert not np.array_equal(case.candidates[case.right], case.source)
        assert len({one.tobytes() for one in case.candidates}) == CANDIDATES
    assert len({case.right for case in cases}) > 1


class PixelOracle:
    """Knows the right candidates' pixels, or the wrong ones, and scores by that alone."""

    def __init__(self, seed: int, *, honest: bool) -> None:
        cases = critic_cases(7, seed, width=128, height=72)
        self.known = {case.candidates[case.right].tobytes() for case in cases}
        self.honest = honest

    def direction_similarities(
        self,
        source: NDArray[np.uint8],
        candidates: Sequence[NDArray[np.uint8]],
        before: str,
        after: str,
    ) -> list[float]:
        assert source.shape == (72, 128, 3)
        assert before != after
        return [float((one.tobytes() in self.known) == self.honest) for one in candidates]


@pytest.mark.parametrize(("honest", "accuracy"), [(True, 1.0), (False, 0.0)])
def test_accuracy_counts_right_picks(honest: bool, accuracy: float) -> None:
    scores = evaluate_critic(PixelOracle(5, honest=honest), 7, 5, width=128, height=72)
    assert scores.cases == 7
    assert scores.accuracy == accuracy
    assert scores.margin == (1.0 if honest else -1.0)
    assert [one.accuracy for one in scores.by_edit] == [accuracy] * len(EDITS)


def test_the_packaged_critic_picks_right_edits() -> None:
    critic = load_critic(starter_folder("critic"), device=CPU)
    assert evaluate_critic(critic, 21, seed=11, width=160, height=90).accuracy >= 0.8


def test_the_packaged_critic_is_small() -> None:
    folder = starter_folder("critic")
    assert sum(path.stat().st_size for path in folder.iterdir()) < 6_000_000
