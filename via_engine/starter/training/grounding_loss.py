"""What a grounder is taught by: which words each box answers to, and where it lies.

The public grounders' training code was not published. This follows their paper (focal loss
over words, L1 and generalised IoU over boxes, matching in every decoder layer) but teaches
one-to-many: every place at which an object shows proposes its box, and every box that lies on
an object answers to its words. So small a model would learn for days without; boxes that say
the same are dropped when they are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import torch
from groundingdino.models.GroundingDINO.groundingdino import GroundingDINO
from torch import Tensor
from torch.nn import functional
from torchvision.ops import (
    box_convert,
    box_iou,
    generalized_box_iou,
    generalized_box_iou_loss,
    sigmoid_focal_loss,
)

from via_engine.starter.networks.grounding_guesses import Guesses, guesses
from via_engine.starter.networks.grounding_text import phrase_numbers
from via_engine.starter.training.grounding_pictures import MOST_OBJECTS, GroundingBatch

_WORDS_WEIGHT, _PLACE_WEIGHT, _OVERLAP_WEIGHT = 2.0, 5.0, 2.0
_LIES_ON_IOU = 0.6


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What is right for every object of every picture; the last object is the background.

    `tokens` is (batch, objects, tokens) float32: 1 for tokens of phrases that name the object.
    `boxes` is (batch, objects, 4) float32. `asked` is (batch, tokens) bool: tokens of phrases.
    """

    tokens: Tensor
    boxes: Tensor
    asked: Tensor


def grounding_loss(model: GroundingDINO, batch: GroundingBatch) -> Tensor:
    """Loss of the encoder's proposals and of every decoder layer's boxes, summed."""
    proposals, shapes, layers = guesses(model, batch.pictures, batch.captions)
    answers = answers_to(batch, phrase_numbers(model.tokenizer, batch.captions))
    loss = _dense_loss(proposals, _owners_at(batch.owners, shapes), answers)
    for found in layers:
        loss = loss + _layer_loss(found, answers)
    return loss


def answers_to(batch: GroundingBatch, numbers: Tensor) -> Answers:
    """Right answers as tensors; `numbers` tells the phrase of every token of the captions."""
    tokens = torch.zeros(len(numbers), MOST_OBJECTS + 1, numbers.shape[1])
    boxes = torch.full((len(numbers), MOST_OBJECTS + 1, 4), 0.5)
    for row, phrases in enumerate(batch.answers):
        for number, things in enumerate(phrases):
            for thing in things:
                tokens[row, thing.index][numbers[row] == number] = 1
                boxes[row, thing.index] = torch.from_numpy(thing.box)
    device = batch.pictures.device
    return Answers(
        tokens=tokens.to(device), boxes=boxes.to(device), asked=(numbers >= 0).to(device)
    )


def cheapest_columns(cost: Tensor) -> list[int]:
    """A different column for every row of (rows, columns), at the least total cost.

    Of n rows each needs to look at its n cheapest columns only; the rows here are few.
    """
    rows = len(cost)
    nearest = cost.topk(min(rows, cost.shape[1]), largest=False).indices.tolist()
    options = [columns for columns in product(*nearest) if len(set(columns)) == rows]
    values = cost.tolist()
    return list(
        min(options, key=lambda columns: sum(values[row][one] for row, one in enumerate(columns)))
    )


def _dense_loss(proposals: Guesses, owners: Tensor, answers: Answers) -> Tensor:
    """`owners` is (batch, boxes): the object at each proposal's place."""
    rows = torch.arange(len(owners), device=owners.device)[:, None]
    tokens, boxes = answers.tokens[rows, owners], answers.boxes[rows, owners]
    named = tokens.any(dim=-1)
    words = _words_loss(proposals.logits, tokens, answers.asked) / named.sum().clamp(min=1)
    return words + _box_loss(proposals.boxes[named], boxes[named])


def _layer_loss(found: Guesses, answers: Answers) -> Tensor:
    """Of a decoder layer: the box matched to an object and all that lie on it answer to it."""
    tokens = torch.zeros_like(found.logits)
    chosen, wanted = [], []
    for row in range(len(tokens)):
        named = torch.nonzero(answers.tokens[row].any(dim=-1)).flatten()
        if not len(named):
            continue
        right, true_boxes = answers.tokens[row, named], answers.boxes[row, named]
        takes = _taken_objects(found.logits[row], found.boxes[row], right, true_boxes)
        taking = takes >= 0
        tokens[row, taking] = right[takes[taking]]
        chosen.append(found.boxes[row, taking])
        wanted.append(true_boxes[takes[taking]])
    words: Tensor = _words_loss(found.logits, tokens, answers.asked) / max(1, sum(map(len, chosen)))
    if not chosen:
        return words
    return words + _box_loss(torch.cat(chosen), torch.cat(wanted))


@torch.no_grad()
def _taken_objects(logits: Tensor, boxes: Tensor, tokens: Tensor, true_boxes: Tensor) -> Tensor:
    """The object each box stands for, -1 for none: (boxes,) int64."""
    overlaps: Tensor = box_iou(_corners(true_boxes), _corners(boxes))
    best, takes = overlaps.max(dim=0)
    takes = takes.where(best >= _LIES_ON_IOU, -1)
    columns = cheapest_columns(_cost(logits, boxes, tokens, true_boxes))
    takes[columns] = torch.arange(len(columns), device=takes.device)
    return takes


def _cost(logits: Tensor, boxes: Tensor, tokens: Tensor, true_boxes: Tensor) -> Tensor:
    """What it costs to let a box stand for an object: (objects, boxes)."""
    chance = logits.sigmoid().nan_to_num(0)
    liking = (tokens @ chance.T) / tokens.sum(dim=1, keepdim=True)
    far = torch.cdist(true_boxes, boxes, p=1)
    overlap = generalized_box_iou(_corners(true_boxes), _corners(boxes))
    return torch.as_tensor(
        -_WORDS_WEIGHT * liking + _PLACE_WEIGHT * far - _OVERLAP_WEIGHT * overlap
    )


def _words_loss(logits: Tensor, tokens: Tensor, asked: Tensor) -> Tensor:
    known = asked[:, None].expand_as(logits)
    loss = sigmoid_focal_loss(logits[known], tokens[known], reduction="sum")
    return torch.as_tensor(_WORDS_WEIGHT * loss)


def _box_loss(boxes: Tensor, true_boxes: Tensor) -> Tensor:
    count = max(1, len(boxes))
    far = functional.l1_loss(boxes, true_boxes, reduction="sum")
    apart = generalized_box_iou_loss(_corners(boxes), _corners(true_boxes), reduction="sum")
    return torch.as_tensor((_PLACE_WEIGHT * far + _OVERLAP_WEIGHT * apart) / count)


def _corners(boxes: Tensor) -> Tensor:
    return torch.as_tensor(box_convert(boxes, "cxcywh", "xyxy"))


def _owners_at(owners: Tensor, shapes: list[tuple[int, int]]) -> Tensor:
    """The object at every place of every level: (batch, places) int64; `MOST_OBJECTS` for none."""
    height, width = owners.shape[1:]
    levels = []
    for rows, columns in shapes:
        y = ((torch.arange(rows) + 0.5) * height / rows).long()
        x = ((torch.arange(columns) + 0.5) * width / columns).long()
        levels.append(owners[:, y][:, :, x].flatten(1))
    found = torch.cat(levels, dim=1).long()
    return found.where(found >= 0, MOST_OBJECTS)
