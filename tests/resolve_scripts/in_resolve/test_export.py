"""Pictures come out of Resolve as they are seen, and Resolve is left as it was found."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from resolve_scripts.in_resolve.calls import answer
from resolve_scripts.in_resolve.deliver import KEPT_PRESET
from resolve_scripts.in_resolve.errors import BridgeError, ClipRefusedError
from resolve_scripts.in_resolve.host import Host
from resolve_scripts.in_resolve.movie_frames import movie_frames
from tests.resolve_scripts.fake_resolve.build import FakeResolve, build
from tests.resolve_scripts.fake_resolve.scene import ClipAt, Scene
from tests.resolve_scripts.in_resolve.conftest import STEP, Movie, ask, numbers_in


@pytest.fixture
def scene(movie: Movie) -> Scene:
    """A clip with another over it, on a page and with settings of the editor's own."""
    clip = ClipAt(media=str(movie("24", 48)), start=10, frame_count=20, source_start=8)
    above = ClipAt(media=str(movie("24", 40)), start=0, frame_count=40, track=2)
    return Scene(clips=(clip, above), page="color", marks=(3, 30), width=64, height=36, playhead=5)


def grey_number(path: Path) -> int:
    """The number that a still picture says."""
    return int(np.asarray(Image.open(path)).mean() / STEP)


def kept(fake: FakeResolve) -> dict[str, Any]:
    """All that an export must leave as it was."""
    project, timeline = fake.project, fake.timeline
    return {
        "page": fake.api.page,
        "timelines": [one.name for one in project.timelines],
        "current": timeline.name,
        "marks": dict(timeline.marks),
        "playhead": timeline.playhead,
        "tracks": [(track.name, track.is_enabled) for track in timeline.video],
        "items": [[(item.id, item.is_enabled) for item in track.items] for track in timeline.video],
        "codec": project.codec,
        "mode": project.mode,
        "preset": project.preset,
        "settings": dict(project.settings),
        "presets": list(project.presets),
        "jobs": list(project.jobs),
    }


def settled(fake: FakeResolve) -> FakeResolve:
    """The editor has used the Deliver page before."""
    fake.project.codec, fake.project.is_warm, fake.project.mode = ("mov", "H264"), True, 0
    fake.project.settings = {"CustomName": "my film", "TargetDir": "/films"}
    return fake


@pytest.mark.parametrize("lies", [False, True])
@pytest.mark.parametrize("naming", ["plain", "suffix", "subfolder"])
@pytest.mark.parametrize("version", [(19, 1, 3, 7), (21, 0, 4, 5)])
def test_a_render_shows_the_clip_alone_and_all_is_put_back(
    lies: bool, naming: str, version: tuple[int, ...], scene: Scene, tmp_path: Path
) -> None:
    changed = replace(scene, track_enable_lies=lies, render_naming=naming, version=version)
    fake = settled(build(changed))
    before = kept(fake)
    told = ask(fake, "export_clip", id=fake.item().id, folder=str(tmp_path), route="render")
    assert numbers_in(Path(told["path"])) == list(range(8, 28))
    assert (told["first_frame"], told["frame_count"]) == (86410, 20)
    assert kept(fake) == before
    assert fake.switchboard.faults == []


@pytest.mark.parametrize("failing", ["render_error", "short", "no codec", "cancelled", "raises"])
@pytest.mark.parametrize("lies", [False, True])
def test_a_failed_render_is_explained_and_all_is_put_back(
    failing: str, lies: bool, scene: Scene, tmp_path: Path
) -> None:
    changes: dict[str, Any] = {
        "render_error": {"render_error": "GPU-Speicher voll", "language": "de"},
        "short": {"render_loses": 3},
        "no codec": {"codecs": ()},
    }.get(failing, {})
    fake = settled(build(replace(scene, track_enable_lies=lies, **changes)))
    if failing == "no codec":
        fake.project.codec = ("mov", "H264")
    if failing == "raises":
        fake.project.AddRenderJob = lambda: 1 / 0  # type: ignore[method-assign, assignment, return-value]
    before = kept(fake)
    host = Host(
        sleep=lambda _s: None,
        tell=lambda _p: None,
        say=print,
        is_cancelled=lambda: failing == "cancelled",
    )
    arguments = {"id": fake.item().id, "folder": str(tmp_path), "route": "render"}
    with pytest.raises(BridgeError) as told:
        answer(fake.resolve, "export_clip", arguments, host)
    reasons = {
        "render_error": "RENDER_FAILED",
        "short": "RENDER_INCOMPLETE",
        "no codec": "RENDER_CODEC_MISSING",
        "cancelled": "CANCELLED",
        "raises": "BRIDGE_FAILED",
    }
    assert told.value.reason == reasons[failing]
    after = kept(fake)
    if failing == "no codec":  # that machine cannot set the editor's codec either
        before.pop("codec"), after.pop("codec")
    assert after == before


