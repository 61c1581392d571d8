"""The ablation with an editor whose answers are known, from the request to verdicts and files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.via_engine.measure.quality.conftest import FRAMES
from tests.via_engine.measure.quality.fake_editor import KnowingEditor
from via_engine.edit_settings import AdaptSettings, AttentionMode, Scope
from via_engine.measure.quality.ablation import SOURCE, TRUTH, Ablation, Bench, Gallery, ablate
from via_engine.measure.quality.clips import BenchClip, footage
from via_engine.measure.quality.figures import Figure, Ruler
from via_engine.measure.quality.kept_figures import KeptFigures
from via_engine.measure.quality.plot import write_plot
from via_engine.measure.quality.report import AblationReport
from via_engine.measure.quality.sheet import variant_sheet
from via_engine.measure.quality.variants import FULL, GATHER_SWAP, LOCAL, PER_FRAME, SAME_NOISE
from via_engine.measure.quality.verdicts import verdicts
from via_engine.measure.scratch import write_clip
from via_engine.model_card import ModelCard
from via_engine.models.critic import Critic

VARIANTS = (PER_FRAME, SAME_NOISE, GATHER_SWAP, LOCAL, FULL)
CARD = ModelCard(
    name="knowing",
    kind="",
    folder=Path(),
    steps=10,
    guidance_scale=2.0,
    image_guidance_scale=1.5,
    long_side_px=256,
    multiple_px=8,
    licence="",
)


def bench_of(editor: KnowingEditor, critic: Critic, advance: Callable[[], None]) -> Bench:
    return Bench(editor=editor, card=CARD, critic=critic, seed=7, adapt_steps=20, advance=advance)


@pytest.fixture(scope="module")
def editor(clips: list[BenchClip]) -> KnowingEditor:
    return KnowingEditor(clips=clips, without_subject=clips[1].text)


def numbered(
    clips: list[BenchClip], drawn: list[int] | None = None
) -> Iterator[tuple[int, Callable[[], BenchClip]]]:
    """The clips as the ablation takes them; `drawn` is told the number of each it draws."""
    told = [] if drawn is None else drawn

    def draw(number: int) -> BenchClip:
        told.append(number)
        return clips[number]

    return ((number, partial(draw, number)) for number in range(len(clips)))


@pytest.fixture(scope="module")
def result(
    clips: list[BenchClip],
    critic: Critic,
    editor: KnowingEditor,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Ablation, Gallery]:
    told: list[None] = []
    bench = bench_of(editor, critic, lambda: told.append(None))
    found = ablate(bench, VARIANTS, numbered(clips), tmp_path_factory.mktemp("work"))
    assert len(told) == len(VARIANTS) * len(clips)
    return found


def test_each_variant_asks_for_its_parts(
    result: tuple[Ablation, Gallery], editor: KnowingEditor, clips: list[BenchClip]
) -> None:
    asked = [request for request in editor.asked if request.instruction == clips[0].text]
    alone, (same_noise, swapped, local, full) = asked[:FRAMES], asked[FRAMES:]
    assert [one.frame_range.start_frame for one in alone] == list(range(FRAMES))
    assert len({one.seed for one in (*alone, swapped)}) == FRAMES + 1
    assert alone[0].attention is same_noise.attention is AttentionMode.INDEPENDENT
    assert swapped.attention is AttentionMode.GATHER_SWAP
    assert (swapped.local.scope, swapped.adapt) == (Scope.GLOBAL, None)
    assert (local.local.scope, local.adapt) == (Scope.AUTO, None)
    assert (full.local.scope, full.adapt) == (Scope.AUTO, AdaptSettings(steps=20))
    assert {one.steps for one in asked} == {10}


def test_agreement_with_the_nearest_answer(result: tuple[Ablation, Gallery]) -> None:
    ablation, _ = result
    inside = ablation.values(GATHER_SWAP.name, Figure.INSIDE)
    assert len(inside) == 3
    # What is left is the loss of the codec.
    assert min(inside) > 30
    per_frame = ablation.values(PER_FRAME.name, Figure.INSIDE)
    assert per_frame[0] < 20
    assert per_frame[1:] == pytest.approx(inside[1:], abs=1)


def test_disagreeing_frames_show_in_every_figure_of_consistency(
    result: tuple[Ablation, Gallery],
) -> None:
    ablation, _ = result
    (vague, *_) = ablation.clips
    alone, swapped = vague.by_variant[PER_FRAME.name], vague.by_variant[GATHER_SWAP.name]
    assert alone[Figure.MAJORITY] == 100 / FRAMES
    assert swapped[Figure.MAJORITY] == 100
    assert alone[Figure.COLOUR_SPREAD] > 8 * swapped[Figure.COLOUR_SPREAD]
    assert alone[Figure.WARP_RATIO] > 2
    assert swapped[Figure.WARP_RATIO] == pytest.approx(1, abs=0.3)
    assert alone[Figure.CONSISTENCY] < swapped[Figure.CONSISTENCY]
    assert Figure.DIRECTION not in swapped
    assert swapped[Figure.SECONDS] == pytest.approx(0.5)
    assert swapped[Figure.PREPARATION] == pytest.approx(2)
    assert alone[Figure.PREPARATION] == pytest.approx(2 * FRAMES)


def test_an_edit_that_leaves_the_source_as_it_is_agrees_on_nothing(
    clips: list[BenchClip], critic: Critic
) -> None:
    untouched = Ruler.of(clips[0], critic).measure(clips[0].frames)
    assert untouched[Figure.MAJORITY] == 0
    assert untouched[Figure.GAIN] == 0


def test_only_vague_recolours_have_a_majority(result: tuple[Ablation, Gallery]) -> None:
    ablation, _ = result
    assert len(ablation.values(GATHER_SWAP.name, Figure.MAJORITY)) == 1
    assert len(ablation.values(GATHER_SWAP.name, Figure.COLOUR_SPREAD)) == 3
    assert len(ablation.values(GATHER_SWAP.name, Figure.COLOUR_SPREAD, only_vague=True)) == 1
    assert len(ablation.values(GATHER_SWAP.name, Figure.DIRECTION)) == 2


def test_a_subject_not_found_leaves_out_the_clip(result: tuple[Ablation, Gallery]) -> None:
    ablation, _ = result
    assert LOCAL.name not in ablation.clips[1].by_variant
    assert len(ablation.values(LOCAL.name, Figure.INSIDE)) == 2
    assert len(ablation.pairs(LOCAL.name, GATHER_SWAP.name, Figure.INSIDE)) == 2


def test_verdicts_of_an_editor_that_keeps_the_promise(result: tuple[Ablation, Gallery]) -> None:
    ablation, _ = result
    rows = {row.name: row for row in verdicts(ablation)}
    assert all(row.holds for row in rows.values())
    bars = [str(row.bar) for row in rows.values() if row.bar is not None]
    assert bars == ["<= 60", ">= 99", "<= 0.125", "<= 1.5", ">= 0"]
    assert rows["clips whose subject was not found, full"].value == 1
    assert rows["clips whose subject was not found, full"].cases == 3


def test_json_holds_variants_clips_and_verdicts(result: tuple[Ablation, Gallery]) -> None:
    ablation, _ = result
    told = json.loads(AblationReport(ablation=ablation, rows=verdicts(ablation)).as_json())
    inside = told["variants"]["gather-swap"]["inside"]
    assert inside["first_quartile"] <= inside["median"] <= inside["third_quartile"]
    assert (inside["cases"], inside["unit"]) == (3, "dB")
    assert set(told["variants"]) == {*(one.name for one in VARIANTS), TRUTH}
    assert told["clips"][0]["figures"]["per-frame"]["majority"] == 25
    assert told["verdicts"][0]["holds"] is True
    assert told["machine"]["torch_threads"] >= 1


def test_tables_show_every_variant(
    result: tuple[Ablation, Gallery],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ablation, _ = result
    AblationReport(ablation=ablation, rows=[]).print_tables()
    told = capsys.readouterr().out
    assert all(told.count(f" {variant.title} ") == 4 for variant in VARIANTS)


def test_sheet_and_plot_are_pictures_of_all_variants(
    result: tuple[Ablation, Gallery], clips: list[BenchClip], tmp_path: Path
) -> None:
    ablation, gallery = result
    shown = gallery.frames
    assert gallery.text == clips[0].text
    assert set(shown) == {SOURCE, TRUTH, *(one.name for one in VARIANTS)}
    assert np.array_equal(shown[SOURCE], clips[0].frames)
    one_row = variant_sheet("title", [("source", shown[SOURCE])])
    sheet = variant_sheet("title", list(shown.items()))
    assert sheet.width == one_row.width
    line_px = one_row.height - variant_sheet("title", [("source", shown[SOURCE][:, :72])]).height
    assert sheet.height == one_row.height + (len(shown) - 1) * (2 * line_px + 4)
    write_plot(ablation, tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as plot:
        assert min(plot.size) > 300


def test_what_is_kept_is_not_measured_again(
    clips: list[BenchClip], critic: Critic, tmp_path: Path
) -> None:
    kept, work = tmp_path / "kept", tmp_path / "work"
    kept.mkdir()
    work.mkdir()
    variants = (GATHER_SWAP, LOCAL)

    def measured(first: int, asked: str) -> tuple[Ablation, list[int], int, int]:
        told: list[None] = []
        drawn: list[int] = []
        editor = KnowingEditor(clips=clips, without_subject=clips[1].text)
        bench = bench_of(editor, critic, lambda: told.append(None))
        shelf = KeptFigures(folder=kept, asked={"seed": asked}, noted={"first": str(first)})
        given = islice(numbered(clips, drawn), first, None)
        found, _ = ablate(bench, variants, given, work, shelf)
        return found, drawn, len(editor.asked), len(told)

    part, drawn, edits, _ = measured(1, "7")
    whole, drawn_after, edits_after, told = measured(0, "7")
    _, _, edits_of_another, _ = measured(0, "8")
    assert (drawn, drawn_after) == ([1, 2], [0])
    assert (edits, edits_after, edits_of_another) == (4, 2, 6)
    assert told == len(variants) * len(clips)
    assert whole.clips[1:] == part.clips
    kept_notes = [json.loads(path.read_text())["noted"] for path in kept.glob("clip_001_*")]
    assert sorted(note["first"] for note in kept_notes) == ["0", "1"]
    assert LOCAL.name not in whole.clips[1].by_variant


def test_footage_has_figures_without_truth(
    clips: list[BenchClip], critic: Critic, tmp_path: Path
) -> None:
    path = write_clip(tmp_path / "shot.mov", clips[2].frames, frame_count=FRAMES, frame_rate=24)
    taken = footage(path, clips[2].text, CARD, 3)
    assert taken.frames.shape == (3, 144, 256, 3)
    bench = bench_of(KnowingEditor(clips=clips), critic, lambda: None)
    ablation, gallery = ablate(bench, (GATHER_SWAP,), [(0, lambda: taken)], tmp_path)
    assert Figure.INSIDE not in ablation.clips[0].by_variant[GATHER_SWAP.name]
    assert ablation.values(GATHER_SWAP.name, Figure.WARP_ERROR)[0] >= 0
    assert set(gallery.frames) == {SOURCE, GATHER_SWAP.name}
    assert [name for name, _ in ablation.row_titles] == [GATHER_SWAP.name]
