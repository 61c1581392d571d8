"""All that a Grounding DINO says of a batch: the library's model gives out the last layer only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from groundingdino.models.GroundingDINO.groundingdino import GroundingDINO
from torch import Tensor, nn

# Side of the library's proposal boxes on the finest level, as a fraction of the picture.
_PROPOSAL_SIDE = 0.05


@dataclass(frozen=True, kw_only=True)
class Guesses:
    """Boxes and how strongly each answers to every token of the caption.

    `logits` is (batch, boxes, tokens) float32, `boxes` (batch, boxes, 4) float32: centre and
    size as fractions of the picture.
    """

    logits: Tensor
    boxes: Tensor


@dataclass(kw_only=True)
class _Heard:
    """What passes inside the library's model and does not come out of it."""

    shapes: list[tuple[int, int]] = field(default_factory=list)
    proposal_logits: Tensor | None = None
    proposal_shifts: Tensor | None = None
    states: list[Tensor] = field(default_factory=list)
    references: list[Tensor] = field(default_factory=list)
    words: dict[str, Tensor] = field(default_factory=dict)


def guesses(
    model: GroundingDINO, pictures: Tensor, captions: Sequence[str]
) -> tuple[Guesses, list[tuple[int, int]], list[Guesses]]:
    """What the encoder proposes, the (rows, columns) of its levels, what each layer makes of it."""
    with _listening(model) as heard:
        model(pictures, captions=list(captions))
    anchors = _anchors(heard.shapes).to(pictures.device)
    assert heard.proposal_logits is not None and heard.proposal_shifts is not None
    count = heard.words["encoded_text"].shape[1]
    proposals = Guesses(
        logits=heard.proposal_logits[..., :count].float(),
        boxes=(heard.proposal_shifts.float() + anchors).sigmoid(),
    )
    layers = [
        Guesses(logits=embed(state, heard.words)[..., :count].float(), boxes=boxes.float())
        for embed, state, boxes in zip(
            model.class_embed, heard.states, heard.references[1:], strict=True
        )
    ]
    return proposals, heard.shapes, layers


@contextmanager
def _listening(model: GroundingDINO) -> Iterator[_Heard]:
    """While inside, notes what the model's parts say to one another."""
    heard = _Heard()
    transformer = model.transformer

    def encoder(_: nn.Module, __: Any, given: dict[str, Any], ___: object) -> None:
        heard.shapes = [(int(rows), int(columns)) for rows, columns in given["spatial_shapes"]]

    def proposal_logits(_: nn.Module, given: Any, found: Tensor) -> None:
        heard.proposal_logits, heard.words = found, given[1]

    def proposal_shifts(_: nn.Module, __: Any, found: Tensor) -> None:
        heard.proposal_shifts = found

    def whole(_: nn.Module, __: Any, found: Any) -> None:
        heard.states, heard.references = list(found[0]), list(found[1])

    hooks = [
        transformer.encoder.register_forward_hook(encoder, with_kwargs=True),
        transformer.enc_out_class_embed.register_forward_hook(proposal_logits),
        transformer.enc_out_bbox_embed.register_forward_hook(proposal_shifts),
        transformer.register_forward_hook(whole),
    ]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


def _anchors(shapes: list[tuple[int, int]]) -> Tensor:
    """The library's proposal boxes before learning shifts them: (places, 4), as logits."""
    levels = []
    for level, (rows, columns) in enumerate(shapes):
        y, x = torch.meshgrid(
            (torch.arange(rows) + 0.5) / rows,
            (torch.arange(columns) + 0.5) / columns,
            indexing="ij",
        )
        side = torch.full_like(x, _PROPOSAL_SIDE * 2**level)
        levels.append(torch.stack([x, y, side, side], dim=-1).flatten(0, 1))
    return torch.cat(levels).logit()
