"""A picture for people: source, model and truth beside one another, a row per form of edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from via_engine.starter.evaluation.cases import Case, Frame

_PAPER, _INK, _FAINT = (22, 22, 24), (236, 236, 232), (150, 150, 156)
_GAP_PX, _CAPTION_PX, _TITLE_PX = 12, 22, 34


@dataclass(frozen=True, kw_only=True)
class Example:
    """One case, what the model made of it, and a word on how near that is to the truth."""

    case: Case
    made: Frame
    verdict: str = ""


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """The examples of one form of edit under its title."""

    title: str
    examples: tuple[Example, ...]


def picture_sheet(cases: Sequence[Case], made: Sequence[Frame]) -> Frame:
    """One case below the other: its words, then source, model and truth."""
    return np.asarray(
        np.vstack(
            [
                _example_block(Example(case=case, made=frame))
                for case, frame in zip(cases, made, strict=True)
            ]
        )
    )


def labelled_sheet(rows: Sequence[SheetRow]) -> Frame:
    """Every row's examples side by side under its title: (height, width, 3) uint8 RGB."""
    blocks = [_row_block(row) for row in rows]
    width = max(block.shape[1] for block in blocks)
    return np.asarray(
        np.vstack([_padded_to(block, width) for block in blocks]),
    )


def _row_block(row: SheetRow) -> Frame:
    blocks = [_example_block(example) for example in row.examples]
    gap = _paper(blocks[0].shape[0], _GAP_PX)
    pieces = [gap]
    for block in blocks:
        pieces += [block, gap]
    pictures = np.hstack(pieces)
    title = _paper(_TITLE_PX, pictures.shape[1])
    cv2.putText(title, row.title, (_GAP_PX, 24), cv2.FONT_HERSHEY_DUPLEX, 0.6, _INK, 1, cv2.LINE_AA)
    return np.asarray(np.vstack([title, pictures]))


def _example_block(example: Example) -> Frame:
    case = example.case
    pictures = np.hstack([case.source, example.made, case.truth])
    caption = _paper(_CAPTION_PX, pictures.shape[1])
    third = case.source.shape[1]
    for left, text, ink in (
        (0, case.text, _INK),
        (third, f"model  {example.verdict}", _FAINT),
        (2 * third, "truth", _FAINT),
    ):
        place = (left + 3, 15)
        cv2.putText(caption, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, ink, 1, cv2.LINE_AA)
    return np.asarray(np.vstack([caption, pictures]))


def _paper(height: int, width: int) -> Frame:
    return np.full((height, width, 3), _PAPER, np.uint8)


def _padded_to(block: Frame, width: int) -> Frame:
    missing = _paper(block.shape[0], width - block.shape[1])
    return np.asarray(np.hstack([block, missing]))