def test_a_clip_and_a_track_that_are_switched_off_are_on_for_the_render(
    scene: Scene, tmp_path: Path
) -> None:
    clip = replace(scene.clips[0], is_enabled=False)
    fake = settled(build(replace(scene, clips=(clip, scene.clips[1]), disabled_tracks=(1,))))
    before = kept(fake)
    told = ask(fake, "export_clip", id=fake.item().id, folder=str(tmp_path), route="render")
    assert numbers_in(Path(told["path"])) == list(range(8, 28))
    assert kept(fake) == before


def test_a_clip_that_cannot_be_switched_on_is_not_rendered_black(
    scene: Scene, tmp_path: Path
) -> None:
    fake = settled(build(replace(scene, track_enable_lies=True, disabled_tracks=(1,))))
    before = kept(fake)
    with pytest.raises(BridgeError) as told:
        ask(fake, "export_clip", id=fake.item().id, folder=str(tmp_path), route="render")
    assert told.value.reason == "CLIP_SWITCHED_OFF"
    assert kept(fake) == before


def test_a_mark_of_one_end_stands_for_the_same_frames_afterwards(
    scene: Scene, tmp_path: Path
) -> None:
    for marks, after in (({"in": 3}, (3, 39)), ({"out": 30}, (0, 30)), ({}, None)):
        fake = build(scene)
        fake.timeline.marks = dict(marks)
        ask(fake, "export_clip", id=fake.item().id, folder=str(tmp_path), route="render")
        expected = {"in": after[0], "out": after[1]} if after else {}
        assert fake.timeline.marks == expected


def test_a_preset_left_by_a_crash_does_not_keep_settings_from_being_put_back(
    scene: Scene, tmp_path: Path
) -> None:
    fake = settled(build(scene))
    fake.project.SaveAsNewRenderPreset(KEPT_PRESET)
    before = kept(fake)
    ask(fake, "export_clip", id=fake.item().id, folder=str(tmp_path), route="render")
    assert kept(fake) == before


def test_the_range_to_render_follows_its_clip(scene: Scene, tmp_path: Path) -> None:
    fake = build(replace(scene, marks=(12, 19)))
    listed = ask(fake, "list_clips", by="marks")["clips"][1]
    assert listed["frame_range"] == [86412, 86420]
    wanted = {name: listed[name] for name in ("id", "frame_range", "anchor_frame")}
    fake.item().start += 100
    told = ask(fake, "export_clip", folder=str(tmp_path), route="render", **wanted)
    assert numbers_in(Path(told["path"])) == list(range(10, 18))
    fake.item().source_start += 9
    with pytest.raises(ClipRefusedError) as gone:
        ask(fake, "export_clip", folder=str(tmp_path), route="render", **wanted)
    assert gone.value.reason == "CLIP_CHANGED"


@pytest.mark.parametrize("version", [(18, 5, 1), (20, 3, 2), (21, 1, 0)])
@pytest.mark.parametrize(
    ("rate", "speed", "frames", "is_retimed"),
    [
        ("24", 1.0, 24, False),
        ("24", 1.05, 24, True),
        ("24", 0.9, 24, True),
        ("25", 1.0, 240, False),
        ("25", 1.05, 24, True),
        ("23.976", 1.0, 240, False),
        ("12", 1.0, 25, False),
        ("59.94", 1.0, 101, False),
    ],
)
def test_a_changed_speed_is_told_from_another_rate(
    rate: str, speed: float, frames: int, is_retimed: bool, version: tuple[int, ...]
) -> None:
    clip = ClipAt(
        media="/m/a.mov", media_rate=rate, media_frames=700, frame_count=frames, speed=speed,
        source_start=7,
    )  # fmt: skip
    (listed,) = ask(build(Scene(clips=(clip,), version=version)), "list_clips")["clips"]
    assert (listed["media_frame_range"] is None) == is_retimed


def test_a_clip_that_runs_backwards_is_retimed() -> None:
    clip = ClipAt(media="/m/a.mov", media_rate="24", media_frames=48, frame_count=24)
    fake = build(Scene(clips=(clip,), version=(20, 3, 2)))
    fake.item().GetSourceStartTime = lambda: 1.0  # type: ignore[method-assign]
    fake.item().GetSourceEndTime = lambda: 0.0  # type: ignore[method-assign]
    assert ask(fake, "list_clips")["clips"][0]["media_frame_range"] is None


