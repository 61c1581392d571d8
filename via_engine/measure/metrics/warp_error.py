"""Does an edited clip move as its source moves? Warp error after Lai et al.

Source: Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018, section 4.2, and the
authors' evaluation code; the occlusion tests are those of Ruder et al., "Artistic Style Transfer
for Videos", 2016.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from via_engine.measure.metrics.fidelity import Clip

Frame = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
Flow = NDArray[np.float32]
"""(H, W, 2) float32: pixel (x, y) of one frame shows what is at (x, y) + flow in the other."""
FlowEstimator = Callable[[Frame, Frame], Flow]


@dataclass(frozen=True, kw_only=True, eq=False)
class Motion:
    """From a frame to the next: its flow, and (H, W) bool: the pixels still seen in the next."""

    flow: Flow
    is_visible: NDArray[np.bool_]


def dis_flow(first: Frame, second: Frame) -> Flow:
    """Dense inverse search flow (Kroeger et al. 2016) at OpenCV's medium preset."""
    estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    one, two = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second))
    return np.asarray(estimator.calc(one, two, None), np.float32)


def clip_motion(frames: Clip, estimate: FlowEstimator = dis_flow) -> tuple[Motion, ...]:
    """The motion of a clip of T frames: T - 1 steps. Take it from the source, never from an edit:
    what flickers has no motion of its own.
    """
    found = []
    for first, second in pairwise(frames):
        forward = estimate(first, second)
        found.append(Motion(flow=forward, is_visible=visible(forward, estimate(second, first))))
    return tuple(found)


def warp_error(frames: Clip, motion: Sequence[Motion]) -> float:
    """How far each frame is from the next one brought back along the source's flow.

    E_t = Σ_p M ‖V_t(p) - V_{t+1}(p + F(p))‖² / (3 Σ M), samples scaled to 0..1, M the visible
    pixels; the mean over all steps in which any pixel stays visible. As in the authors' code the
    squares are averaged over the three samples of a pixel.

    Returns:
        At least 0; not a number for a single frame.

    Raises:
        ValueError: the clip has not one frame more than the motion has steps.
    """
    if len(frames) != len(motion) + 1:
        raise ValueError(f"{len(frames)} frames do not fit {len(motion)} steps of motion")
    errors = []
    for (first, second), step in zip(pairwise(frames), motion, strict=True):
        difference = first.astype(np.float32) - warped(second.astype(np.float32), step.flow)
        seen = difference[step.is_visible]
        if seen.size:
            errors.append(float(np.mean((seen / 255) ** 2, dtype=np.float64)))
    return float(np.mean(errors)) if errors else math.nan


def warped(values: NDArray[np.float32], flow: Flow) -> NDArray[np.float32]:
    """(H, W, C) float32 `values` fetched, bilinearly, from where the flow leads; 0 from outside."""
    x, y = _targets(flow)
    return np.asarray(
        cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0),
        np.float32,
    )


def visible(forward: Flow, backward: Flow) -> NDArray[np.bool_]:
    """The pixels of a frame that the next one shows too: (H, W) bool.

    A pixel is occluded where its flow and the flow back do not cancel,
    |F + F'|² > 0.01 (|F|² + |F'|²) + 0.5 with F' the backward flow at the target, or where the
    flow itself breaks, |∇F|² > 0.01 |F|² + 0.002. Pixels that leave the frame are not seen again.
    """
    back = warped(backward, forward)
    length = _squared(forward)
    leaves_alone = _squared(forward + back) > 0.01 * (length + _squared(back)) + 0.5
    slopes = [slope for axis in (0, 1) for slope in _gradients(forward[..., axis])]
    breaks = sum(slope**2 for slope in slopes) > 0.01 * length + 0.002
    return np.asarray(_stays_inside(forward) & ~leaves_alone & ~breaks)


def _gradients(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Forward differences down and to the right; 0 behind the last pixel."""
    down, right = np.zeros_like(values), np.zeros_like(values)
    down[:-1] = np.diff(values, axis=0)
    right[:, :-1] = np.diff(values, axis=1)
    return down, right


def _stays_inside(flow: Flow) -> NDArray[np.bool_]:
    x, y = _targets(flow)
    height, width = flow.shape[:2]
    return np.asarray((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1))


def _targets(flow: Flow) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return x + flow[..., 0], y + flow[..., 1]


def _squared(flow: Flow) -> NDArray[np.float32]:
    return np.asarray(np.sum(flow**2, axis=-1))
