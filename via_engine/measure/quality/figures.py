"""What is measured of an edited clip, with truth and without."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from via_engine.measure.metrics.clip_similarity import (
    Features,
    consecutive_consistency,
    direction,
    frame_consistency,
)
from via_engine.measure.metrics.colour_spread import colour_spread, majority_share, mean_colours
from via_engine.measure.metrics.fidelity import Clip, masked_psnr
from via_engine.measure.metrics.warp_error import Motion, clip_motion, warp_error
from via_engine.measure.quality.clips import LEAST_SHARE, BenchClip, Truth
from via_engine.models.critic import Critic
from via_engine.starter.evaluation.scores import nearest_colour
from via_engine.starter.world.captions import captions_of


class Figure(Enum):
    """A column of the ablation table: its title, its unit, and which way is better."""

    INSIDE = ("PSNR inside", "dB", True)
    GAIN = ("gain over source", "dB", True)
    OUTSIDE = ("PSNR outside", "dB", True)
    COLOUR_SPREAD = ("colour spread", "ΔE00", False)
    MAJORITY = ("majority colour", "%", True)
    WARP_ERROR = ("warp error", "1e-3", False)
    WARP_RATIO = ("warp error / truth", "ratio", False)
    CONSISTENCY = ("CLIP all pairs", "cos", True)
    CONSECUTIVE = ("CLIP consecutive", "cos", True)
    DIRECTION = ("CLIP direction", "cos", True)
    SECONDS = ("each frame", "s", False)
    PREPARATION = ("before the first", "s", False)

    def __init__(self, title: str, unit: str, higher_is_better: bool) -> None:
        self.title = title
        self.unit = unit
        self.higher_is_better = higher_is_better


Figures = Mapping[Figure, float]
"""Figures of one clip under one variant; one that does not apply is missing."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The middle of several figures, and their quartiles."""

    median: float
    first_quartile: float
    third_quartile: float
    cases: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """The spread of the values; None when there is none."""
        found = list(values)
        if not found:
            return None
        first, middle, third = (float(one) for one in np.percentile(found, (25, 50, 75)))
        return cls(median=middle, first_quartile=first, third_quartile=third, cases=len(found))


@dataclass(frozen=True, kw_only=True, eq=False)
class Ruler:
    """What every edit of one clip is measured against; made once a clip.

    Attributes:
        clip: source, instruction and truth.
        critic: gives the features.
        motion: of the source.
        features: of the source's frames.
        captions: (2, D), before and after the edit.
    """

    clip: BenchClip
    critic: Critic
    motion: tuple[Motion, ...]
    features: Features
    captions: Features

    @classmethod
    def of(cls, clip: BenchClip, critic: Critic) -> Ruler:
        """Follows the source's motion and reads its features."""
        captions = captions_of(clip.text)
        return cls(
            clip=clip,
            critic=critic,
            motion=clip_motion(clip.frames),
            features=_features(critic, clip.frames),
            captions=critic.text_features([captions.before, captions.after]).cpu().numpy(),
        )

    def measure(self, edited: Clip) -> dict[Figure, float]:
        """All figures that apply to an edit of the clip, (T, H, W, 3) uint8 RGB, and are finite."""
        features = _features(self.critic, edited)
        error = warp_error(edited, self.motion)
        found = {
            Figure.WARP_ERROR: 1e3 * error,
            Figure.CONSISTENCY: frame_consistency(features),
            Figure.CONSECUTIVE: consecutive_consistency(features),
            Figure.DIRECTION: direction(self.features, features, *self.captions),
        }
        if self.clip.truth is not None:
            found |= self._against_truth(self.clip.truth, edited, error)
        return {figure: value for figure, value in found.items() if math.isfinite(value)}

    def _against_truth(self, truth: Truth, edited: Clip, error: float) -> dict[Figure, float]:
        best, agreement = nearest_answer(truth, edited)
        answer, source = truth.answers[best], self.clip.frames
        colours = mean_colours(edited, truth.subject, least_share=LEAST_SHARE)
        found = {
            Figure.INSIDE: agreement,
            Figure.GAIN: agreement - masked_psnr(source, answer, truth.inside),
            Figure.OUTSIDE: masked_psnr(edited, answer, ~truth.inside),
            Figure.WARP_RATIO: error / warp_error(answer, self.motion),
            Figure.COLOUR_SPREAD: colour_spread(colours),
        }
        if truth.is_vague:
            names = colour_names(truth, source, edited)
            found[Figure.MAJORITY] = 100 * majority_share(names)
        return found


def colour_names(truth: Truth, source: Clip, edited: Clip) -> list[str | None]:
    """The palette colour the subject was given, in every frame that shows it well.

    None where the frame is nearer to the source than to any right answer: nothing was given.
    """
    found: list[str | None] = []
    for frame, mask in enumerate(truth.subject):
        if mask.mean() >= LEAST_SHARE:
            here, inside = slice(frame, frame + 1), mask[None]
            kept = masked_psnr(edited[here], source[here], inside)
            right = max(masked_psnr(edited[here], one[here], inside) for one in truth.answers)
            found.append(nearest_colour(edited[frame], mask) if right >= kept else None)
    return found


def nearest_answer(truth: Truth, edited: Clip) -> tuple[int, float]:
    """Which right answer the clip as a whole is nearest to, and how near inside the mask, in dB."""
    agreements = [masked_psnr(edited, answer, truth.inside) for answer in truth.answers]
    best = int(np.argmax(agreements))
    return best, agreements[best]


def _features(critic: Critic, frames: Clip) -> Features:
    return critic.image_features(list(frames)).cpu().numpy()
