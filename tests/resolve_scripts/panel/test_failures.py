"""What goes wrong is seen on the page, with the next step beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
from playwright.sync_api import Page, expect

from tests.conftest import ROOT
from tests.resolve_scripts.fake_resolve.scene import ClipAt, Scene
from tests.resolve_scripts.panel.conftest import InResolve, MakeClip, look
from tests.resolve_scripts.panel.test_end_to_end import set_two_steps, version, via_items

OpenInResolve = Callable[..., InResolve]


def shot(make_clip: MakeClip, frames: int = 4) -> ClipAt:
    return ClipAt(media=str(make_clip()), frame_count=frames, name="shot_010")


def edit(page: Page, instruction: str = "make it night") -> None:
    page.get_by_label("What shall change?").fill(instruction)
    set_two_steps(page)
    page.get_by_role("button", name="Edit the clip").click()


def test_clips_that_cannot_be_edited_say_why(
    open_in_resolve: OpenInResolve, make_clip: MakeClip, tmp_path: Path
) -> None:
    clips = (
        ClipAt(kind="title", start=0, frame_count=24, name="Main title", is_selected=True),
        ClipAt(
            media=str(tmp_path / "gone.mov"), start=24, frame_count=24, name="shot_030",
            is_selected=True,
        ),
        ClipAt(
            media=str(make_clip()), start=48, frame_count=5, name="shot_040", is_selected=True,
            is_graded=True,
        ),
        ClipAt(kind="compound", start=60, frame_count=5, name="Compound 1", is_selected=True),
    )  # fmt: skip
    page = open_in_resolve(Scene(clips=clips)).page
    expect(page.get_by_text("4 clips by the selection")).to_be_visible()
    expect(page.locator("#empty")).to_contain_text("title")
    expect(page.locator("#empty")).to_contain_text("Choose a clip with footage")
    expect(page.get_by_role("button", name="Edit the clip")).to_be_disabled()
    look(page, "10-title-refused")
    page.get_by_role("button", name="shot_030").click()
    expect(page.locator("#empty")).to_contain_text("offline")
    look(page, "11-media-offline")
    page.get_by_role("button", name="Compound 1").click()
    expect(page.locator("#empty")).to_contain_text("It is a compound clip")
    expect(page.get_by_label("Read the media file itself")).to_be_hidden()
    # A graded clip is rendered by Resolve first.
    page.get_by_role("button", name="shot_040").click()
    expect(page.locator("#empty")).to_contain_text("Resolve renders it")
    look(page, "12-graded-clip")
    page.get_by_label("Read the media file itself").check()
    expect(page.locator("#empty")).to_be_empty()
    page.get_by_label("Read the media file itself").uncheck()
    page.get_by_role("button", name="Render it now").click()
    expect(page.locator("#empty")).to_be_empty()
    expect(page.locator("#frame-label")).to_have_text("1 / 5")
    look(page, "13-rendered-clip")


def test_an_occupied_span_offers_a_new_track_and_a_locked_one_says_so(
    open_in_resolve: OpenInResolve, make_clip: MakeClip
) -> None:
    clips = (
        shot(make_clip),
        ClipAt(media=str(make_clip("logo.mov")), track=2, frame_count=8, name="logo"),
    )
    scene = Scene(clips=clips, track_names=("Video 1", "VIA"), disabled_tracks=(2,))
    opened = open_in_resolve(scene)
    page = opened.page
    edit(page)
    expect(version(page, 1)).to_contain_text("at 01:00:00:00 already lies on the track VIA")
    look(page, "14-span-occupied")
    version(page, 1).get_by_role("button", name="On a new track").click()
    expect(version(page, 1)).to_contain_text("On track VIA 2")
    (result,) = [item for item in via_items(opened) if item["name"] != "logo"]
    assert (result["start"], result["duration"]) == (86400, 4)

    locked = Scene(clips=clips[:1], track_names=("Video 1", "VIA"), locked_tracks=(2,))
    page = open_in_resolve(locked).page
    edit(page)
    expect(version(page, 2)).to_contain_text("Unlock the track VIA with its padlock")
    look(page, "15-track-locked")


def test_an_open_dialog_is_named(open_in_resolve: OpenInResolve, make_clip: MakeClip) -> None:
    opened = open_in_resolve(Scene(clips=(shot(make_clip),)))
    page = opened.page
    expect(page.get_by_text("1 clip by the playhead")).to_be_visible()
    opened.session.process.send_signal(signal.SIGUSR1)
    page.get_by_role("button", name="Look again").click()
    expect(page.locator("#found")).to_contain_text("dialog")
    look(page, "16-dialog-open")
    opened.session.process.send_signal(signal.SIGUSR2)
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_text("1 clip by the playhead")).to_be_visible()


def test_an_edit_outlives_resolve_and_is_offered_at_the_next_start(
    open_in_resolve: OpenInResolve, make_clip: MakeClip
) -> None:
    scene = Scene(clips=(shot(make_clip, 12),))
    opened = open_in_resolve(scene)
    edit(opened.page)
    expect(version(opened.page, 1)).to_be_visible()
    ours = psutil.Process(opened.session.process.pid).children(recursive=True)
    opened.session.process.kill()
    expect(opened.page.locator("#notices")).to_contain_text("Edits go on")
    look(opened.page, "17-resolve-closed")
    assert ours and psutil.wait_procs(ours, timeout=30)[1] == []

    again = open_in_resolve(scene)
    expect(version(again.page, 1)).to_contain_text("Finished")
    expect(again.page.locator("#notices")).to_contain_text("finished while VIA was closed")
    look(again.page, "18-finished-meanwhile")
    assert via_items(again) == []
    again.page.get_by_role("button", name="Place it now").click()
    expect(version(again.page, 1)).to_contain_text("On track VIA")
    (item,) = via_items(again)
    assert (item["start"], item["duration"]) == (86400, 12)


def test_a_server_is_started_and_its_loss_is_survived(
    open_in_resolve: OpenInResolve, make_clip: MakeClip, tmp_path: Path
) -> None:
    page = open_in_resolve(Scene(clips=(shot(make_clip, 12),)), address=None).page
    expect(page.locator("#notices")).to_contain_text("No Via server answers")
    expect(page.locator("#server")).to_have_text("No server")
    look(page, "19-no-server")
    page.locator("#start-server").click()
    expect(page.locator("#server")).to_have_text("Server ready")
    expect(page.locator("#frame-label")).to_have_text("1 / 12")
    edit(page)
    expect(version(page, 1)).to_contain_text("seed 0")
    told = json.loads((tmp_path / "via" / "server.json").read_text())
    os.kill(told["process_id"], signal.SIGKILL)
    expect(page.locator("#server")).to_have_text("No server")
    look(page, "20-server-lost")
    page.locator("#start-server").click()
    expect(version(page, 1)).to_contain_text("On track VIA")


def test_a_model_that_is_gone_is_named(
    open_in_resolve: OpenInResolve, make_clip: MakeClip, tmp_path: Path
) -> None:
    (tmp_path / "via").mkdir()
    last = {"version": 1, "edit": {"instruction": "make it night", "model": "magicbrush"}}
    (tmp_path / "via" / "last_edit.json").write_text(json.dumps(last))
    page = open_in_resolve(Scene(clips=(shot(make_clip),))).page
    expect(page.get_by_label("Model", exact=True)).to_contain_text(
        "magicbrush (not on this server)"
    )
    page.get_by_role("button", name="Edit the clip").click()
    expect(page.locator("#form-said")).to_contain_text("Choose another model under Settings")
    look(page, "21-model-missing")


def test_an_edit_without_words_is_not_sent(
    open_in_resolve: OpenInResolve, make_clip: MakeClip
) -> None:
    page = open_in_resolve(Scene(clips=(shot(make_clip),))).page
    page.get_by_role("button", name="Edit the clip").click()
    expect(page.locator("#form-said")).to_contain_text("Say what to change")


def test_a_server_that_wants_a_token_says_where_to_put_it(
    open_in_resolve: OpenInResolve, make_clip: MakeClip, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123456789abcdef")
    command = [sys.executable, "-m", "tests.server.fake_engine_server", "--token-file", str(token)]
    command += ["--state-folder", str(tmp_path / "server")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        page = open_in_resolve(Scene(clips=(shot(make_clip),)), address=address).page
        expect(page.locator("#notices")).to_contain_text("VIA_TOKEN")
        look(page, "22-server-wants-token")
        process.terminate()
