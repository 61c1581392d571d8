"""What CLIP sees in a clip: is every frame the same thing, and did it change as it was told to?

Features are (T, D) and of length 1, as `via_engine.models.critic.Critic` gives them; figures
depend on the network they come from, so only those of one network compare.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.floating[Any]]
# Below this length a change of features is the noise of floating point, not an edit.
_NO_CHANGE = 1e-3


def frame_consistency(features: Features) -> float:
    """Mean cosine over all ordered pairs of frames, Σ_{i≠j} f_i·f_j / (T (T - 1)).

    Not a number for a single frame.

    Source: LOVEU-TGVE 2023, its evaluation code; printed there times 100.
    """
    count = len(features)
    if count < 2:
        return math.nan
    products = features @ features.T
    return float((products.sum() - np.trace(products)) / (count * (count - 1)))


def consecutive_consistency(features: Features) -> float:
    """Mean over t ≥ 1 of max(0, f_{t-1}·f_t); not a number for a single frame.

    Source: EditVerse and V2VBench, there "CLIP temporal consistency", of their own features.
    """
    if len(features) < 2:
        return math.nan
    return float(np.maximum(0, np.sum(features[:-1] * features[1:], axis=1)).mean())


def direction(source: Features, edited: Features, before: Features, after: Features) -> float:
    """Mean over frames of cos(E(edited) - E(source), E(after) - E(before)).

    Args:
        source, edited: (T, D) of frames.
        before, after: (D,) of the captions.

    Returns:
        -1 to 1, a frame that did not change counting 0; not a number when the captions are equal.

    Source: Gal et al., "StyleGAN-NADA", 2021, as InstructPix2Pix measures it (2022).
    """
    wanted = after - before
    if np.linalg.norm(wanted) < _NO_CHANGE:
        return math.nan
    changes = edited - source
    lengths = np.linalg.norm(changes, axis=1)
    cosines = changes @ wanted / np.maximum(lengths * np.linalg.norm(wanted), _NO_CHANGE**2)
    return float(np.where(lengths > _NO_CHANGE, cosines, 0).mean())
