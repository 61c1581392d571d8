"""Which noise and guidance suit a clip: its frames rehearse the edit under several, one is kept.

Frames that share a group answer together, so that what one of them shows holds for the clip. An
instruction with one right answer comes out best under little guidance, one that leaves something
open needs more to commit itself: neither is known beforehand, and both show in a rehearsal. Ours;
the published method leaves seed and guidance to a person.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from via_engine.edit_settings import Sampling
from via_engine.method.adapter import Adapter
from via_engine.method.clip import Clip
from via_engine.method.denoising_doubt import (
    Errors,
    denoising_errors,
    doubts_inside,
)
from via_engine.method.edit_area import EditArea
from via_engine.method.root_frame import RootFrame
from via_engine.method.root_score import RootPictures
from via_engine.method.shot_parts import ShotPart
from via_engine.models.editors import InstructPix2PixEditor
from via_engine.picture.decode import read_frames_at

SEEDS = 4
# One frame tells of the clip: all its frames answer together.
WATCHED = 1
# Factors of the guidance asked for.
_GUIDANCE_FACTORS = ((1.0, 1.0), (0.75, 5 / 6))
# Weight of the logarithm of the progress against that of the squared error. Without it an edit
# that stops half way counts as a likely one. From 45 held-out clips, on which all weights from 1.5
# to 3 are about as good, and 37 more with vague instructions, on which those from 1 to 2 are.
_PROGRESS_WEIGHT = 2.0
_SMALL_PROGRESS = 1e-3
# Under one noise two answers differ by the noise as much as by themselves.
_NOISES = 3


def samplings(asked: Sampling) -> tuple[Sampling, ...]:
    """What is rehearsed: the sampling asked for, then other seeds and lower guidance."""
    found = [
        replace(asked.scaled(text, image), seed=asked.seed + offset)
        for text, image in _GUIDANCE_FACTORS
        for offset in range(SEEDS)
    ]
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, kw_only=True, eq=False)
class Rehearsal:
    """A part of a clip whose edit is tried out.

    Attributes:
        clip: on its own look: the clip the group lies in.
        part: the shot, and its group frames.
        area: where the clip's frames may change; None is the whole picture.
        watched: the frames looked at, at working size.
        check: called before every step; raises to stop.
    """

    clip: Clip
    part: ShotPart
    area: EditArea | None
    watched: Sequence[RootFrame]
    check: Callable[[], None]

    def best(self, choices: Sequence[Sampling], adapter: Adapter) -> tuple[Sampling, bool]:
        """The sampling whose edit is worth most, and whether the adapter makes it worth more.

        Of equals the first, and without the adapter. The untuned editor judges both.

        Raises:
            ModelError: memory runs out, or the model's numbers are none.
        """
        tried = self._tried([self._edited(choice, None) for choice in choices])
        best = int(np.argmax(_values(self.watched, tried)))
        tuned = self._tried([self._edited(choices[best], adapter)])
        beside = [one.beside(other) for one, other in zip(tried, tuned, strict=True)]
        *values, of_tuned = _values(self.watched, beside)
        return choices[best], of_tuned > values[best]

    def _tried(self, edits: Sequence[Sequence[Tensor]]) -> list[Tried]:
        """Of each watched frame all its edits, and how the untuned editor errs on them."""
        return [
            try_edits(
                self.clip.editor,
                self.clip.instruction,
                frame,
                torch.cat([edit[place] for edit in edits]),
                self.check,
            )
            for place, frame in enumerate(self.watched)
        ]

    def _edited(self, sampling: Sampling, adapter: Adapter | None) -> list[Tensor]:
        """(1, 3, H, W) of each watched frame, as the clip would have it."""
        shot = self.clip.under(sampling).shot(self.part, self.area, self.area, adapter)
        group = shot.gather(self.check) if shot.group_frames else None
        numbers = [frame.frame for frame in self.watched]
        pictures = zip(numbers, read_frames_at(self.clip.media, numbers), strict=True)
        edits = [shot.apply(number, [one], group, self.check)[0] for number, one in pictures]
        return [torch.from_numpy(edit.edited).permute(2, 0, 1)[None] for edit in edits]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tried:
    """Edits (N, 3, H, W) of one frame, and the editor's errors when it denoises them."""

    edited: Tensor
    errors: Errors

    def beside(self, others: Tried) -> Tried:
        """The same with more edits of the frame behind them."""
        edited = torch.cat([self.edited, others.edited])
        return Tried(edited=edited, errors=self.errors + others.errors)

    def values(self, frame: RootFrame) -> list[float]:
        """What each edit is worth beside the others; more is better.

        An edit is worth how far it went towards the answer it shows and how likely the editor finds
        it, where it may change. Where that is the whole frame, the parts count by how much they
        change.
        """
        alpha = frame.alpha
        inside = _changed_most(frame.source, self.edited) if alpha is None else alpha
        pictures = RootPictures(source=frame.source, edited=self.edited, inside=inside)
        doubts = doubts_inside(self.errors, inside)
        return [
            _PROGRESS_WEIGHT * math.log(progress + _SMALL_PROGRESS) - doubt
            for progress, doubt in zip(pictures.progress(), doubts, strict=True)
        ]


def try_edits(
    editor: InstructPix2PixEditor,
    instruction: str,
    frame: RootFrame,
    edited: Tensor,
    check: Callable[[], None],
) -> Tried:
    """Asks the editor what it thinks of edits (N, 3, H, W) of a frame.

    Raises:
        ModelError: the checkpoint predicts something unknown.
    """
    errors = denoising_errors(editor, instruction, frame.source, edited, check, noises=_NOISES)
    return Tried(edited=edited, errors=errors)


def _values(frames: Sequence[RootFrame], tried: Sequence[Tried]) -> list[float]:
    """What each edit is worth: the mean over the watched frames."""
    by_frame = [one.values(frame) for frame, one in zip(frames, tried, strict=True)]
    return [float(value) for value in np.mean(by_frame, axis=0)]


def _changed_most(source: Tensor, edited: Tensor) -> Tensor:
    """(1, 1, H, W), 0 to 1: how much the edits change each pixel, 1 where they do it most."""
    change = (edited - source).square().mean(1, keepdim=True).sqrt().mean(0, keepdim=True)
    return change / change.max().clamp(min=_SMALL_PROGRESS)
