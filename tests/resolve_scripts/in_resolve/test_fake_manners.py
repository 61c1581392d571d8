"""The fake's manners, each from a row of the reference notes that no capture covers."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.resolve_scripts.fake_resolve.build import FakeResolve, build
from tests.resolve_scripts.fake_resolve.pool import PoolItemApi
from tests.resolve_scripts.fake_resolve.scene import ClipAt, Scene
from tests.resolve_scripts.fake_resolve.session import menu_session

CLIP = ClipAt(name="a.mov", media="/m/a.mov", media_rate="24", media_frames=48, frame_count=40)
SCENE = Scene(clips=(CLIP,), width=64, height=36)


def handles(fake: FakeResolve) -> tuple[Any, Any, Any, Any]:
    project = fake.resolve.GetProjectManager().GetCurrentProject()
    timeline = project.GetCurrentTimeline()
    return project, project.GetMediaPool(), timeline, timeline.GetItemListInTrack("video", 1)[0]


def appended(fake: FakeResolve, **info: Any) -> Any:
    _, pool, _, item = handles(fake)
    given = {"mediaPoolItem": item.GetMediaPoolItem(), "startFrame": 0, "endFrame": 10}
    return pool.AppendToTimeline([{**given, **info}])


def test_handles_say_yes_to_hasattr_and_give_none_for_what_they_lack() -> None:
    for handle in handles(build(SCENE)):
        assert hasattr(handle, "Anything")
        assert handle.Anything is None
        with pytest.raises(TypeError, match="'NoneType' object is not callable"):
            handle.Anything()


def test_two_handles_to_one_clip_differ_and_their_ids_do_not() -> None:
    _, _, timeline, item = handles(build(SCENE))
    again = timeline.GetItemListInTrack("video", 1)[0]
    assert again is not item
    assert again != item
    assert again.GetUniqueId() == item.GetUniqueId()


@pytest.mark.parametrize(
    ("method", "since"),
    [
        ("GetMarkInOut", (19, 1)),
        ("GetSelectedClips", (21, 0, 4)),
        ("AddTrack", (18, 5)),
        ("DeleteGaps", (21, 1)),
    ],
)
def test_dir_shows_the_methods_of_the_version(method: str, since: tuple[int, ...]) -> None:
    for version in ((18, 5), (19, 1), (20, 3), (21, 0, 4), (21, 1)):
        _, _, timeline, _ = handles(build(replace(SCENE, version=version)))
        assert (method in dir(timeline)) == (version >= since)
        assert (getattr(timeline, method) is None) == (version < since)


@pytest.mark.parametrize(
    ("rate", "drop_frame", "start_timecode", "start_frame"),
    [
        ("24", False, "01:00:00:00", 86400),
        ("29.97", False, "01:00:00:00", 108000),
        ("59.94", True, "01:00:00;00", 215784),
        ("25", False, "00:00:00:00", 0),
    ],
)
def test_timelines_start_at_the_published_frames(
    rate: str, drop_frame: bool, start_timecode: str, start_frame: int
) -> None:
    scene = replace(
        SCENE, frame_rate=rate, drop_frame=drop_frame, start_timecode=start_timecode, clips=()
    )
    assert build(scene).timeline.GetStartFrame() == start_frame


def test_occupied_frames_give_a_ghost_that_is_in_no_list() -> None:
    fake = build(SCENE)
    _, _, timeline, _ = handles(fake)
    (ghost,) = appended(fake, recordFrame=86410, trackIndex=1)
    assert (ghost.GetStart(), ghost.GetDuration(), ghost.GetUniqueId()) == (None, None, "")
    assert len(timeline.GetItemListInTrack("video", 1)) == 1


def test_locked_and_missing_tracks_give_an_empty_list() -> None:
    fake = build(replace(SCENE, locked_tracks=(1,)))
    assert appended(fake, recordFrame=90000, trackIndex=1) == []
    assert appended(build(SCENE), recordFrame=90000, trackIndex=7) == []


def test_a_record_frame_from_zero_lands_before_the_timeline() -> None:
    fake = build(SCENE)
    (item,) = appended(fake, recordFrame=5, trackIndex=1)
    assert item.GetStart() == 5 < fake.timeline.GetStartFrame()


def test_a_float_spoils_the_whole_batch() -> None:
    fake = build(SCENE)
    assert appended(fake, recordFrame=90000.5, trackIndex=1) is None
    old = build(replace(SCENE, version=(18, 5, 1)))
    assert appended(old, recordFrame=90000.0, trackIndex=1) is None


@pytest.mark.parametrize(
    ("timeline", "media", "pictures", "length"),
    [("24", "29.97", 30, 24), ("24", "25", 25, 24), ("25", "24", 23, 23), ("23.976", "30", 11, 8)],
)
def test_mixed_rates_are_floored(timeline: str, media: str, pictures: int, length: int) -> None:
    clip = replace(CLIP, media_rate=media, frame_count=2)
    fake = build(replace(SCENE, frame_rate=timeline, clips=(clip,)))
    (item,) = appended(fake, recordFrame=99000, trackIndex=1, endFrame=pictures)
    assert item.GetDuration() == length


def test_sound_comes_along_unless_only_pictures_are_asked_for() -> None:
    fake = build(SCENE)
    pool_item = fake.item().pool_item
    assert isinstance(pool_item, PoolItemApi)
    assert pool_item.facts is not None
    pool_item.facts = replace(pool_item.facts, has_sound=True)
    appended(fake, recordFrame=90000, trackIndex=1, mediaType=1)
    assert fake.timeline.audio[0].items == []
    appended(fake, recordFrame=91000, trackIndex=1)
    assert len(fake.timeline.audio[0].items) == 1


def test_an_open_dialog_silences_every_call() -> None:
    fake = build(SCENE)
    project, pool, timeline, item = handles(fake)
    fake.switchboard.is_modal = True
    assert fake.resolve.GetProductName() is None
    assert timeline.AddTrack("video") is False
    assert (item.GetStart(), pool.GetRootFolder(), project.GetName()) == (None, None, None)


def test_pages_gate_calls() -> None:
    fake = build(replace(SCENE, page="fairlight"))
    project, _, timeline, item = handles(fake)
    assert timeline.DeleteClips([item]) is False
    assert timeline.SetTrackEnable("video", 1, False) is False
    project.GetRenderCodecs("mov")
    project.SetCurrentRenderFormatAndCodec("mov", "H264")
    assert project.AddRenderJob() == ""
    fake.resolve.OpenPage("deliver")
    assert project.AddRenderJob()


def test_a_cold_deliver_page_refuses_the_first_format() -> None:
    project, *_ = handles(build(SCENE))
    assert project.GetCurrentRenderFormatAndCodec() == {"format": "unknown", "codec": "unknown"}
    assert project.SetCurrentRenderFormatAndCodec("mov", "ProRes422HQ") is False
    assert project.SetCurrentRenderFormatAndCodec("mov", "Apple ProRes 422 HQ") is False
    assert project.SetCurrentRenderFormatAndCodec("mov", "ProRes422HQ") is True


def test_quality_labels_spoil_all_settings_on_21() -> None:
    for version, accepted in (((20, 3), True), ((21, 0, 4), False)):
        project, *_ = handles(build(replace(SCENE, version=version)))
        assert project.SetRenderSettings({"VideoQuality": "Best"}) is accepted


def test_free_resolve_opens_no_windows_and_21_1_runs_no_python(tmp_path: Path) -> None:
    free = replace(SCENE, edition="free", version=(21, 1, 0))
    assert build(free).resolve.Fusion().UIManager is None
    assert build(replace(free, version=(18, 6))).resolve.Fusion().UIManager is not None
    with menu_session(free, tmp_path, command=["never started"]) as session:
        assert session.process.wait(60) == 0
        assert session.process.stdout is not None
        assert session.process.stdout.read() == "this menu lists Lua only\n"


OUTSIDE = """
import sys
from resolve_scripts.in_resolve.connection import find_resolve
from resolve_scripts.in_resolve.errors import NotAnsweringError
try:
    print(find_resolve({}).GetProductName())
except NotAnsweringError as error:
    print(error.reason, error.next_step)
"""
SCRIPT_MODULE = """
from pathlib import Path
from tests.resolve_scripts.fake_resolve.build import build
from tests.resolve_scripts.fake_resolve.scene import read_scene
scene = read_scene(Path(__file__).with_name("scene.json"))
def scriptapp(name):
    return build(scene).resolve if scene.edition == "studio" and name == "Resolve" else None
"""


@pytest.mark.parametrize(
    ("edition", "told"),
    [("studio", "DaVinci Resolve Studio"), ("free", "External scripting")],
)
def test_only_studio_lets_programs_in_from_outside(edition: str, told: str, tmp_path: Path) -> None:
    folder = tmp_path / "Modules"
    folder.mkdir()
    (folder / "DaVinciResolveScript.py").write_text(SCRIPT_MODULE, encoding="utf-8")
    (folder / "scene.json").write_text(replace(SCENE, edition=edition).to_json(), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", OUTSIDE],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "RESOLVE_SCRIPT_API": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told in done.stdout
