"""`VIA - repeat last edit on selection`: the second menu entry, without any page."""

from __future__ import annotations

import json
import os
from pathlib import Path

from resolve_scripts.edit_settings import Box
from resolve_scripts.panel.draft import EditDraft, Scope
from resolve_scripts.panel.last_edit import last_edit, remember
from resolve_scripts.resolve_menu.entries import REPEAT
from tests.resolve_scripts.fake_resolve.scene import ClipAt, Scene
from tests.resolve_scripts.fake_resolve.session import menu_session
from tests.resolve_scripts.panel.conftest import MakeClip, fresh

NIGHT = EditDraft(instruction="make it night", steps=2, seed=7)


def repeated(scene: Scene, server: str, folder: Path) -> tuple[str, list[dict[str, object]]]:
    """What Resolve's console says, and what lies on Via's tracks, once the entry has ended."""
    environment = {**os.environ, "VIA_SERVER": server, "VIA_STATE_FOLDER": str(folder / "via")}
    with menu_session(scene, fresh(folder), entry=REPEAT, environment=environment) as session:
        assert session.process.stdout is not None
        said = session.process.stdout.read()
        session.process.wait(60)
        tracks = session.state()["tracks"]
    return said, [item for each in tracks if each["name"] == "VIA" for item in each["items"]]


def test_the_last_edit_is_made_on_every_selected_clip(
    server: str, make_clip: MakeClip, tmp_path: Path
) -> None:
    remember(tmp_path / "via", NIGHT)
    clips = [
        ClipAt(
            media=str(make_clip()), start=6 * number, frame_count=3, source_start=number,
            name=f"shot_0{number}0", is_selected=number != 2,
        )
        for number in range(3)
    ]  # fmt: skip
    title = ClipAt(kind="title", start=30, frame_count=24, name="Title", is_selected=True)
    said, placed = repeated(Scene(clips=(*clips, title)), server, tmp_path)
    assert [(item["start"], item["duration"]) for item in placed] == [(86400, 3), (86406, 3)]
    for item in placed:
        tags = json.loads(item["third_party"]["via"])  # type: ignore[index]
        assert (tags["instruction"], tags["seed"]) == ("make it night", 7)
    assert "shot_010: on track VIA, 01:00:00:06" in said
    assert "Title" in said and "footage" in said


def test_without_an_edit_to_repeat_it_says_what_to_do(
    server: str, make_clip: MakeClip, tmp_path: Path
) -> None:
    clip = ClipAt(media=str(make_clip()), frame_count=3)
    said, placed = repeated(Scene(clips=(clip,)), server, tmp_path)
    assert "there is no edit to repeat yet" in said and "Workspace > Scripts > VIA" in said
    assert placed == []


def test_what_was_drawn_on_one_clip_is_not_remembered_for_others(tmp_path: Path) -> None:
    drawn = EditDraft(
        instruction="make the ball blue",
        scope=Scope.PART,
        mask=Box(frame=3, box_xyxy=(1.0, 2.0, 3.0, 4.0)),
        steps=9,
    )
    remember(tmp_path, drawn)
    assert last_edit(tmp_path) == EditDraft(instruction="make the ball blue", steps=9)
    found = EditDraft(instruction="make the ball blue", scope=Scope.PART, find="the ball")
    remember(tmp_path, found)
    assert last_edit(tmp_path) == found


def test_a_damaged_memory_is_none(tmp_path: Path) -> None:
    assert last_edit(tmp_path) is None
    (tmp_path / "last_edit.json").write_text('{"edit": {"instruction": 3}}')
    assert last_edit(tmp_path) is None
