"""The twenty pitfalls of Resolve's scripting (reference notes, section 4.1), one test each."""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from resolve_scripts.in_resolve.errors import BridgeError, ExportError, PlaceError
from resolve_scripts.in_resolve.resolve_api import can
from tests.resolve_scripts.fake_resolve.build import FakeResolve, build
from tests.resolve_scripts.fake_resolve.deliver import AUDIO_ONLY
from tests.resolve_scripts.fake_resolve.scene import ClipAt, Scene
from tests.resolve_scripts.in_resolve.conftest import Movie, ask, numbers_in, place

COUNT = 12


@pytest.fixture
def scene(movie: Movie) -> Scene:
    """One clip of 24 frames at 24 fps, trimmed on both ends, on a timeline from 01:00:00:00."""
    clip = ClipAt(media=str(movie("24", 48)), start=10, frame_count=24, source_start=8)
    return Scene(clips=(clip,), playhead=12, width=64, height=36)


def only_clip(fake: FakeResolve, by: str = "playhead") -> dict[str, object]:
    clips = ask(fake, "list_clips", by=by)["clips"]
    assert len(clips) == 1
    return dict(clips[0])


def result_for(movie: Movie, count: int = 24, rate: str = "24") -> Path:
    return movie(rate, count)


def placed_item(fake: FakeResolve, track: str = "VIA") -> tuple[int, int]:
    items = fake.track(track).items
    assert len(items) == 1
    return items[0].start, items[0].duration


def test_01_silent_failures_and_an_open_dialog_are_told(scene: Scene) -> None:
    fake = build(scene)
    assert hasattr(fake.resolve, "NoSuchCall")
    assert not can(fake.resolve, "NoSuchCall")
    fake.switchboard.is_modal = True
    for call in ("describe", "list_clips"):
        with pytest.raises(BridgeError) as told:
            ask(fake, call)
        assert told.value.reason == "MODAL_OPEN"
        assert "dialog" in told.value.next_step


def test_02_record_frame_includes_the_timeline_start(scene: Scene, movie: Movie) -> None:
    fake = build(scene)
    clip = only_clip(fake)
    assert clip["start_frame"] == 86400 + 10
    place(fake, str(clip["id"]), result_for(movie), 86410, 24)
    assert placed_item(fake) == (86410, 24)


@pytest.mark.parametrize("version", [(18, 5, 1), (19, 1, 3), (20, 3, 2), (21, 0, 4), (21, 1, 0)])
def test_03_the_last_frame_arrives_on_every_version(
    version: tuple[int, ...], scene: Scene, movie: Movie
) -> None:
    fake = build(replace(scene, version=version))
    place(fake, str(only_clip(fake)["id"]), result_for(movie), 86410, 24)
    assert placed_item(fake) == (86410, 24)


def test_04_marks_are_relative_items_and_render_marks_absolute(
    scene: Scene, tmp_path: Path
) -> None:
    fake = build(replace(scene, marks=(14, 19)))
    clip = only_clip(fake, by="marks")
    assert clip["frame_range"] == [86414, 86420]
    assert clip["media_frame_range"] == [12, 18]
    told = ask(
        fake,
        "export_clip",
        id=clip["id"],
        folder=str(tmp_path),
        frame_range=clip["frame_range"],
        route="render",
    )
    assert numbers_in(Path(told["path"])) == list(range(12, 18))


def test_05_an_occupied_span_is_refused_and_ghosts_are_seen_through(
    scene: Scene, movie: Movie
) -> None:
    other = ClipAt(media=str(movie("24", 48)), start=30, frame_count=20, track=2)
    names = ("Video 1", "VIA")
    fake = build(replace(scene, clips=(*scene.clips, other), track_names=names))
    clip = str(only_clip(fake)["id"])
    with pytest.raises(PlaceError) as told:
        place(fake, clip, result_for(movie), 86410, 24)
    assert told.value.reason == "SPAN_OCCUPIED"
    assert len(fake.track("VIA").items) == 1
    assert "new track" in told.value.next_step
    place(fake, clip, result_for(movie), 86410, 24, **{"as": "new_track"})
    assert placed_item(fake, "VIA 2") == (86410, 24)


def test_06_a_locked_track_is_told_and_a_missing_one_added(scene: Scene, movie: Movie) -> None:
    fake = build(replace(scene, track_names=("Video 1", "VIA"), locked_tracks=(2,)))
    clip = str(only_clip(fake)["id"])
    with pytest.raises(PlaceError) as told:
        place(fake, clip, result_for(movie), 86410, 24)
    assert told.value.reason == "TRACK_LOCKED"
    assert "unlock" in told.value.next_step
    fake.track("VIA").is_locked = False
    place(fake, clip, result_for(movie), 86410, 24)
    assert placed_item(fake) == (86410, 24)
    missing = build(scene)
    place(missing, str(only_clip(missing)["id"]), result_for(movie), 86410, 24)
    assert [track.name for track in missing.timeline.video] == ["Video 1", "VIA"]


