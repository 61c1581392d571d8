"""The page by itself: marks on the picture, candidates, small windows, keyboard, no Resolve."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from resolve_scripts.client import ViaClient
from tests.conftest import ROOT
from tests.resolve_scripts.panel.conftest import HEIGHT, WIDTH, MakeClip, barriers, look
from tests.resolve_scripts.panel.test_end_to_end import set_two_steps, version

Open = Callable[..., Page]


@pytest.fixture
def via_panel(page: Page, server: str, tmp_path: Path) -> Iterator[Open]:
    """`via panel` in a terminal, its page open."""

    @contextmanager
    def running(*clips: Path) -> Iterator[str]:
        environment = {**os.environ, "VIA_SERVER": server, "VIA_STATE_FOLDER": str(tmp_path)}
        command = [sys.executable, "-m", "resolve_scripts.cli", "panel", "--no-browser", "--json"]
        with subprocess.Popen(
            [*command, *map(str, clips)], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
            text=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
            process.terminate()
            assert process.wait(20) in (0, -15)

    opened = []

    def open_page(*clips: Path) -> Page:
        session = running(*clips)
        opened.append(session)
        page.goto(session.__enter__())
        return page

    yield open_page
    for session in opened:
        session.__exit__(None, None, None)


def newest_spec(server: str) -> Any:
    with ViaClient(server) as client:
        return next(client.list_jobs()).spec


def spot(page: Page, x: float, y: float) -> dict[str, float]:
    """Where a pixel of the picture stands on the screen's canvas."""
    box = page.locator("#screen").bounding_box()
    assert box is not None
    scale = min(box["width"] / WIDTH, box["height"] / HEIGHT)
    left = (box["width"] - WIDTH * scale) / 2
    top = (box["height"] - HEIGHT * scale) / 2
    return {"x": left + x * scale, "y": top + y * scale}


def begin(page: Page) -> None:
    set_two_steps(page)
    page.get_by_role("button", name="Edit the clip").click()
    expect(version(page, 1)).to_contain_text("Finished")


def test_a_box_drawn_on_a_frame_is_where_the_edit_goes(
    via_panel: Open, server: str, make_clip: MakeClip
) -> None:
    page = via_panel(make_clip())
    page.get_by_label("What shall change?").fill("make the red ball blue")
    page.get_by_text("Part of it").click()
    page.get_by_text("Box", exact=True).click()
    expect(page.locator("#frame-label")).to_have_text("1 / 12")
    page.locator("#frame").fill("2")
    screen = page.locator("#screen")
    screen.hover(position=spot(page, 10.5, 20.5))
    page.mouse.down()
    screen.hover(position=spot(page, 59.5, 66.5))
    page.mouse.up()
    expect(page.get_by_label("Left")).to_have_value("10")
    look(page, "30-box")
    begin(page)
    box = newest_spec(server).local.own_mask.box
    drawn = (box.frame, box.left_px, box.top_px, box.right_px, box.bottom_px)
    assert drawn == (2, 10, 20, 60, 67)
    version(page, 1).get_by_role("button", name="Compare").click()
    expect(page.locator("#frame-label")).to_have_text("1 / 12")
    look(page, "31-local-edit")


def test_clicks_by_pointer_and_by_keyboard(
    via_panel: Open, server: str, make_clip: MakeClip
) -> None:
    page = via_panel(make_clip())
    page.get_by_label("What shall change?").fill("make the red ball blue")
    page.get_by_text("Part of it").click()
    page.get_by_text("Clicks", exact=True).click()
    expect(page.locator("#frame-label")).to_have_text("1 / 12")
    page.locator("#screen").click(position=spot(page, 32.5, 45.5))
    page.locator("#screen").click(position=spot(page, 100.5, 10.5), modifiers=["Shift"])
    page.locator("#screen").press("ArrowLeft")
    page.locator("#screen").press("Enter")
    expect(page.locator("#click-list button")).to_have_count(3)
    page.get_by_role("button", name="Remove click 3").click()
    look(page, "32-clicks")
    begin(page)
    clicks = newest_spec(server).local.own_mask.points.clicks
    assert [(each.x_px, each.y_px, each.is_on_subject) for each in clicks] == [
        (32, 45, True),
        (100, 10, False),
    ]


def test_a_preview_is_stopped_and_the_server_is_free_again(
    via_panel: Open, make_clip: MakeClip
) -> None:
    page = via_panel(make_clip())
    page.get_by_label("What shall change?").fill("make it winter")
    page.locator("#settings").evaluate("settings => { settings.open = true; }")
    # Hours, if it were not stopped.
    page.get_by_label("Steps").fill("1000")
    page.get_by_role("button", name="Preview this frame").click()
    look(page, "40-preview-under-way")
    page.locator("#empty").get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Edit the clip")).to_be_enabled()
    page.get_by_label("Steps").fill("2")
    page.get_by_role("button", name="Preview this frame").click()
    expect(page.get_by_role("heading", name="Preview")).to_be_visible()


