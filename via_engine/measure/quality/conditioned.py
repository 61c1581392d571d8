"""Does swapping cross-attention matter where every frame has a condition of its own?

Under a text encoder all frames share one condition, and sharing it once more changes nothing. An
MGIE-class conditioner looks at each frame; there the group's condition can replace the frames' own,
or not. How much that can do depends on how far their conditions lie apart, so that stands beside
it: the engine has the sentence written once for a clip, and the starter's conditioner then says
nearly the same of every frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from via_engine.edit_settings import SwapLayers
from via_engine.measure.metrics.colour_spread import colour_spread, mean_colours
from via_engine.measure.metrics.fidelity import Clip
from via_engine.measure.quality.clips import LEAST_SHARE, BenchClip
from via_engine.measure.rows import Bar, Row
from via_engine.method.frame_edit import FrameEdit
from via_engine.models.editors import InstructPix2PixEditor
from via_engine.models.mgie import Conditioning, MgieConditioner


def conditioned_rows(
    editor: InstructPix2PixEditor,
    conditioner: MgieConditioner,
    clips: Iterable[BenchClip],
    *,
    seed: int,
) -> Iterator[Row]:
    """Colour spread of vague recolours, self-attention swapped alone and with cross-attention.

    And how far the conditions of a clip's frames lie apart. Other clips are passed over. Without a
    vague one there is nothing to tell, and no row.
    """
    found = []
    for number, clip in enumerate(clips):
        if clip.truth is not None and clip.truth.is_vague:
            conditioning = conditioner.condition(clip.frames, clip.text)
            colours = spreads(editor, conditioning, clip, seed=seed + number)
            found.append((condition_spread(conditioning), *colours))
    if not found:
        return
    apart, alone, both = (float(np.median(values)) for values in zip(*found, strict=True))
    yield Row(
        name="conditioner of each frame: how far a clip's conditions lie from their mean",
        value=100 * apart,
        unit="% of it",
        cases=len(found),
    )
    for name, value in (("self-attention only", alone), ("self- and cross-attention", both)):
        yield Row(
            name=f"conditioner of each frame: colour spread, {name}",
            value=value,
            unit="ΔE00",
            cases=len(found),
        )
    yield Row(
        name="  self-attention only / both",
        value=alone / both,
        unit="ratio",
        bar=Bar(comparison=">=", limit=1),
        cases=len(found),
    )


def condition_spread(conditioning: Conditioning) -> float:
    """Root mean square distance of the frames' conditions from their mean, in sizes of that."""
    states = conditioning.states.float()
    mean = states.mean(0, keepdim=True)
    return float((states - mean).square().mean().sqrt() / mean.square().mean().sqrt())


def spreads(
    editor: InstructPix2PixEditor, conditioning: Conditioning, clip: BenchClip, *, seed: int
) -> Iterator[float]:
    """The edited object's colour spread, self-attention swapped alone, then with cross-attention.

    Raises:
        ValueError: the clip has no truth.
    """
    if clip.truth is None:
        raise ValueError(f"where the object of {clip.name} shows is not known")
    for layers in (SwapLayers.SELF, SwapLayers.ALL):
        edited = edit_conditioned(editor, conditioning, clip, layers, seed=seed)
        colours = mean_colours(edited, clip.truth.subject, least_share=LEAST_SHARE)
        yield colour_spread(colours)


def edit_conditioned(
    editor: InstructPix2PixEditor,
    conditioning: Conditioning,
    clip: BenchClip,
    layers: SwapLayers,
    *,
    seed: int,
) -> Clip:
    """Every frame under its own condition, attending to a group of the first frame alone.

    A larger group would need a gather under several conditions; one frame tells whether the
    condition of the group does what the condition of the frames does not.

    Returns:
        (T, H, W, 3) uint8 RGB.
    """
    card = editor.card
    height, width = clip.frames.shape[1:3]
    edit = FrameEdit.prepare(
        editor,
        instruction=clip.text,
        seed=seed,
        steps=card.steps,
        guidance_scale=card.guidance_scale,
        image_guidance_scale=card.image_guidance_scale,
        width=width,
        height=height,
        swap_layers=layers,
    )
    edits = [
        replace(edit, text=states[None], null_text=conditioning.null_states)
        for states in conditioning.states
    ]
    group = edits[0].gather(_tensor(clip.frames[:1]), (0,), _never_stop)
    frames = [
        one.apply(_tensor(frame[None]), group, _never_stop).edited
        for one, frame in zip(edits, clip.frames, strict=True)
    ]
    pictures = torch.cat(frames).permute(0, 2, 3, 1).cpu().numpy()
    return np.asarray(np.rint(pictures * 255), np.uint8)


def _tensor(frames: Clip) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float32, 0 to 1."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255


def _never_stop() -> None:
    """Nobody waits to cancel a benchmark."""