def test_what_is_seen_decides_the_way_out(movie: Movie) -> None:
    plain = ClipAt(media=str(movie("24", 48)), frame_count=20)
    expected = [
        (plain, "media", "as it is"),
        (replace(plain, is_graded=True), "render", "graded"),
        (replace(plain, has_fusion_comp=True), "render", "Fusion"),
        (replace(plain, properties={"ZoomX": 1.2}), "render", "scaled"),
        (replace(plain, speed=2.0), "render", "speed"),
        (replace(plain, media=str(movie("25", 48))), "render", "rates"),
        (replace(plain, media=None, kind="compound"), "render", "compound"),
        (replace(plain, media="/m/a.braw", media_rate="24"), "render", "raw"),
    ]
    for clip, route, why in expected:
        fake = build(Scene(clips=(clip,)))
        (listed,) = ask(fake, "list_clips", by="playhead")["clips"]
        assert (listed["route"], why in listed["route_reason"]) == (route, True), why
    (old,) = ask(build(Scene(clips=(plain,), version=(18, 5, 1))), "list_clips")["clips"]
    assert (old["route"], "this version" in old["route_reason"]) == ("render", True)


def test_the_source_is_given_with_its_handles_as_far_as_there_are_any(movie: Movie) -> None:
    media = movie("24", 30)
    clip = ClipAt(media=str(media), start=10, frame_count=20, source_start=4, is_graded=True)
    fake = build(Scene(clips=(clip,)))
    told = ask(fake, "export_clip", id=fake.item().id, folder="/", route="media", handles_frames=12)
    assert told == {
        "route": "media",
        "path": str(media),
        "file_start_frame": 0,
        "frame_count": 30,
        "first_frame": 86406,
        "frame_rate": "24",
    }
    part = ask(
        fake,
        "export_clip",
        id=fake.item().id,
        folder="/",
        route="media",
        frame_range=[86415, 86418],
    )
    assert (part["file_start_frame"], part["frame_count"]) == (9, 3)


def test_clips_without_pictures_to_edit_are_refused_with_a_next_step(movie: Movie) -> None:
    offline = ClipAt(media="/gone/shot.mov", media_rate="24", media_frames=30)
    title = ClipAt(kind="title", frame_count=20)
    compound = ClipAt(kind="compound", frame_count=20)
    for clip, route, reason in (
        (offline, "auto", "MEDIA_OFFLINE"),
        (title, "auto", "CLIP_IS_TITLE"),
        (compound, "media", "CLIP_IS_COMPOUND"),
    ):
        fake = build(Scene(clips=(clip,)))
        with pytest.raises(ClipRefusedError) as told:
            ask(fake, "export_clip", id=fake.item().id, folder="/tmp", route=route)
        assert told.value.reason == reason
        assert told.value.next_step


def test_a_range_outside_the_clip_is_refused(scene: Scene, tmp_path: Path) -> None:
    fake = build(scene)
    with pytest.raises(BridgeError) as told:
        ask(
            fake,
            "export_clip",
            id=fake.item().id,
            folder=str(tmp_path),
            frame_range=[0, 5],
        )
    assert told.value.reason == "RANGE_OUTSIDE_CLIP"


@pytest.mark.parametrize("page", ["color", "media", "fusion"])
def test_a_still_shows_the_frame_and_the_playhead_stays(
    page: str, scene: Scene, tmp_path: Path
) -> None:
    fake = build(replace(scene, page=page, clips=scene.clips[:1]))
    told = ask(fake, "export_still", frame=86412, folder=str(tmp_path))
    assert Path(told["path"]).read_bytes().startswith(b"\x89PNG")
    assert grey_number(Path(told["path"])) == 10
    assert (fake.timeline.playhead, fake.api.page) == (5, page)


def test_a_changed_speed_is_not_read_from_the_source(movie: Movie) -> None:
    clip = ClipAt(media=str(movie("24", 48)), frame_count=20, speed=2.0)
    fake = build(Scene(clips=(clip,)))
    assert ask(fake, "list_clips")["clips"][0]["media_frame_range"] is None
    with pytest.raises(ClipRefusedError) as told:
        ask(fake, "export_clip", id=fake.item().id, folder="/", route="media")
    assert told.value.reason == "CLIP_IS_RETIMED"


@pytest.mark.parametrize("name", ["man-skiing.mp4", "wolf.mp4", "realshort.mp4", "cockatoo.mp4"])
def test_pictures_are_counted_as_ffprobe_counts_them(
    name: str, shared_media: Path, ffprobe: str
) -> None:
    path = shared_media / name
    asked = "stream=nb_read_packets,avg_frame_rate"
    command = [ffprobe, "-v", "error", "-select_streams", "v:0", "-count_packets"]
    told = subprocess.run(
        [*command, "-show_entries", asked, "-of", "csv=p=0", str(path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    rate, count = told.split(",")
    found = movie_frames(path)
    assert found is not None
    assert found.frame_count == int(count)
    assert f"{found.frame_rate.numerator}/{found.frame_rate.denominator}" == rate


def test_no_movie_has_no_pictures(tmp_path: Path, movie: Movie) -> None:
    whole = movie("24", 24).read_bytes()
    for number, data in enumerate((b"", b"text", whole[: len(whole) // 2])):
        path = tmp_path / f"{number}.mov"
        path.write_bytes(data)
        assert movie_frames(path) is None
    assert movie_frames(tmp_path / "missing.mov") is None
