from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.via_engine.models.tiny_pipeline import ZERO_SNR, tiny_card, write_tiny_pipeline
from via_engine.edit_settings import RootChoice, Sampling
from via_engine.errors import EditCancelledError, RootError
from via_engine.masks.plan import InstructionPlan, Region
from via_engine.method.frame_edit import FrameEdit
from via_engine.method.root_frame import RootFrame
from via_engine.method.root_pair import (
    JUDGED,
    RootQuestion,
    judged,
    propose_roots,
    root_choices,
    root_pair_from_image,
)
from via_engine.models.editors import InstructPix2PixEditor, load_editor

WIDTH, HEIGHT = 16, 12
PLAN = InstructionPlan(
    is_local=True,
    region=Region.OBJECT,
    phrases=("ball",),
    changes_shape=False,
    caption_before="a photo of a ball",
    caption_after="a photo of a star",
)


class FakeCritic:
    """Sees in every edit the direction it is told, in turn."""

    def __init__(self, directions: Sequence[float]) -> None:
        self.directions = directions

    def direction_similarities(
        self, source: object, candidates: Sequence[object], before: str, after: str
    ) -> tuple[float, ...]:
        assert (before, after) == (PLAN.caption_before, PLAN.caption_after)
        return tuple(self.directions[: len(candidates)])

    def image_features(self, frames: Sequence[NDArray[np.uint8]]) -> Tensor:
        assert all(frame.shape == (HEIGHT, WIDTH, 3) for frame in frames)
        return torch.tensor([[1.0, 0.0]]).expand(len(frames), 2)


class FakeJudge:
    """Gives the marks it was handed, in turn, and counts."""

    def __init__(self, marks: Sequence[float], *, prefers_second: bool = False) -> None:
        self.marks = list(marks)
        self.asked = self.compared = 0
        self.prefers = prefers_second

    def judge(
        self, source: NDArray[np.uint8], edited: NDArray[np.uint8], instruction: str
    ) -> float:
        assert source.dtype == edited.dtype == np.uint8
        assert instruction == "turn the ball into a star"
        self.asked += 1
        return self.marks[self.asked - 1]

    def prefers_second(
        self,
        source: NDArray[np.uint8],
        first: NDArray[np.uint8],
        second: NDArray[np.uint8],
        instruction: str,
    ) -> bool:
        assert not np.array_equal(first, second)
        self.compared += 1
        return self.prefers


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> InstructPix2PixEditor:
    torch.manual_seed(0)
    card = tiny_card(write_tiny_pipeline(tmp_path_factory.mktemp("tiny"), ZERO_SNR))
    return load_editor(card, device=torch.device("cpu"), dtype=torch.float32)


def question(
    editor: InstructPix2PixEditor,
    directions: Sequence[float] = (0.5,) * 20,
) -> RootQuestion:
    critic: Any = FakeCritic(directions)
    edit = FrameEdit.prepare(
        editor,
        instruction="turn the ball into a star",
        seed=0,
        steps=2,
        guidance_scale=7.5,
        image_guidance_scale=1.5,
        width=WIDTH,
        height=HEIGHT,
    )
    return RootQuestion(
        edit=edit, instruction="turn the ball into a star", plan=PLAN, critic=critic
    )


