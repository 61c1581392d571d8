"""An edit that follows the motion of its source: what it changed is averaged with its neighbours'.

A model that edits frame by frame draws edges and texture anew each time: they boil. Carried along
the source's motion, changes of neighbouring frames show the same thing, so that their mean keeps
what they agree on. Ours; the published method leaves what flickers. After the idea of blind
temporal consistency (Bonneel et al., 2015; Lai et al., 2018), without a network.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
"""(H, W, 3), R'G'B'."""
Plane = NDArray[np.float32]
"""(H, W)."""
Flow = NDArray[np.float32]
"""(H, W, 2): how far, x first, in pixels, what a frame shows lies away in the other."""

# Where a pixel of carried source and source differs by this, the neighbour counts a third. From 12
# held-out clips, on which 8 to 20 codes are about as good.
_SAME_SOURCE = 12 / 255
# The same for the changes, root mean square around the pixel: a new background, or the tip of a new
# shape, need not move as the source does behind it, and its mean along that motion is a smear.
_SAME_CHANGE = 45 / 255
_AROUND_PX = 15
# The tests of Ruder et al., 2016, as `warp_error` has them: way and way back have to cancel.
_SHARE_OF_WAY, _SLACK = 0.01, 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """What an edit changed of a frame, at working size.

    Attributes:
        source: 0 to 1.
        change: the edit less the source; both through the model's encoder, so that its blur
            cancels.
        reach: 0 to 1, where the edit may show; None is everywhere.
    """

    source: Picture
    change: Picture
    reach: Plane | None = None

    @cached_property
    def grey(self) -> NDArray[np.uint8]:
        """(H, W), what motion is read from."""
        samples = (self.source * 255).round().astype(np.uint8)
        return np.asarray(cv2.cvtColor(samples, cv2.COLOR_RGB2GRAY), np.uint8)


class Ways(NamedTuple):
    """The motion from a frame to another one and back."""

    there: Flow
    back: Flow

    def turned(self) -> Ways:
        """The same, seen from the other frame."""
        return Ways(self.back, self.there)


def ways_between(one: Change, other: Change) -> Ways:
    """Motion between two frames near each other in time.

    Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016.
    """
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return Ways(
        np.asarray(flow.calc(one.grey, other.grey, None), np.float32),
        np.asarray(flow.calc(other.grey, one.grey, None), np.float32),
    )


def steadied(one: Change, others: Iterable[tuple[Change, Ways]]) -> Picture:
    """The change of `one`, averaged with those of others where they show the same thing.

    Args:
        one: the frame.
        others: its neighbours, each with the ways from `one` to it.

    Returns:
        (H, W, 3); exactly `one.change` where no neighbour shows the same thing changed alike.
    """
    total = one.change.copy()
    weights = np.ones(total.shape[:2], np.float32)
    for other, ways in others:
        places = _places(ways.there)
        change = _fetched(other.change, places)
        weight = _likeness(one, other, change, places)
        weight *= _is_seen(ways, places)
        if other.reach is not None:
            weight *= _fetched(other.reach, places)
        cv2.accumulateProduct(change, _in_three(weight), total)
        weights += weight
    return np.asarray(cv2.divide(total, _in_three(weights)), np.float32)


class _Places(NamedTuple):
    """Columns and rows, (H, W) each, at which another frame shows what this one does."""

    columns: Plane
    rows: Plane


def _places(flow: Flow) -> _Places:
    height, width = flow.shape[:2]
    columns = np.arange(width, dtype=np.float32)
    rows = np.arange(height, dtype=np.float32)[:, np.newaxis]
    return _Places(flow[..., 0] + columns, flow[..., 1] + rows)


def _fetched(values: NDArray[np.float32], places: _Places) -> NDArray[np.float32]:
    """Values of the other frame, bilinearly; from outside the nearest."""
    return np.asarray(
        cv2.remap(values, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _likeness(one: Change, other: Change, change: Picture, places: _Places) -> Plane:
    """(H, W), 0 to 1: how far the other frame shows the same, and was changed alike."""
    of_source = np.square(_largest_difference(_fetched(other.source, places), one.source))
    of_change = np.square(_largest_difference(change, one.change))
    around = cv2.blur(of_change, (_AROUND_PX, _AROUND_PX))
    unlike = of_source * np.float32(_SAME_SOURCE**-2) + around * np.float32(_SAME_CHANGE**-2)
    return np.asarray(np.exp(-unlike), np.float32)


def _largest_difference(one: Picture, other: Picture) -> Plane:
    """(H, W), of the three samples of a pixel."""
    red, green, blue = cv2.split(cv2.absdiff(one, other))
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.float32)


def _is_seen(ways: Ways, places: _Places) -> NDArray[np.bool_]:
    """(H, W): whether the way back ends near where the way there began, inside the picture."""
    across, down = cv2.split(ways.there)
    back_across, back_down = cv2.split(_fetched(ways.back, places))
    astray = np.square(across + back_across) + np.square(down + back_down)
    lengths = np.square(across) + np.square(down) + np.square(back_across) + np.square(back_down)
    height, width = astray.shape
    columns, rows = places
    is_inside = (columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1)
    return np.asarray(is_inside & (astray <= _SHARE_OF_WAY * lengths + _SLACK))


def _in_three(plane: Plane) -> Picture:
    return np.asarray(cv2.merge([plane, plane, plane]), np.float32)
