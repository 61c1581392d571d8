"""The bench's rows of the editor, on editors whose worth is known: an oracle and a sluggard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from via_engine.measure.rows import Row
from via_engine.measure.starter_editor import edit_rows, sheet_rows
from via_engine.measure.starter_edits import (
    FORMS,
    EditorBench,
    FormResult,
    MaskReader,
    judged_forms,
    pictures_to_judge,
)
from via_engine.starter.evaluation.cases import Case, Frame, Mask, Sampling, held_out_cases
from via_engine.starter.evaluation.scores import colour_key
from via_engine.starter.evaluation.sheet import labelled_sheet
from via_engine.starter.world.render import render_frame
from via_engine.starter.world.scene import edited_scenes

SEED, SCENES = 3, 4
SIZE = Sampling()
Answer = Callable[[str, Frame, int], Frame]


@dataclass
class FakePipeline:
    """Answers as stock diffusers does, one picture at a time."""

    answer: Answer

    def __call__(self, *, prompt: list[str], image: torch.Tensor, **_: Any) -> SimpleNamespace:
        sources = np.round(image.permute(0, 2, 3, 1).numpy() * 255).astype(np.uint8)
        frames = [
            self.answer(text, source, number)
            for number, (text, source) in enumerate(zip(prompt, sources, strict=True))
        ]
        return SimpleNamespace(images=[frame.astype(np.float32) / 255 for frame in frames])


def unchanged(text: str, source: Frame, number: int) -> Frame:
    return source


def oracle() -> Answer:
    """Knows every case of the bench and gives its truth, of vague ones another each time."""
    cases = {
        (case.text, case.source.tobytes()): case
        for form in FORMS
        for case in held_out_cases(form.edit, SCENES, SEED, SIZE, value=form.value)
    }

    def answer(text: str, source: Frame, number: int) -> Frame:
        case = cases[text, source.tobytes()]
        truths = edited_scenes(case.scene, case.instruction)
        scene = truths[number % len(truths)]
        if len(truths) == 1:
            return case.truth
        return render_frame(scene, case.frame, width=SIZE.width, height=SIZE.height)

    return answer


@dataclass
class Counter:
    pictures: int = 0
    readers: dict[str, MaskReader] = field(default_factory=lambda: {"colour key": colour_key})

    def results(self, answer: Answer) -> dict[str, FormResult]:
        bench = EditorBench(
            pipeline=FakePipeline(answer),
            sampling=SIZE,
            seed=SEED,
            scenes=SCENES,
            advance=self.count,
            readers=self.readers,
        )
        return judged_forms(bench)

    def count(self, more: int) -> None:
        self.pictures += more


@pytest.fixture(scope="module")
def truths() -> dict[str, FormResult]:
    return Counter().results(oracle())


def rows_of(results: dict[str, FormResult]) -> dict[str, Row]:
    return {row.name: row for row in edit_rows(results)}


def test_an_oracle_reaches_every_bar(truths: dict[str, FormResult]) -> None:
    rows = rows_of(truths)
    assert [name for name, row in rows.items() if not row.holds] == []
    assert rows["recolour: the colour asked for"].value == 100
    assert rows["night, against truth"].value == 60
    assert sum(row.bar is not None for row in rows.values()) == 13


def test_rows_say_of_how_many_cases_they_are(truths: dict[str, FormResult]) -> None:
    rows = rows_of(truths)
    outside = rows["local edits: outside the true mask, against the source"]
    assert outside.cases == 5 * SCENES
    assert rows["night, against truth"].cases == SCENES


def test_an_editor_that_changes_nothing_misses_what_asks_for_change() -> None:
    counter = Counter()
    rows = rows_of(counter.results(unchanged))
    assert counter.pictures == pictures_to_judge(SCENES) == SCENES * len(FORMS)
    assert rows["recolour: the colour asked for"].value == 0
    assert rows["vague recolour: palette colours clearly given in 8 answers"].value == 0
    assert not rows["kind change: mask of the new object, by colour key"].holds
    assert not rows["night, against truth"].holds
    assert rows["local edits: outside the true mask, against the source"].value == 60


def test_the_bar_of_kind_changes_is_on_the_reader_that_reads_truth_best() -> None:
    def nothing(case: Case, frame: Frame) -> Mask:
        return np.zeros_like(case.mask)

    counter = Counter(readers={"blind": nothing, "colour key": colour_key})
    rows = rows_of(counter.results(unchanged))
    assert rows["kind change: mask of the new object, by colour key"].bar is not None
    assert rows["kind change: mask of the new object, by blind"].bar is None
    assert rows["  the blind on the true frame"].value == 0


def test_the_sheet_has_a_row_for_every_form(truths: dict[str, FormResult]) -> None:
    rows = sheet_rows(truths)
    assert [row.title.partition(":")[0] for row in rows] == [form.name for form in FORMS]
    assert all(len(row.examples) == 3 for row in rows)
    sheet = labelled_sheet(rows)
    assert sheet.shape[1] >= 9 * SIZE.width
    assert sheet.shape[0] >= len(FORMS) * SIZE.height
