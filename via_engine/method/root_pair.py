"""The root pair: under which seeds a root frame is edited, and which edit is the one.

The published method lets a person choose among seeds. Here a frame is edited under several seeds
and guidances, and `root_score` puts the edits in order; a person may still choose, or bring a
picture of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from via_engine.edit_settings import RootChoice, Sampling
from via_engine.errors import RootError
from via_engine.masks.plan import InstructionPlan, Region
from via_engine.method.adaptation import RootPair
from via_engine.method.denoising_doubt import denoising_doubts
from via_engine.method.frame_edit import FrameEdit
from via_engine.method.root_frame import RootFrame
from via_engine.method.root_score import (
    Frame,
    RootFigures,
    RootPictures,
    as_frames,
    fault,
    root_figures,
    scores,
)
from via_engine.models.critic import Critic
from via_engine.picture.native_size import to_working_size
from via_engine.schedule import batches

JUDGED = 4
# Scores, in decibels, that tell as little as the last digit of a judge.
_TIE = 0.5
_BATCH = 4
# As many as an uint32 of the contract counts.
_SEEDS = 1 << 32
# Factors of the guidance asked for, of words and source. Seeds of one guidance differ less than
# guidances do: on 78 held-out choices four of these made the chosen edit 0.5 dB better than two.
_GUIDANCE_FACTORS = ((1.0, 1.0), (0.75, 5 / 6), (1.5, 4 / 3), (1.25, 7 / 6))


class Judge(Protocol):
    """Someone who looks at an edit: a vision-language model, or a stand-in."""

    def judge(self, source: Frame, edited: Frame, instruction: str) -> float:
        """0 to 10, 10 the best; frames are (H, W, 3) uint8 RGB."""

    def prefers_second(self, source: Frame, first: Frame, second: Frame, instruction: str) -> bool:
        """Whether the second of two edits is clearly the better one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RootQuestion:
    """What the candidates are asked for.

    Attributes:
        edit: instruction, steps and size; seed and guidance are the candidates' own.
        instruction: in the editor's words.
        plan: what it means.
        critic: compares pictures with captions.
    """

    edit: FrameEdit
    instruction: str
    plan: InstructionPlan
    critic: Critic


@dataclass(frozen=True, kw_only=True, eq=False)
class RootCandidateEdit:
    """One edit of a root frame.

    Attributes:
        choice: frame, seed and guidance that make it again.
        pair: source and edit at working size, the source outside the mask.
        edited: (1, 3, H, W), RGB, float32, 0 to 1, all of what the model gave.
        score: comparable within one proposal.
        is_sound: whether it passed every gate.
        fault: the gate it failed, in words; empty when sound.
        opinion: the judge's, 0 to 10; None when nobody was asked.
    """

    choice: RootChoice
    pair: RootPair
    edited: Tensor
    score: float
    is_sound: bool
    fault: str
    opinion: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Candidate:
    """An edit and its figures, not yet compared with the others."""

    choice: RootChoice
    pair: RootPair
    edited: Tensor
    figures: RootFigures


def root_choices(frames: Sequence[int], count: int, asked: Sampling) -> tuple[RootChoice, ...]:
    """`count` ways to edit the root frames: frame by frame, each time other seed and guidance.

    The first is the first frame as the request itself, `asked`, would edit it.
    """
    choices = []
    for index in range(count):
        turn, frame = divmod(index, len(frames))
        sampling = asked.scaled(*_GUIDANCE_FACTORS[turn % len(_GUIDANCE_FACTORS)])
        choices.append(
            RootChoice(
                frame=frames[frame],
                seed=(asked.seed + turn) % _SEEDS,
                guidance_scale=sampling.guidance_scale,
                image_guidance_scale=sampling.image_guidance_scale,
            )
        )
    return tuple(choices)


def propose_roots(
    question: RootQuestion,
    frames: Sequence[RootFrame],
    choices: Sequence[RootChoice],
    check: Callable[[], None],
) -> list[RootCandidateEdit]:
    """Edits the chosen frames, each on its own without a group, best first.

    Sound candidates come before those that fail a gate; when none is sound the first is still
    the best there is, and says what it fails. The same question gives the same answer.

    Args:
        frames: hold every frame of `choices`.
        check: called before every denoising step; raises to stop.

    Raises:
        RootError: a choice is of a frame that is not given.
        ModelError: memory runs out, or the model's numbers are none.
    """
    by_number = {one.frame: one for one in frames}
    found: list[_Candidate] = []
    for number in dict.fromkeys(choice.frame for choice in choices):
        if number not in by_number:
            raise RootError(
                f"frame {number} is not among the frames the root may be ({sorted(by_number)}); "
                "choose one of those that were proposed"
            )
        of_frame = [choice for choice in choices if choice.frame == number]
        found += _candidates(question, by_number[number], of_frame, check)
    return _scored(question.plan, found)


