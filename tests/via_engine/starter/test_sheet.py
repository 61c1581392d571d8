"""The sheet holds every picture as it is, in its place."""

from __future__ import annotations

import numpy as np

from via_engine.starter.evaluation.cases import Frame, Sampling, held_out_cases
from via_engine.starter.evaluation.sheet import Example, SheetRow, labelled_sheet, picture_sheet


def places_of(picture: Frame, sheet: Frame) -> list[tuple[int, int]]:
    height, width = picture.shape[:2]
    rows, columns = sheet.shape[0] - height + 1, sheet.shape[1] - width + 1
    return [
        (row, column)
        for row in range(rows)
        for column in range(columns)
        if (sheet[row, column] == picture[0, 0]).all()
        and np.array_equal(sheet[row : row + height, column : column + width], picture)
    ]


def test_rows_show_source_model_and_truth_side_by_side() -> None:
    cases = held_out_cases("recolour", 3, 0, Sampling(width=64, height=48))
    made = [np.full((48, 64, 3), level, np.uint8) for level in (10, 120, 240)]
    examples = [
        Example(case=case, made=frame, verdict="20.0 dB")
        for case, frame in zip(cases, made, strict=True)
    ]
    sheet = labelled_sheet(
        [
            SheetRow(title="recolour", examples=tuple(examples[:2])),
            SheetRow(title="again", examples=(examples[2],)),
        ]
    )
    assert sheet.dtype == np.uint8
    tops = []
    for case, frame in zip(cases, made, strict=True):
        (top, left), *_ = places_of(case.source, sheet)
        assert (top, left + 64) in places_of(frame, sheet)
        assert (top, left + 128) in places_of(case.truth, sheet)
        tops.append(top)
    assert tops[0] == tops[1] < tops[2]


def test_plain_sheet_is_one_case_below_the_other() -> None:
    cases = held_out_cases("time", 2, 0, Sampling(width=64, height=48))
    sheet = picture_sheet(cases, [case.source for case in cases])
    assert sheet.shape[1] == 3 * 64
    assert sheet.shape[0] % 2 == 0
    assert np.array_equal(sheet[-48:, -64:], cases[1].truth)
