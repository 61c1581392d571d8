"""How good an edit of the root frame is, without knowing the right answer.

Gates and score of Via's own selector, after the filter of the InstructPix2Pix data set (Brooks et
al., 2023): the published method leaves the choice to a person. LPIPS has no weights here, so the
change of the background is the plain masked distance of the pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from via_engine.masks.plan import InstructionPlan
from via_engine.models.critic import Critic

Frame = NDArray[np.uint8]

LEAST_CHANGE = 0.03
# A new background or style leaves little of what a critic sees; true ones go down to 0.43.
LEAST_ALIKE_OBJECT, LEAST_ALIKE_ELSE = 0.6, 0.4
LEAST_DIRECTION = 0.1
MOST_BACKGROUND_CHANGE = 0.15
# Found on held-out worlds. Agreement among the candidates and the caption's own likeness were
# tried too: they put edits in no better order.
WEIGHTS = {
    "background": 1.0,
    "restraint": 0.125,
    "direction": 0.25,
    "calm": 0.25,
    "judge": 1.0,
}
_LUMA = (0.2126, 0.7152, 0.0722)
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
        variation: mean luma step between neighbouring pixels, 0 to 1. Of edits of one frame, the
            one with ghosts and half-changed spots has more of it.
        judge: 0 to 10; None without one.
    """

    is_picture: bool
    likeness: float
    change: float
    direction: float | None
    background_change: float | None
    variation: float
    judge: float | None = None

    @property
    def terms(self) -> dict[str, float | None]:
        """What the score adds up, by the names in `WEIGHTS`; more is better, None does not apply.

        Of change and variation the logarithm counts, as of errors in dB.
        """
        outside = self.background_change
        restraint = -math.log(self.change + _SMALL_STEP)
        return {
            "background": None if outside is None else -math.log(outside + _SMALL_STEP),
            # Of edits of the whole picture the one that goes less far has less that is odd.
            "restraint": restraint if outside is None else None,
            "direction": self.direction,
            "calm": -math.log(self.variation + _SMALL_STEP),
            "judge": self.judge,
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

    def background_changes(self) -> list[float] | list[None]:
        """`RootFigures.background_change` of each candidate."""
        outside = 1 - self.inside
        return self._changes(outside) if outside.any() else [None] * len(self.edited)

    def variations(self) -> list[float]:
        """`RootFigures.variation` of each candidate."""
        luma = (self.edited * self.edited.new_tensor(_LUMA).view(3, 1, 1)).sum(1)
        steps = luma.diff(dim=1).abs().mean((1, 2)) + luma.diff(dim=2).abs().mean((1, 2))
        return [float(step) / 2 for step in steps]

    def are_pictures(self) -> list[bool]:
        """Whether each candidate holds finite numbers and more than one colour."""
        flat = self.edited.flatten(1)
        is_finite = flat.isfinite().all(dim=1)
        return (is_finite & (flat.nan_to_num().std(dim=1) > _SMALL_STEP)).tolist()

    def _changes(self, where: Tensor) -> list[float]:
        squares = _masked_mean((self.edited - self.source).square(), where)
        return [math.sqrt(value) for value in squares.mean(dim=1).tolist()]


def root_figures(
    pictures: RootPictures, plan: InstructionPlan, critic: Critic
) -> list[RootFigures]:
    """What is measured of each candidate, in their order; nobody has judged them yet."""
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
            variation=variation,
        )
        for is_picture, likeness, inside_change, direction, outside_change, variation in zip(
            pictures.are_pictures(),
            (features[1:] @ features[0]).tolist(),
            pictures.changes(),
            directions,
            pictures.background_changes(),
            pictures.variations(),
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
    """Weighted sum of the terms, each in standard deviations over the candidates.

    Terms that do not apply count nothing, so scores compare within one set alone.
    """
    terms = [one.terms for one in candidates]
    total = torch.zeros(len(candidates), dtype=torch.float64)
    for name, weight in WEIGHTS.items():
        values = [found for one in terms if (found := one[name]) is not None]
        if len(values) == len(candidates):
            total += weight * _standardised(torch.tensor(values, dtype=torch.float64))
    return [float(value) for value in total]


def _standardised(values: Tensor) -> Tensor:
    deviation = values.std(unbiased=False)
    return (values - values.mean()) / deviation if deviation > 1e-9 else values * 0


def _masked_mean(values: Tensor, where: Tensor) -> Tensor:
    """(N, C): the mean over the pixels, weighted by `where` (1, 1, H, W); 0 where that is empty."""
    area = where.sum().clamp(min=1)
    return (values * where).sum((2, 3)) / area