def judged(
    candidates: Sequence[RootCandidateEdit], judge: Judge, instruction: str
) -> list[RootCandidateEdit]:
    """The candidates of `propose_roots` with the judge's opinion of the first few, best first.

    A point of the judge's above the mean of those few counts as much as a decibel. Between the best
    two of one frame, when they come out alike, the judge is asked once more.
    """
    few = candidates[:JUDGED]
    opinions = []
    for one in few:
        source, edited = as_frames(torch.cat([one.pair.source, one.pair.edited]))
        opinions.append(judge.judge(source, edited, instruction))
    mean = sum(opinions) / max(len(opinions), 1)
    moved = [
        replace(one, score=one.score + opinion - mean, opinion=opinion)
        for one, opinion in zip(few, opinions, strict=True)
    ]
    best, *others = _best_first([*moved, *candidates[JUDGED:]])
    if others and _are_alike(best, others[0]):
        pair, other = best.pair, others[0].pair
        source, first, second = as_frames(torch.cat([pair.source, pair.edited, other.edited]))
        if judge.prefers_second(source, first, second, instruction):
            score = others[0].score
            best, others[0] = replace(others[0], score=best.score), replace(best, score=score)
    return [best, *others]


def root_pair_from_image(
    root: RootFrame, image: NDArray[np.float32], *, width: int, height: int
) -> RootPair:
    """The pair of a frame and an editor's own version of it, brought to working size.

    Args:
        root: the frame the image was made from. Its mask is not used: all of the image counts.
        image: (h, w, 3), R'G'B', float32, 0 to 1, as it was given.
        width, height: of the upright media in pixels, which the image must have.

    Raises:
        RootError: the image has another size.
    """
    if image.shape[:2] != (height, width):
        raise RootError(
            f"the root image is {image.shape[1]}×{image.shape[0]}, frame {root.frame} of the "
            f"media {width}×{height}; export the frame at its own size and retouch that"
        )
    rows, columns = root.source.shape[-2:]
    small = torch.from_numpy(to_working_size(image, width=columns, height=rows))
    return RootPair(
        frame=root.frame, source=root.source, edited=small.permute(2, 0, 1)[None].contiguous()
    )


def _candidates(
    question: RootQuestion,
    root: RootFrame,
    choices: Sequence[RootChoice],
    check: Callable[[], None],
) -> list[_Candidate]:
    """Edits one frame under every choice and measures the results against one another."""
    edits = [
        question.edit.under(batch).apply(root.source.expand(len(batch), -1, -1, -1), None, check)
        for batch in batches(choices, _BATCH)
    ]
    edited = torch.cat([edit.edited for edit in edits]).cpu()
    inside = torch.ones_like(root.source[:, :1]) if root.alpha is None else root.alpha
    pictures = RootPictures(source=root.source, edited=edited, inside=inside)
    doubts = denoising_doubts(question.edit.editor, question.instruction, pictures, check)
    measured = root_figures(pictures, doubts, question.plan, question.critic)
    return [
        _Candidate(choice=choice, pair=root.pair(picture), edited=picture, figures=figures)
        for choice, picture, figures in zip(choices, torch.split(edited, 1), measured, strict=True)
    ]


def _scored(plan: InstructionPlan, candidates: Sequence[_Candidate]) -> list[RootCandidateEdit]:
    edits = []
    for one, score in zip(candidates, scores([one.figures for one in candidates]), strict=True):
        is_of_object = one.pair.mask is not None and plan.region is Region.OBJECT
        what = fault(one.figures, is_of_object=is_of_object)
        edits.append(
            RootCandidateEdit(
                choice=one.choice,
                pair=one.pair,
                edited=one.edited,
                score=score,
                is_sound=not what,
                fault=what,
            )
        )
    return _best_first(edits)


def _are_alike(one: RootCandidateEdit, other: RootCandidateEdit) -> bool:
    is_tie = one.is_sound == other.is_sound and one.score - other.score < _TIE
    return is_tie and one.choice.frame == other.choice.frame


def _best_first(edits: Sequence[RootCandidateEdit]) -> list[RootCandidateEdit]:
    return sorted(edits, key=lambda edit: (edit.is_sound, edit.score), reverse=True)