def test_a_preview_that_began_before_the_clip_was_open_can_be_stopped(
    page: Page, via_panel: Open, make_clip: MakeClip
) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/media?*", hold)
    via_panel(make_clip())
    page.get_by_label("What shall change?").fill("make it winter")
    page.locator("#settings").evaluate("settings => { settings.open = true; }")
    page.get_by_label("Steps").fill("1000")
    page.get_by_role("button", name="Preview this frame").click()
    stop = page.locator("#empty").get_by_role("button", name="Stop")
    expect(stop).to_be_visible()
    with page.expect_response("**/frame?*"):
        held.pop().continue_()
    stop.click()
    expect(page.get_by_role("button", name="Edit the clip")).to_be_enabled()


def test_a_picked_candidate_leads_the_edit(
    via_panel: Open, server: str, make_clip: MakeClip, axe: str
) -> None:
    page = via_panel(make_clip("short.mov", 2))
    page.get_by_label("What shall change?").fill("make it sunset")
    set_two_steps(page)
    page.get_by_role("button", name="Show candidates").click()
    candidates = page.get_by_role("radio", name="Candidate")
    expect(candidates).to_have_count(6)
    first = page.get_by_role("radio", name="Candidate 1")
    expect(first).to_have_attribute("aria-checked", "true")
    first.press("ArrowRight")
    expect(page.get_by_role("radio", name="Candidate 2")).to_be_focused()
    expect(page.get_by_text("Candidate 2 leads the edit")).to_be_visible()
    page.evaluate("Promise.all([...document.images].map((image) => image.decode()))")
    look(page, "33-candidates")
    assert barriers(page, axe) == []
    with page.expect_request("**/api/edits") as sent:
        page.get_by_role("button", name="Edit the clip").click()
    root = sent.value.post_data_json["draft"]["root"]
    expect(version(page, 1)).to_be_visible()
    choice = newest_spec(server).adapt.root_choice
    assert (choice.frame, choice.seed) == (root["frame"], root["seed"])
    assert choice.guidance_scale == root["guidance_scale"]
    version(page, 1).get_by_role("button", name="Stop").click()
    expect(version(page, 1)).to_contain_text("Stopped")
    look(page, "34-stopped")
    version(page, 1).get_by_role("button", name="Remove").click()
    expect(version(page, 1)).to_be_hidden()


def test_a_file_is_opened_by_its_path(via_panel: Open, make_clip: MakeClip) -> None:
    page = via_panel()
    look(page, "35-nothing-open")
    page.get_by_label("Media file on this machine").fill("/no/such.mov")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#found")).to_contain_text("Check the path")
    page.get_by_label("Media file on this machine").fill(str(make_clip().parent) + "/sh")
    expect(page.locator(f"#paths option[value='{make_clip()}']")).to_have_count(1)
    page.get_by_label("Media file on this machine").fill(str(make_clip()))
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#frame-label")).to_have_text("1 / 12")
    page.get_by_label("What shall change?").fill("make it night")
    begin(page)
    # What was edited is offered again the next time.
    page = via_panel()
    expect(page.get_by_role("button", name="shot.mov").first).to_be_visible()
    page.get_by_role("button", name="Save the file").click()
    expect(version(page, 1)).to_contain_text("shot_via_v")
    look(page, "39-recent-file")


def test_a_matte_that_is_not_taken_says_so_and_leaves_none(
    via_panel: Open, make_clip: MakeClip, tmp_path: Path
) -> None:
    page = via_panel(make_clip())
    page.get_by_text("Part of it").click()
    page.get_by_text("Matte", exact=True).click()
    matte = tmp_path / "matte.png"
    matte.write_bytes(b"picture")
    page.locator("#matte-file").set_input_files(matte)
    expect(page.locator("#matte")).to_have_value(re.compile(r"mattes/matte-\w{12}\.png"))
    problem = {"reason": "X", "message": "the matte could not be kept (disk full)"}
    page.route("**/api/mattes/*", lambda route: route.fulfill(json={"problem": problem}))
    page.locator("#matte-file").set_input_files(matte)
    expect(page.locator("#form-said")).to_contain_text("The matte could not be kept (disk full).")
    expect(page.locator("#matte")).to_have_value("")


def test_everything_is_reached_on_a_phone_and_by_keyboard(
    via_panel: Open, make_clip: MakeClip, axe: str
) -> None:
    page = via_panel(make_clip())
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("#frame-label")).to_have_text("1 / 12")
    # As a script does: where Tab begins stays at the top.
    page.evaluate("document.querySelector('[name=scope][value=part]').click()")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    look(page, "36-phone", whole=True)
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
    wanted = ["close", "path", "screen", "play", "frame", "instruction", "scope", "mask"]
    wanted += ["find-words", "preview", "roots", "begin"]
    assert [one for one in dict.fromkeys(reached) if one in wanted] == wanted
    assert barriers(page, axe) == []


def test_a_used_link_says_what_to_do(via_panel: Open, page: Page) -> None:
    via_panel()
    page.context.clear_cookies()
    page.reload()
    expect(page.get_by_role("main")).to_contain_text("run “via panel”")
    look(page, "37-link-used")


def test_closing_ends_the_panel(via_panel: Open, page: Page) -> None:
    via_panel()
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#notices")).to_contain_text("The panel has ended")
    look(page, "38-panel-ended")
