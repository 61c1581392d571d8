from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from groundingdino.models.GroundingDINO.groundingdino import GroundingDINO
from safetensors.torch import load_file

from via_engine.starter.bundle import checked_folder
from via_engine.starter.evaluation.evaluate_grounder import (
    Box,
    FoundBox,
    box_iou,
    evaluate_grounder,
    grounding_cases,
)
from via_engine.starter.networks.grounder_model import InputSize, picture_tensor, starter_grounder
from via_engine.starter.networks.grounding_guesses import guesses
from via_engine.starter.networks.grounding_text import SubSentenceBert, phrase_numbers
from via_engine.starter.training.grounding_loss import (
    answers_to,
    cheapest_columns,
    grounding_loss,
)
from via_engine.starter.training.grounding_pictures import picture_batches, sighting
from via_engine.starter.training.train_grounder import (
    GrounderSettings,
    export_grounder,
    train_grounder,
)
from via_engine.starter.training.training_run import TrainingRun
from via_engine.starter.world.scene import demo_scene


def training_run(folder: Path) -> TrainingRun:
    return TrainingRun(name="grounder", folder=folder, device=torch.device("cpu"), seed=0)


def tiny_settings(steps: int) -> GrounderSettings:
    return GrounderSettings(steps=steps, batch_size=2, fresh=1)


def test_training_resumes_and_exports_half_precision(tmp_path: Path) -> None:
    train_grounder(tiny_settings(1), training_run(tmp_path / "cache"))
    resumed = training_run(tmp_path / "cache")
    train_grounder(tiny_settings(2), resumed)
    assert (resumed.step, resumed.samples) == (2, 4)
    export_grounder(tmp_path / "cache", tmp_path / "grounder")
    weights = load_file(checked_folder(tmp_path / "grounder") / "model.safetensors")
    floating = {value.dtype for value in weights.values() if value.is_floating_point()}
    assert floating == {torch.float16}
    assert "transformer.decoder.bbox_embed.1.layers.2.bias" in weights


def test_every_part_of_the_model_learns(tmp_path: Path) -> None:
    model = starter_grounder(tmp_path).train()
    loss = grounding_loss(model, next(picture_batches(3, 2, fresh=1)))
    loss.backward()  # type: ignore[no-untyped-call]
    # The pooler is the library's; it reads nothing and is kept for the checkpoint's names.
    still = {
        name.split(".")[0] + "." + name.split(".")[1]
        for name, parameter in model.named_parameters()
        if parameter.grad is None
    }
    assert still == {"bert.pooler"}


def test_a_caption_teaches_the_objects_it_names(tmp_path: Path) -> None:
    tokenizer = starter_grounder(tmp_path).tokenizer
    for batch, _ in zip(picture_batches(5, 6, fresh=6), range(4), strict=False):
        numbers = phrase_numbers(tokenizer, batch.captions)
        answers = answers_to(batch, numbers)
        for row, caption in enumerate(batch.captions):
            phrases = [phrase.strip() for phrase in caption.split(".") if phrase.strip()]
            assert numbers[row].max() + 1 == len(phrases) == len(batch.answers[row])
            named = sum(
                len(tokenizer.tokenize(phrase)) * len(things)
                for phrase, things in zip(phrases, batch.answers[row], strict=True)
            )
            assert answers.tokens[row].sum() == named
            assert not answers.tokens[row, -1].any()


def test_boxes_bound_what_is_visible() -> None:
    seen = sighting(demo_scene(), 5, width=256, height=144)
    assert [(thing.adjective, thing.kind) for thing in seen.objects] == [
        ("red", "ball"),
        ("cyan", "star"),
    ]
    for thing in seen.objects:
        x, y, width, height = thing.box * (256, 144, 256, 144)
        inside = np.zeros((144, 256), bool)
        inside[
            round(y - height / 2) : round(y + height / 2),
            round(x - width / 2) : round(x + width / 2),
        ] = True
        shown = seen.owners == thing.index
        assert not (shown & ~inside).any()
        assert shown[inside].mean() > 0.3


def test_matching_is_the_cheapest_there_is() -> None:
    generator = torch.Generator().manual_seed(0)
    for rows in (1, 2, 3):
        for _ in range(20):
            cost = torch.rand(rows, 6, generator=generator)
            cost[:, 0] *= 0.1  # a column that every row would like to have
            best = min(
                float(cost[range(rows), columns].sum()) for columns in permutations(range(6), rows)
            )
            chosen = cheapest_columns(cost)
            assert len(set(chosen)) == rows
            assert float(cost[range(rows), chosen].sum()) == pytest.approx(best)


