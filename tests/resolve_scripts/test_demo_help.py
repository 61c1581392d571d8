"""What the demo tells newcomers is what the starter models know."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from resolve_scripts.cli import app
from resolve_scripts.demo import STARTER_UNDERSTANDS, STARTER_WORDS, DemoReport
from via_engine.config import EngineConfig
from via_engine.models.catalog import load_catalog
from via_engine.starter.training.export import UNDERSTANDS
from via_engine.starter.world.vocabulary import (
    BACKGROUNDS,
    KINDS,
    MATERIALS,
    PALETTE,
    Instruction,
    parse_instruction,
    wordings,
)


def test_the_help_lists_what_the_starter_card_lists() -> None:
    assert load_catalog(EngineConfig()).card("starter").understands == STARTER_UNDERSTANDS
    assert UNDERSTANDS == STARTER_UNDERSTANDS


def test_the_help_lists_the_words_of_the_starter_world() -> None:
    assert STARTER_WORDS["things"] == KINDS
    assert STARTER_WORDS["colours"] == tuple(PALETTE)
    assert STARTER_WORDS["materials"] == MATERIALS
    backgrounds = [Instruction(edit="background", value=value) for value in BACKGROUNDS]
    assert [f"replace the background with {each}" for each in STARTER_WORDS["backgrounds"]] == [
        wordings(one)[0] for one in backgrounds
    ]


def test_every_listed_instruction_is_of_the_world_and_every_form_is_listed() -> None:
    found = [parse_instruction(text) for text in STARTER_UNDERSTANDS]
    assert all(found)
    assert len({one.edit for one in found if one}) == 8


def test_help_shows_it_on_any_terminal() -> None:
    for columns in ("60", "200"):
        shown = CliRunner().invoke(app, ["demo", "--help"], env={"COLUMNS": columns}).output
        words = " ".join(shown.split())
        assert all(text in words for text in STARTER_UNDERSTANDS)
        assert "flower" in words and "city lights" in words


def test_the_closing_words_name_what_the_server_understands(tmp_path: Path) -> None:
    report = DemoReport(
        timeline=tmp_path / "cut.otio",
        clips=(),
        contact_sheet=tmp_path / "sheet.png",
        report=tmp_path / "report.json",
        seconds={},
        understands=("make it night", "add fog"),
    )
    assert '"make it night"' in report.to_text()
    assert report.to_json()["understands"] == ["make it night", "add fog"]
