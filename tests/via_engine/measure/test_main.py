"""The command line of the benchmarks: what it takes, prints and ends with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from via_engine.errors import ModelIntegrityError
from via_engine.measure.__main__ import BENCHMARKS, main
from via_engine.measure.quality.ablation import Ablation, ClipFigures
from via_engine.measure.quality.bench import QualityOptions
from via_engine.measure.quality.figures import Figure
from via_engine.measure.quality.report import AblationReport
from via_engine.measure.quality.variants import FULL
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


def test_a_folder_is_no_place_for_the_sheet(fake: FakeStarter, tmp_path: Path) -> None:
    (tmp_path / "sheet.png").mkdir()
    with pytest.raises(SystemExit) as ended:
        main(["starter", "--sheet", str(tmp_path / "sheet.png")])
    assert ended.value.code == 2
    assert not hasattr(fake, "asked")


def test_the_conditioner_alone_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["starter", "--models", "conditioner", "--check"]) == 1
    assert "name the editor too" in capsys.readouterr().err


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


@dataclass
class FakeQuality:
    """Answers as the quality benchmark does and notes what it was asked."""

    report: list[Row] | AblationReport
    asked: list[tuple[int, QualityOptions]] = field(default_factory=list)

    def __call__(self, seed: int, options: QualityOptions) -> list[Row] | AblationReport:
        self.asked.append((seed, options))
        return self.report


def ablation_report() -> AblationReport:
    clip = ClipFigures(
        name="one", text="make it night", is_vague=False, by_variant={"full": {Figure.INSIDE: 21.0}}
    )
    missed = Row(name="claim", value=1.0, unit="ratio", bar=Bar(comparison=">=", limit=2))
    return AblationReport(ablation=Ablation(variants=(FULL,), clips=(clip,)), rows=[missed])


def use_quality(monkeypatch: pytest.MonkeyPatch, fake: FakeQuality) -> FakeQuality:
    monkeypatch.setattr("via_engine.measure.__main__.quality", fake)
    monkeypatch.setitem(BENCHMARKS, "quality", fake)
    return fake


def test_options_of_quality_reach_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = use_quality(monkeypatch, FakeQuality([]))
    assert main(["quality"]) == 0
    assert main(["quality", "--full"]) == 0
    words = ["quality", "--seed", "3", "--scenes", "5", "--frames", "6", "--adapt-steps", "9"]
    words += ["--variants", "full", "per-frame", "--clips", str(tmp_path), "--instruction", "x"]
    assert main([*words, "--plot", str(tmp_path / "plot.png")]) == 0
    assert main(["quality", "--pair", "a.mov", "b.mov"]) == 0
    assert main(["quality", "--keep", str(tmp_path), "--part", "2/3", "--dtype", "bfloat16"]) == 0
    plain, full, all_of_them, pair, part = (options for _, options in fake.asked)
    assert plain == QualityOptions()
    assert (plain.clip_count, plain.frame_count) == (4, 8)
    assert (full.clip_count, full.frame_count) == (30, 48)
    assert (all_of_them.clip_count, all_of_them.frame_count) == (5, 6)
    assert list(all_of_them.variants) == ["full", "per-frame"]
    assert all_of_them.clips == tmp_path
    assert (all_of_them.instruction, all_of_them.adapt_steps) == ("x", 9)
    assert list(pair.pair) == [Path("a.mov"), Path("b.mov")]
    assert (part.keep, part.part, part.dtype) == (tmp_path, (2, 3), "bfloat16")
    assert fake.asked[2][0] == 3


def test_an_ablation_prints_its_table_and_its_verdicts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_quality(monkeypatch, FakeQuality(ablation_report()))
    assert main(["quality", "--check"]) == 1
    told = capsys.readouterr().out
    assert "PSNR inside" in told
    assert "MISSED" in told
    assert main(["quality", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["variants"]["full"]["inside"]["median"] == 21
    assert values["verdicts"][0]["name"] == "claim"


def test_footage_needs_an_instruction(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quality", "--clips", str(tmp_path)]) == 1
    assert main(["quality", "--instruction", "make it night"]) == 1
    assert capsys.readouterr().err.count("--clips and --instruction go together") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["quality", "--variants", "most"], "gather-swap"),
        (["quality", "--frames", "0"], "give 1 or more"),
        (["quality", "--clips", "no/such/folder"], "is no folder"),
        (["quality", "--long", "--clips", "."], "not allowed"),
        (["quality", "--pair", "a.mov"], "expected 2"),
        (["quality", "--part", "3/2"], "1/2 is the first of two"),
        (["quality", "--part", "half"], "invalid"),
        (["quality", "--keep", "no/such/folder"], "is no folder"),
        (["starter", "--scenes", "0"], "give 1 or more"),
        (["starter", "--scenes", "many"], "invalid"),
        (["starter", "--seed", "-1"], "no seed"),
        (["starter", "--seed", str(2**32)], "no seed"),
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