def root_frame(frame: int = 4) -> RootFrame:
    source = torch.rand((1, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(frame))
    alpha = torch.zeros((1, 1, HEIGHT, WIDTH))
    alpha[..., :6] = 1
    return RootFrame(frame=frame, source=source, alpha=alpha)


def choices(count: int, frames: Sequence[int] = (4,)) -> tuple[RootChoice, ...]:
    return root_choices(
        frames, count, Sampling(seed=7, guidance_scale=7.5, image_guidance_scale=1.5)
    )


def never() -> None:
    """Lets every step go on."""


def test_choices_differ_and_begin_with_the_request_itself() -> None:
    found = choices(8, frames=(4, 9))

    assert len(set(found)) == 8
    assert found[0] == RootChoice(frame=4, seed=7, guidance_scale=7.5, image_guidance_scale=1.5)
    assert {choice.frame for choice in found} == {4, 9}
    assert len({choice.seed for choice in found}) > 1
    assert len({choice.guidance_scale for choice in found}) > 1
    assert found[:3] == choices(3, frames=(4, 9))


def test_seeds_begin_anew_after_the_last() -> None:
    last = Sampling(seed=2**32 - 1, guidance_scale=2.0, image_guidance_scale=1.5)
    assert [choice.seed for choice in root_choices((4,), 2, last)] == [2**32 - 1, 0]


def test_outside_the_mask_a_pair_is_the_source_bit_for_bit(editor: InstructPix2PixEditor) -> None:
    root = root_frame()

    found = propose_roots(question(editor), [root], choices(3), never)

    for candidate in found:
        assert torch.equal(candidate.pair.edited[..., 6:], root.source[..., 6:])
        assert not torch.equal(candidate.pair.edited[..., :6], root.source[..., :6])
        torch.testing.assert_close(candidate.pair.edited[..., :6], candidate.edited[..., :6])


def test_every_proposal_can_be_made_again_from_its_choice_alone(
    editor: InstructPix2PixEditor,
) -> None:
    frames = [root_frame(4), root_frame(9)]
    found = propose_roots(question(editor), frames, choices(6, frames=(4, 9)), never)

    for candidate in found:
        [again] = propose_roots(question(editor), frames, [candidate.choice], never)
        torch.testing.assert_close(again.edited, candidate.edited, rtol=0, atol=1e-4)
        assert again.pair.frame == candidate.choice.frame


def test_sound_edits_come_first_and_the_rest_say_why_not(editor: InstructPix2PixEditor) -> None:
    directions = (0.05, 0.2, 0.09, 0.9)
    asked = choices(4)
    calm = replace(root_frame(), alpha=torch.ones((1, 1, HEIGHT, WIDTH)))

    found = propose_roots(question(editor, directions), [calm], asked, never)

    assert [one.is_sound for one in found] == [True, True, False, False]
    assert {one.choice for one in found[:2]} == {asked[1], asked[3]}
    assert all("direction" in one.fault for one in found[2:])


def test_when_none_is_sound_the_best_is_still_given(editor: InstructPix2PixEditor) -> None:
    found = propose_roots(question(editor, (-0.5, -0.4)), [root_frame()], choices(2), never)

    assert len(found) == 2
    assert not any(one.is_sound for one in found)
    assert found[0].score >= found[1].score


def test_a_judge_sees_the_best_few_and_can_turn_their_order(
    editor: InstructPix2PixEditor,
) -> None:
    judge = FakeJudge([0, 0, 0, 10])
    root = replace(root_frame(), alpha=torch.ones((1, 1, HEIGHT, WIDTH)))
    plain = propose_roots(question(editor), [root], choices(6), never)

    found = judged(plain, judge, "turn the ball into a star")

    assert judge.asked == JUDGED
    assert found[0].choice == plain[JUDGED - 1].choice
    # 2.5 is the mean mark, and all scores stay comparable with one another.
    moved = {one.choice: one.score for one in found}
    assert moved[plain[0].choice] == pytest.approx(plain[0].score - 2.5)
    assert moved[plain[JUDGED].choice] == plain[JUDGED].score
    ranks = [(one.is_sound, one.score) for one in found]
    assert ranks == sorted(ranks, reverse=True)


def test_between_two_alike_the_judge_is_asked_once_more(editor: InstructPix2PixEditor) -> None:
    first, second = propose_roots(question(editor), [root_frame()], choices(2), never)
    alike = [replace(first, score=1.0, is_sound=True), replace(second, score=0.75, is_sound=True)]
    for prefers, expected in ((False, [first, second]), (True, [second, first])):
        judge = FakeJudge([7, 7], prefers_second=prefers)
        found = judged(alike, judge, "turn the ball into a star")
        assert [one.choice for one in found] == [one.choice for one in expected]
        assert [(one.score, one.opinion) for one in found] == [(1.0, 7), (0.75, 7)]
    apart = FakeJudge([9, 5], prefers_second=True)
    assert judged(alike, apart, "turn the ball into a star")[0].choice == first.choice
    assert (judge.compared, apart.compared) == (1, 0)


def test_a_choice_of_another_frame_is_refused(editor: InstructPix2PixEditor) -> None:
    with pytest.raises(RootError, match="frame 5"):
        propose_roots(question(editor), [root_frame(4)], choices(1, frames=(5,)), never)


def test_making_proposals_can_be_stopped(editor: InstructPix2PixEditor) -> None:
    def stop() -> None:
        raise EditCancelledError("stopped")

    with pytest.raises(EditCancelledError):
        propose_roots(question(editor), [root_frame()], choices(2), stop)


def test_an_own_image_is_brought_to_working_size() -> None:
    image = np.zeros((48, 64, 3), np.float32)
    image[:, 32:] = 1

    pair = root_pair_from_image(root_frame(), image, width=64, height=48)

    assert pair.frame == 4
    assert pair.mask is None
    assert pair.edited.shape == pair.source.shape
    assert pair.edited[..., :8].max() == 0
    assert pair.edited[..., 8:].min() == 1


def test_an_own_image_of_another_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(RootError, match=r"64×48.*128×96"):
        root_pair_from_image(root_frame(), np.zeros((48, 64, 3), np.float32), width=128, height=96)