def test_07_every_frame_number_is_an_integer_and_clips_go_one_by_one(
    scene: Scene, movie: Movie
) -> None:
    fake = build(replace(scene, version=(18, 5, 1)))
    place(fake, str(only_clip(fake)["id"]), result_for(movie), 86410, 24)
    appends = [args for _, name, args in fake.switchboard.calls if name == "AppendToTimeline"]
    for (infos,) in appends:
        assert len(infos) == 1
        numbers = [value for key, value in infos[0].items() if key != "mediaPoolItem"]
        assert all(type(value) is int for value in numbers)


@pytest.mark.parametrize(
    ("timeline", "media"), [("24", "29.97"), ("29.97", "23.976"), ("25", "24"), ("59.94", "24")]
)
def test_08_mixed_frame_rates_lose_no_frame(
    timeline: str, media: str, movie: Movie, tmp_path: Path
) -> None:
    clip = ClipAt(media=str(movie(media, 60)), start=7, frame_count=23, source_start=9)
    fake = build(Scene(frame_rate=timeline, clips=(clip,), playhead=8, width=64, height=36))
    listed = only_clip(fake)
    assert listed["route"] == "render"
    told = ask(fake, "export_clip", id=listed["id"], folder=str(tmp_path))
    assert len(numbers_in(Path(told["path"]))) == told["frame_count"] == 23
    path = Path(told["path"])
    place(fake, str(listed["id"]), path, told["first_frame"], told["frame_count"])
    item = fake.track("VIA").items[0]
    assert (item.start, item.duration) == (fake.item().start, 23)


def test_09_source_frames_come_from_the_left_offset(scene: Scene, movie: Movie) -> None:
    clip = ClipAt(media=str(movie("25", 60)), start=0, frame_count=24, source_start=10)
    fake = build(replace(scene, clips=(clip,), playhead=0))
    asked = ask(fake, "list_clips", by="playhead")["clips"][0]
    # Rates differ: GetSourceStartFrame says 9 here; at 24 fps 24 frames need 25 pictures.
    assert fake.item().GetSourceStartFrame() == 9
    start, end = asked["media_frame_range"]
    assert start <= 10 and end >= 10 + 25 - 1
    used = {name for _, name, _ in fake.switchboard.calls}
    assert not used & {"GetSourceStartFrame", "GetSourceEndFrame"}


@pytest.mark.parametrize(
    ("how", "rate", "exact"),
    [
        ("text", "23.976", "24000/1001"),
        ("float", "23.976", "24000/1001"),
        ("floored", "23.976", "24000/1001"),
        ("floored", "59.94", "60000/1001"),
        ("float", "24", "24"),
        ("text", "25", "25"),
    ],
)
def test_10_the_rate_is_the_timelines_own_however_it_is_spelled(
    how: str, rate: str, exact: str, scene: Scene
) -> None:
    fake = build(replace(scene, frame_rate=rate, rate_setting=how))
    fake.project.values["timelineFrameRate"] = "50"  # the project's differs
    assert ask(fake, "describe")["frame_rate"] == exact


@pytest.mark.parametrize("counts_dropped", [True, False])
def test_11_start_timecode_and_camera_timecode_do_not_move_frames(
    counts_dropped: bool, movie: Movie
) -> None:
    media = movie("29.97", 60, "13:37:21;04")
    clip = ClipAt(media=str(media), start=1800, frame_count=20, source_start=15)
    scene = Scene(
        frame_rate="29.97",
        drop_frame=True,
        start_counts_dropped=counts_dropped,
        clips=(clip,),
        playhead=1805,
    )
    fake = build(scene)
    listed = only_clip(fake)
    assert listed["media_frame_range"] == [15, 35]
    assert listed["start_timecode"] == "01:01:00;02"
    assert listed["start_frame"] == fake.timeline.start_frame() + 1800


def test_12_each_call_is_made_on_the_page_it_needs(
    scene: Scene, movie: Movie, tmp_path: Path
) -> None:
    above = ClipAt(media=str(movie("24", 48)), start=0, frame_count=40, track=2, name="above")
    fake = build(replace(scene, clips=(*scene.clips, above), page="fairlight"))
    fake.timeline.marks = {"in": 10, "out": 33}
    _, clip = ask(fake, "list_clips", by="marks")["clips"]
    assert clip["track_index"] == 1
    told = ask(fake, "export_clip", id=clip["id"], folder=str(tmp_path), route="render")
    assert numbers_in(Path(told["path"])) == list(range(8, 32))
    assert fake.api.page == "fairlight"
    assert fake.timeline.video[1].is_enabled