def test_proposals_start_where_the_library_puts_them(tmp_path: Path) -> None:
    model = starter_grounder(tmp_path).eval()
    batch = next(picture_batches(1, 2, fresh=2))
    with torch.no_grad():
        proposals, shapes, layers = guesses(model, batch.pictures, batch.captions)
        told = model(batch.pictures, captions=list(batch.captions))
    assert proposals.boxes.shape[1] == sum(rows * columns for rows, columns in shapes)
    torch.testing.assert_close(layers[-1].boxes, told["pred_boxes"])
    count = layers[-1].logits.shape[-1]
    torch.testing.assert_close(layers[-1].logits, told["pred_logits"][..., :count])
    # Untrained, nothing shifts: the decoder's boxes are proposals of the encoder.
    nearest = torch.cdist(told["pred_boxes"], proposals.boxes).amin(dim=2)
    assert float(nearest.max()) < 1e-2


def test_phrases_are_read_apart(tmp_path: Path) -> None:
    model = starter_grounder(tmp_path).eval()
    assert isinstance(model.bert, SubSentenceBert)
    captions = ["red ball . star . ", "red ball . blue heart . "]
    read = [model.bert(**_as_the_model_calls_it(model, caption)) for caption in captions]
    first, second = (found["last_hidden_state"][0, 1:4] for found in read)
    torch.testing.assert_close(first, second)
    whole = [
        model.bert(**model.tokenizer(caption, return_tensors="pt"))["last_hidden_state"][0, 1:4]
        for caption in captions
    ]
    assert not torch.allclose(whole[0], whole[1], atol=1e-4)


def _as_the_model_calls_it(model: GroundingDINO, caption: str) -> dict[str, torch.Tensor]:
    heard: dict[str, torch.Tensor] = {}
    hook = model.bert.register_forward_pre_hook(
        lambda _, __, given: heard.update(given), with_kwargs=True
    )
    with torch.no_grad():
        model(torch.zeros(1, 3, 80, 80), captions=[caption])
    hook.remove()
    return heard


def test_phrase_numbers_skip_marks_and_spell_unknown_words(tmp_path: Path) -> None:
    tokenizer = starter_grounder(tmp_path).tokenizer
    found = phrase_numbers(tokenizer, ["red ball . ufo . ", "star . "])
    assert found[0].tolist() == [-1, 0, 0, -1, 1, 1, 1, -1, -1]
    assert found[1].tolist() == [-1, 0, -1, -1, -1, -1, -1, -1, -1]
    assert tokenizer.unk_token_id not in tokenizer("ufo zeppelin 7").input_ids


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((1920, 1080), (1333, 750)), ((640, 480), (1066, 800)), ((480, 640), (800, 1066))],
)
def test_public_checkpoints_see_pictures_at_their_size(
    size: tuple[int, int], fitted: tuple[int, int]
) -> None:
    assert InputSize().fitted(*size) == fitted


def test_picture_tensor_is_normalised() -> None:
    grey = np.full((90, 160, 3), 128, np.uint8)
    found = picture_tensor(grey, InputSize(short_side_px=45, long_side_px=200))
    assert found.shape == (3, 45, 80)
    wanted = (128 / 255 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(found[:, 20, 30], wanted, rtol=1e-5)


class _Sure(FoundBox):
    def __init__(self, box: Box) -> None:
        self._box = box

    @property
    def box_xyxy(self) -> Box:
        return self._box

    @property
    def score(self) -> float:
        return 1.0


class _Knows:
    """Answers from the truth, shifted by a share of the box's width."""

    def __init__(self, seed: int, count: int, shift: float) -> None:
        cases = grounding_cases(count, seed)
        self._truth = {(case.frame.tobytes(), case.phrase): case.box_xyxy for case in cases}
        self._shift = shift

    def find(self, frame: np.ndarray, phrase: str) -> list[_Sure]:
        box = self._truth.get((frame.tobytes(), phrase))
        if box is None:
            return []
        move = self._shift * (box[2] - box[0])
        return [_Sure((box[0] + move, box[1], box[2] + move, box[3]))]


def test_figures_tell_right_boxes_from_wrong_ones() -> None:
    exact = evaluate_grounder(_Knows(7, 6, 0.0), 6, 7)
    assert (exact.right, exact.mean_iou, exact.absent_found) == (1.0, 1.0, 0.0)
    near = evaluate_grounder(_Knows(7, 6, 0.25), 6, 7)
    assert near.right == 1.0
    assert near.mean_iou == pytest.approx(0.6, abs=0.01)
    far = evaluate_grounder(_Knows(7, 6, 0.5), 6, 7)
    assert far.right == 0.0


def test_cases_differ_by_seed_and_never_ask_for_what_is_there() -> None:
    cases = list(grounding_cases(12, 1)) + list(grounding_cases(12, 2, edited=True))
    assert len({case.frame.tobytes() for case in cases}) == 24
    assert all(case.absent_phrase not in case.phrase for case in cases)


def test_box_iou_of_known_boxes() -> None:
    assert box_iou((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert box_iou((0, 0, 1, 1), (2, 2, 3, 3)) == 0.0
