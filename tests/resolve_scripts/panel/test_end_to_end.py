"""Menu entry, bridge, page, server, models, timeline: all of it together."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.resolve_scripts.fake_resolve.scene import ClipAt, Scene
from tests.resolve_scripts.panel.conftest import InResolve, MakeClip, look

OpenInResolve = Callable[..., InResolve]
NTSC_FILM = Fraction(24000, 1001)


def via_items(opened: InResolve) -> list[dict[str, Any]]:
    """What lies on the tracks Via added."""
    tracks = opened.session.state()["tracks"]
    return [item for track in tracks if track["name"].startswith("VIA") for item in track["items"]]


def set_two_steps(page: Page) -> None:
    page.locator("#settings").evaluate("settings => { settings.open = true; }")
    page.get_by_label("Steps").fill("2")


def version(page: Page, number: int) -> Any:
    return page.get_by_role("group", name=f"Version {number}:")


def test_from_the_menu_to_the_timeline(open_in_resolve: OpenInResolve, make_clip: MakeClip) -> None:
    media = str(make_clip("film.mov", 12, NTSC_FILM))
    clips = (
        ClipAt(media=media, start=0, frame_count=12, name="shot_010"),
        # Trimmed on both ends, from a camera that counts the time of day.
        ClipAt(
            media=media, start=12, frame_count=5, source_start=3, name="shot_020",
            media_timecode="14:31:07:12",
        ),
        ClipAt(kind="title", start=17, frame_count=24, name="Main title"),
    )  # fmt: skip
    opened = open_in_resolve(Scene(clips=clips, frame_rate="23.976", playhead=14))
    page = opened.page
    expect(page.get_by_role("heading", name="shot_020")).to_be_visible()
    expect(page.get_by_text("1 clip by the playhead")).to_be_visible()
    expect(page.locator("#screen")).to_have_attribute("aria-label", "shot_020, frame 1 / 5")
    look(page, "01-clip-found-by-playhead")

    page.get_by_label("What shall change?").fill("make it night")
    set_two_steps(page)
    page.get_by_role("button", name="Preview this frame").click()
    expect(page.get_by_role("heading", name="Preview")).to_be_visible()
    expect(page.locator("#after-tag")).to_be_visible()
    look(page, "02-preview")

    page.get_by_role("button", name="Edit the clip").click()
    expect(version(page, 1)).to_contain_text("seed 0")
    look(page, "03-edit-under-way")
    expect(version(page, 1)).to_contain_text("On track VIA")
    (item,) = via_items(opened)
    assert (item["start"], item["duration"]) == (86400 + 12, 5)
    tags = json.loads(item["third_party"]["via"])
    assert (tags["instruction"], tags["seed"], tags["version"]) == ("make it night", 0, 1)

    version(page, 1).get_by_role("button", name="Compare").click()
    expect(page.locator("#frame-label")).to_have_text("1 / 5")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#frame-label")).to_have_text("5 / 5")
    page.get_by_role("button", name="Pause").click()
    look(page, "04-wipe-while-playing")

    # Another seed is a further version; as a take it stacks on the first.
    page.get_by_label("When finished").select_option("wait for me")
    version(page, 1).get_by_role("button", name="Another seed").click()
    version(page, 2).get_by_role("button", name="As take").click()
    expect(version(page, 2)).to_contain_text("Take 2 on track VIA")
    look(page, "05-versions")
    (item,) = via_items(opened)
    assert (item["start"], item["duration"], item["takes"], item["take"]) == (86412, 5, 2, 2)
    assert opened.session.state()["tracks"][0]["items"][1]["source_start"] == 3
    assert remembered(opened.folder)["instruction"] == "make it night"


def remembered(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "via" / "last_edit.json").read_text())["edit"]
    return values


def test_all_clips_that_are_selected_are_edited_at_once(
    open_in_resolve: OpenInResolve, make_clip: MakeClip
) -> None:
    clips = tuple(
        ClipAt(
            media=str(make_clip()), start=8 * number, frame_count=2, source_start=2 * number,
            name=f"shot_0{number}0", is_selected=True,
        )
        for number in range(3)
    )  # fmt: skip
    opened = open_in_resolve(Scene(clips=clips, start_timecode="00:00:00:00", frame_rate="25"))
    page = opened.page
    page.get_by_label("What shall change?").fill("make it sepia")
    set_two_steps(page)
    page.get_by_role("button", name="Edit all 3 clips").click()
    expect(page.locator("[data-edit] .good")).to_have_count(3)
    look(page, "06-three-clips")
    assert [(item["start"], item["duration"]) for item in via_items(opened)] == [
        (0, 2), (8, 2), (16, 2),
    ]  # fmt: skip