@pytest.mark.parametrize("preset", [AUDIO_ONLY, "H.264 Master"])
def test_13_a_known_preset_and_codec_ids_whatever_was_loaded(
    preset: str, scene: Scene, tmp_path: Path
) -> None:
    fake = build(replace(scene, last_preset=preset))
    clip = only_clip(fake)
    told = ask(fake, "export_clip", id=clip["id"], folder=str(tmp_path), route="render")
    assert numbers_in(Path(told["path"])) == list(range(8, 32))
    settings = [args[0] for _, name, args in fake.switchboard.calls if name == "SetRenderSettings"]
    assert all("VideoQuality" not in one for one in settings)
    assert fake.project.preset == preset


@pytest.mark.parametrize("language", ["en", "de", "es", "ru"])
def test_14_a_render_is_judged_by_its_file_not_by_its_word(
    language: str, scene: Scene, tmp_path: Path
) -> None:
    fake = build(replace(scene, language=language))
    clip = only_clip(fake)
    told = ask(fake, "export_clip", id=clip["id"], folder=str(tmp_path), route="render")
    assert len(numbers_in(Path(told["path"]))) == 24
    short = build(replace(scene, language=language, render_loses=1))
    with pytest.raises(ExportError) as lost:
        ask(
            short,
            "export_clip",
            id=only_clip(short)["id"],
            folder=str(tmp_path),
            route="render",
        )
    assert lost.value.reason == "RENDER_INCOMPLETE"


def test_15_a_lua_entry_says_why_python_entries_are_missing() -> None:
    from resolve_scripts.resolve_menu.entries import menu_entries, this_installation

    entries = menu_entries(this_installation(Path("/state"), {}))
    lua = {name: text for name, text in entries.items() if name.endswith(".lua")}
    assert lua
    assert all("Python" in text for text in lua.values())


def test_16_edition_and_version_gates_are_told_apart(scene: Scene) -> None:
    for version, edition, can_select in (
        ((18, 5, 1), "free", False),
        ((21, 0, 3), "studio", False),
        ((21, 0, 4), "free", True),
        ((21, 1, 0), "studio", True),
    ):
        fake = build(replace(scene, version=version, edition=edition))
        told = ask(fake, "describe")
        assert told["edition"] == edition
        assert told["can"]["selection"] is can_select
        if not can_select:
            with pytest.raises(BridgeError) as gate:
                ask(fake, "list_clips", by="selection")
            assert gate.value.reason == "RESOLVE_TOO_OLD"
            assert "playhead" in gate.value.next_step


def test_17_the_bridge_needs_no_port() -> None:
    from resolve_scripts import in_resolve

    folder = Path(str(in_resolve.__file__)).parent
    sources = [path.read_text(encoding="utf-8") for path in folder.rglob("*.py")]
    assert not any("socket" in text or "http" in text for text in sources)
    assert sys.version_info >= (3, 8)


def test_18_sequences_are_rendered_and_odd_paths_survive(
    scene: Scene, movie: Movie, tmp_path: Path
) -> None:
    sequence = ClipAt(media="/m/shot [1].[0101-0148].dpx", kind="sequence", frame_count=24)
    fake = build(replace(scene, clips=(sequence,), playhead=0))
    listed = only_clip(fake)
    assert (listed["route"], listed["refusal"]) == ("render", None)
    odd = tmp_path / "Schöne Aufnahme 2 – мир.mov"
    odd.write_bytes(result_for(movie).read_bytes())
    other = build(replace(scene, clips=(replace(scene.clips[0], media=str(odd)),)))
    clip = only_clip(other)
    assert clip["media_path"] == str(odd)
    folder = tmp_path / "mit Leerzeichen é"
    folder.mkdir()
    told = ask(other, "export_clip", id=clip["id"], folder=str(folder), route="render")
    place(other, str(clip["id"]), Path(told["path"]), 86410, 24)
    assert placed_item(other) == (86410, 24)


def test_19_imports_land_in_the_bin_via_once(scene: Scene, movie: Movie) -> None:
    fake = build(scene)
    pool = fake.project.pool
    own = pool.AddSubFolder(pool.root, "My bin")
    clip = str(only_clip(fake)["id"])
    for _ in range(2):
        place(fake, clip, result_for(movie), 86410, 24)
    assert pool.current is own
    (folder,) = [one for one in pool.root.folders if one.name == "VIA"]
    assert [one.path for one in folder.clips] == [str(result_for(movie))]
    assert own is not None
    assert own.clips == []


def test_20_pictures_only_no_save_and_setters_are_read_back(scene: Scene, movie: Movie) -> None:
    fake = build(replace(scene, track_enable_lies=True))
    place(fake, str(only_clip(fake)["id"]), result_for(movie), 86410, 24)
    assert fake.timeline.audio[0].items == []
    assert "SaveProject" not in {name for _, name, _ in fake.switchboard.calls}
    assert fake.timeline.rate == Fraction(24)
    assert fake.switchboard.faults == []
