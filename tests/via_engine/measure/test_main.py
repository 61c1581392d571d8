"""The command line of the benchmarks: what it takes, prints and ends with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from via_engine.errors import ModelIntegrityError
from via_engine.measure.__main__ import BENCHMARKS, main
from via_engine.measure.rows import Bar, Row
from via_engine.measure.starter import MODELS
from via_engine.starter import bundle


class FakeStarter:
    """Takes what the benchmark takes and notes it; reaches 21 where 22 is the bar."""

    asked: dict[str, object]

    def __call__(
        self, seed: int, *, scenes: int, models: Sequence[str], sheet: Path | None
    ) -> list[Row]:
        self.asked = {"seed": seed, "scenes": scenes, "models": tuple(models), "sheet": sheet}
        return [
            Row(name="remove", value=21.0, unit="dB", bar=Bar(comparison=">=", limit=22), cases=9),
            Row(name="poster", value=5.0, unit="dB"),
        ]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeStarter:
    found = FakeStarter()
    monkeypatch.setattr("via_engine.measure.__main__.starter", found)
    monkeypatch.setitem(BENCHMARKS, "starter", found)
    return found


def test_two_hundred_scenes_of_all_models_unless_asked(fake: FakeStarter) -> None:
    assert main(["starter"]) == 0
    assert fake.asked == {"seed": 0, "scenes": 200, "models": MODELS, "sheet": None}


def test_options_reach_the_benchmark(fake: FakeStarter, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    words = ["starter", "--seed", "7", "--scenes", "5", "--models", "editor", "critic"]
    assert main([*words, "--sheet", str(sheet)]) == 0
    expected = {"seed": 7, "scenes": 5, "models": ("editor", "critic"), "sheet": sheet}
    assert fake.asked == expected


def test_json_gives_every_row_with_its_cases(
    fake: FakeStarter, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["starter", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert rows[0] == {
        "name": "remove",
        "value": 21.0,
        "unit": "dB",
        "cases": 9,
        "bar": ">= 22",
        "holds": False,
    }
    assert rows[1]["cases"] is None


def test_check_ends_with_one_when_a_bar_is_missed(
    fake: FakeStarter, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["starter", "--check"]) == 1
    assert "MISSED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["starter", "--scenes", "0"], "give 1 or more"),
        (["starter", "--scenes", "many"], "invalid"),
        (["starter", "--seed", "-1"], "below 0"),
        (["starter", "--sheet", "sheet.jpg"], ".png"),
        (["starter", "--sheet", "no/such/folder/sheet.png"], "does not exist"),
        (["starter", "--models", "painter"], "segmenter"),
        (["speed", "--scenes", "5"], "--scenes"),
        ([], "NAME"),
    ],
)
def test_faulty_words_are_refused_with_the_remedy(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_missing_weights_are_named_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bundle, "_WEIGHTS", tmp_path)
    with pytest.raises(ModelIntegrityError):
        bundle.starter_folder("critic")
    assert main(["starter", "--models", "critic"]) == 1
    told = capsys.readouterr()
    assert str(tmp_path / "critic") in told.err
    assert told.out == ""


def test_a_sheet_without_the_editor_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.png"
    assert main(["starter", "--models", "critic", "--sheet", str(sheet)]) == 1
    assert "name the editor" in capsys.readouterr().err
