"""How good an edit of the root frame is, without knowing the right answer.

Gates and score of Via's own selector, after the filter of the InstructPix2Pix data set (Brooks et
al., 2023): the published method leaves the choice to a person. LPIPS has no weights here, so the
change of the background is the plain masked distance of the pixels. What is right inside the mask
nobody knows; how likely the editor itself finds each of its edits tells most of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from via_engine.masks.plan import InstructionPlan
from via_engine.models.critic import Critic

Frame = NDArray[np.uint8]

LEAST_CHANGE = 0.03
# A new background or style leaves little of what a critic sees; true ones go down to 0.43.
LEAST_ALIKE_OBJECT, LEAST_ALIKE_ELSE = 0.6, 0.4
LEAST_DIRECTION = 0.1
MOST_BACKGROUND_CHANGE = 0.15
# In decibels: half of what the background lost, and what doubt and change tell of the inside, by a
# fit on 78 held-out choices. Direction, likeness, variation, agreement among the candidates and the
# doubt at low noise were tried as well; each made the order worse.
WEIGHTS = {"background": 4.34, "doubt": 2.0, "change": 1.0}
# Cosine from which on two edits change the source into the same answer.
_ALIKE = 0.8
# Of the median change. An edit that changes less is no answer of its own but one that got stuck.
_LEAST_GOAL = 0.5
_SMALL_STEP = 1e-3


@dataclass(frozen=True, kw_only=True)
class RootFigures:
    """What is measured of one candidate.

    Attributes:
        is_picture: whether all numbers are finite and the picture is not of one colour.
        likeness: cosine of edit and source in the critic's eyes, -1 to 1.
        change: root mean square difference from the source inside the mask, 0 to 1.
        direction: cosine of the change of picture and captions, -1 to 1; None where the
            instruction has no direction.
        background_change: root mean square difference from the source outside the mask, 0 to 1;
            None where the whole picture is edited.
        doubt: natural logarithm of the editor's own squared error on the edit, see
            `denoising_doubts`.
    """

    is_picture: bool
    likeness: float
    change: float
    direction: float | None
    background_change: float | None
    doubt: float

    @property
    def terms(self) -> dict[str, float | None]:
        """What the score adds up, by the names in `WEIGHTS`; more is better, None does not apply.

        Of both changes the logarithm counts, as of errors in dB. An edit that stops half way is
        likely in the editor's eyes; that it changes less tells. To count the progress instead, or
        doubt under three noises, chose no better roots.
        """
        outside = self.background_change
        return {
            "background": None if outside is None else -math.log(outside + _SMALL_STEP),
            "doubt": -self.doubt,
            "change": math.log(self.change + _SMALL_STEP),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class RootPictures:
    """What the candidates of one root frame are measured on; all float32.

    Attributes:
        source: (1, 3, H, W), RGB, 0 to 1.
        edited: (N, 3, H, W), likewise, before anything is blended or composited.
        inside: (1, 1, H, W), 1 where the edit may change the picture.
    """

    source: Tensor
    edited: Tensor
    inside: Tensor

    def changes(self) -> list[float]:
        """`RootFigures.change` of each candidate."""
        return self._changes(self.inside)

    def progress(self) -> list[float]:
        """How far each candidate went towards the answer it shows, 0 to 1.

        That is its change as a share of the greatest among the candidates of the same answer.
        Between answers a change tells nothing: from red it is further to blue than to orange.
        """
        changes = torch.tensor(self.changes())
        directions = functional.normalize(
            ((self.edited - self.source) * self.inside.sqrt()).flatten(1)
        )
        is_alike = directions @ directions.T > _ALIKE
        goals = torch.where(is_alike, changes, 0.0).amax(dim=1)
        goals = goals.clamp(min=max(_LEAST_GOAL * float(changes.nanmedian()), _SMALL_STEP))
        return (changes / goals).tolist()

    def background_changes(self) -> list[float] | list[None]:
        """`RootFigures.background_change` of each candidate."""
        outside = 1 - self.inside
        return self._changes(outside) if outside.any() else [None] * len(self.edited)

    def are_pictures(self) -> list[bool]:
        """Whether each candidate holds finite numbers and more than one colour."""
        flat = self.edited.flatten(1)
        is_finite = flat.isfinite().all(dim=1)
        return (is_finite & (flat.nan_to_num().std(dim=1) > _SMALL_STEP)).tolist()

    def _changes(self, where: Tensor) -> list[float]:
        squares = _masked_mean((self.edited - self.source).square(), where)
        return [math.sqrt(value) for value in squares.mean(dim=1).tolist()]


def root_figures(
    pictures: RootPictures, doubts: Sequence[float], plan: InstructionPlan, critic: Critic
) -> list[RootFigures]:
    """What is measured of each candidate, in their order.

    `doubts` holds `RootFigures.doubt` of each.
    """
    source, *frames = as_frames(torch.cat([pictures.source, pictures.edited]))
    before, after = plan.caption_before, plan.caption_after
    directions = critic.direction_similarities(source, frames, before, after)
    features = critic.image_features([source, *frames])
    return [
        RootFigures(
            is_picture=is_picture,
            likeness=likeness,
            change=inside_change,
            direction=direction if before != after else None,
            background_change=outside_change,
            doubt=doubt,
        )
        for is_picture, likeness, inside_change, direction, outside_change, doubt in zip(
            pictures.are_pictures(),
            (features[1:] @ features[0]).tolist(),
            pictures.changes(),
            directions,
            pictures.background_changes(),
            doubts,
            strict=True,
        )
    ]


def as_frames(pictures: Tensor) -> list[Frame]:
    """(B, 3, H, W), RGB, 0 to 1, as B frames (H, W, 3) uint8."""
    samples = (pictures.nan_to_num().clamp(0, 1) * 255).round().to(torch.uint8)
    return list(samples.permute(0, 2, 3, 1).contiguous().cpu().numpy())


def fault(figures: RootFigures, *, is_of_object: bool) -> str:
    """Which gate a candidate fails, in words for a person; empty when it passes all.

    `is_of_object` when all around something named shall stay as it is.
    """
    least_alike = LEAST_ALIKE_OBJECT if is_of_object else LEAST_ALIKE_ELSE
    if not figures.is_picture:
        return "the model gave no picture"
    if figures.likeness < least_alike:
        return f"too unlike the source (likeness {figures.likeness:.2f}, at least {least_alike})"
    if figures.change < LEAST_CHANGE:
        return f"hardly changed (by {figures.change:.3f}, at least {LEAST_CHANGE})"
    if figures.direction is not None and figures.direction < LEAST_DIRECTION:
        return (
            f"not the change asked for (direction {figures.direction:.2f}, "
            f"at least {LEAST_DIRECTION})"
        )
    change = figures.background_change
    if change is not None and change > MOST_BACKGROUND_CHANGE:
        return f"the rest changed too (by {change:.2f}, at most {MOST_BACKGROUND_CHANGE})"
    return ""


def scores(candidates: Sequence[RootFigures]) -> list[float]:
    """Weighted sum of the terms, less its mean over the candidates.

    Terms that some candidate lacks count nothing, so scores compare within one set alone. What is
    no number comes last.
    """
    terms = [one.terms for one in candidates]
    applied = [name for name in WEIGHTS if all(one[name] is not None for one in terms)]
    sums = [sum(WEIGHTS[name] * (one[name] or 0.0) for name in applied) for one in terms]
    sound = [value for value in sums if math.isfinite(value)]
    mean = sum(sound) / max(len(sound), 1)
    return [value - mean if math.isfinite(value) else -math.inf for value in sums]


def _masked_mean(values: Tensor, where: Tensor) -> Tensor:
    """(N, C): the mean over the pixels, weighted by `where` (1, 1, H, W); 0 where that is empty."""
    area = where.sum().clamp(min=1)
    return (values * where).sum((2, 3)) / area
