"""Results lie exactly over their clips, stack as versions and takes, and leave all else alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from resolve_scripts.in_resolve.errors import BridgeError, ClipRefusedError, PlaceError
from tests.resolve_scripts.fake_resolve.build import FakeResolve, build
from tests.resolve_scripts.fake_resolve.scene import ClipAt, Scene
from tests.resolve_scripts.in_resolve.conftest import Movie, ask, numbers_in, place

RATES = ["23.976", "24", "25", "29.97 DF", "59.94"]


@pytest.mark.parametrize("start_timecode", ["00:00:00:00", "01:00:00:00"])
@pytest.mark.parametrize("timeline", RATES)
@pytest.mark.parametrize("media", ["same rate", "other rate", "camera timecode"])
def test_the_result_lies_exactly_over_a_clip_trimmed_on_both_ends(
    timeline: str, start_timecode: str, media: str, movie: Movie, tmp_path: Path
) -> None:
    rate, drop_frame = timeline.removesuffix(" DF"), timeline.endswith("DF")
    media_rate = ("30" if rate != "59.94" else "24") if media == "other rate" else rate
    timecode = "10:11:12:13" if media == "camera timecode" else ""
    clip = ClipAt(
        media=str(movie(media_rate, 45, timecode)), start=33, frame_count=17, source_start=6
    )
    separator = ";" if drop_frame else ":"
    start = start_timecode[:8] + separator + start_timecode[9:]
    fake = build(
        Scene(
            frame_rate=rate,
            drop_frame=drop_frame,
            start_timecode=start,
            clips=(clip,),
            playhead=40,
            width=64,
            height=36,
        )
    )
    pool_item = fake.item().pool_item
    assert pool_item is not None
    assert pool_item.facts is not None
    assert pool_item.facts.timecode == (timecode or "00:00:00:00")
    before = [vars(fake.item()).copy()]
    (listed,) = ask(fake, "list_clips", by="playhead")["clips"]
    told = ask(fake, "export_clip", id=listed["id"], folder=str(tmp_path), handles_frames=4)
    result = result_like(told, movie, tmp_path, fake)
    first = listed["start_frame"] - told["first_frame"] if told["route"] == "media" else 0
    count = listed["end_frame_exclusive"] - listed["start_frame"]
    placed = place(fake, listed["id"], result, listed["start_frame"], count, file_start_frame=first)
    item = fake.track("VIA").items[0]
    original = fake.item()
    assert (item.start, item.duration) == (original.start, 17)
    assert (placed["start_frame"], placed["end_frame_exclusive"]) == (
        original.start,
        original.start + 17,
    )
    assert item.source_start == first
    assert [vars(original)] == before
    assert fake.switchboard.faults == []


def result_like(told: dict[str, Any], movie: Movie, folder: Path, fake: FakeResolve) -> Path:
    """A file as the server gives it back: the exported pictures, one for one."""
    pictures = numbers_in(Path(told["path"]))
    start = told["file_start_frame"]
    assert len(pictures[start : start + told["frame_count"]]) == told["frame_count"]
    rate = fake.api.scene.frame_rate
    return movie(rate, told["frame_count"])


@pytest.fixture
def scene(movie: Movie) -> Scene:
    """One clip of 24 frames on the first of two tracks; a title lies on the second."""
    clip = ClipAt(media=str(movie("24", 48)), start=10, frame_count=24, source_start=8)
    title = ClipAt(kind="title", start=0, frame_count=100, track=2)
    return Scene(
        clips=(clip, title), track_names=("Video 1", "Titles"), width=64, height=36, playhead=12
    )


def clip_id(fake: FakeResolve) -> str:
    return fake.item().id


def test_the_track_goes_right_above_the_clip_where_tracks_can_be_inserted(
    scene: Scene, movie: Movie
) -> None:
    fake = build(scene)
    place(fake, clip_id(fake), movie("24", 24), 86410, 24)
    assert [track.name for track in fake.timeline.video] == ["Video 1", "VIA", "Titles"]
    older = build(replace(scene, version=(18, 5, 1)))
    place(older, clip_id(older), movie("24", 24), 86410, 24)
    assert [track.name for track in older.timeline.video] == ["Video 1", "Titles", "VIA"]


def test_repeats_stack_as_tracks_and_show_as_versions(scene: Scene, movie: Movie) -> None:
    fake = build(scene)
    for number in (1, 2, 3):
        tags = {"job": f"jobs/{number}", "instruction": "n", "seed": number, "version": number}
        place(fake, clip_id(fake), movie("24", 24 + number), 86410, 24, tags=tags)
    names = [track.name for track in fake.timeline.video]
    assert names == ["Video 1", "VIA", "VIA 2", "VIA 3", "Titles"]
    fake.timeline.playhead = 12
    fake.track("Titles").is_enabled = False
    (listed,) = ask(fake, "list_clips", by="playhead")["clips"]
    assert listed["id"] == clip_id(fake)
    assert [(one["job"], one["seed"], one["version"]) for one in listed["versions"]] == [
        ("jobs/1", 1, 1),
        ("jobs/2", 2, 2),
        ("jobs/3", 3, 3),
    ]


def test_versions_are_those_of_the_clip_also_in_a_copy_of_the_timeline(
    scene: Scene, movie: Movie
) -> None:
    over = replace(scene.clips[0], track=2, name="over")
    fake = build(replace(scene, clips=(scene.clips[0], over), marks=(10, 33)))
    place(fake, clip_id(fake), movie("24", 24), 86410, 24)
    clips = ask(fake, "list_clips", by="marks")["clips"]
    assert [len(clip["versions"]) for clip in clips] == [1, 0]
    fake.timeline.DuplicateTimeline("next cut")
    first, _ = ask(fake, "list_clips", by="marks")["clips"]
    assert first["id"] not in {clip["id"] for clip in clips}
    assert [version["job"] for version in first["versions"]] == ["jobs/1"]


def test_a_take_joins_the_earlier_result_and_is_shown(scene: Scene, movie: Movie) -> None:
    fake = build(scene)
    first, second, third = (movie("24", count) for count in (24, 25, 26))
    tags = [{"job": f"jobs/{n}", "instruction": "n", "seed": n, "version": n} for n in (1, 2, 3)]
    place(fake, clip_id(fake), first, 86410, 24, tags=tags[0], **{"as": "take"})
    told = place(fake, clip_id(fake), second, 86410, 24, tags=tags[1], **{"as": "take"})
    assert told["take_index"] == 2
    told = place(fake, clip_id(fake), third, 86410, 24, tags=tags[2], **{"as": "take"})
    assert told["take_index"] == 3
    (item,) = fake.track("VIA").items
    assert item.pool_item is not None
    assert (item.pool_item.path, item.duration, item.take) == (str(third), 24, 3)
    fake.track("Titles").is_enabled = False
    (listed,) = ask(fake, "list_clips", by="playhead")["clips"]
    shown = [(one["version"], one["take_index"], one["is_shown"]) for one in listed["versions"]]
    assert shown == [(1, 1, False), (2, 2, False), (3, 3, True)]
    assert fake.item().takes == []


@pytest.mark.parametrize("version", [(18, 5, 1), (21, 0, 4)])
def test_results_say_how_they_came_about(
    version: tuple[int, ...], scene: Scene, movie: Movie
) -> None:
    fake = build(replace(scene, version=version, clips=scene.clips[:1]))
    place(fake, clip_id(fake), movie("24", 24), 86410, 24)
    item = fake.track("VIA").items[0]
    (marker,) = item.markers.values()
    assert "make it night" in marker["note"]
    assert '"job": "jobs/1"' in marker["customData"]
    assert item.pool_item is not None
    assert bool(item.pool_item.third_party) == (version > (19,))
    (listed,) = ask(fake, "list_clips", by="playhead")["clips"]
    (told,) = listed["versions"]
    assert (told["job"], told["instruction"], told["seed"]) == ("jobs/1", "make it night", 3)


def test_what_cannot_be_placed_leaves_the_timeline_as_it_was(
    scene: Scene, movie: Movie, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mov"
    broken.write_bytes(b"no movie")
    wrongs = [
        (broken, 24, {}, "IMPORT_FAILED"),
        (tmp_path / "missing.mov", 24, {}, "RESULT_MISSING"),
        (movie("24", 20), 24, {}, "RESULT_TOO_SHORT"),
        (movie("23.976", 60), 23, {"file_start_frame": 40}, "RESULT_TOO_SHORT"),
    ]
    for path, count, more, reason in wrongs:
        fake = build(scene)
        with pytest.raises(PlaceError) as told:
            place(fake, clip_id(fake), path, 86410, count, **more)
        assert told.value.reason == reason
        assert [track.name for track in fake.timeline.video] == ["Video 1", "Titles"]
        assert fake.project.pool.current is fake.project.pool.root
        assert fake.api.page == "edit"


def test_a_length_that_a_rate_cannot_give_is_refused(movie: Movie) -> None:
    clip = ClipAt(media=str(movie("59.94", 80)), frame_count=51)
    fake = build(Scene(frame_rate="59.94", clips=(clip,), width=64, height=36))
    with pytest.raises(PlaceError) as told:
        place(fake, clip_id(fake), movie("23.976", 40), fake.item().start, 51)
    assert told.value.reason == "LENGTH_NOT_REACHABLE"
    assert len(fake.timeline.video) == 1


def test_a_clip_that_is_gone_is_told(scene: Scene, movie: Movie) -> None:
    fake = build(scene)
    with pytest.raises(ClipRefusedError) as told:
        place(fake, "no such id", movie("24", 24), 86410, 24)
    assert told.value.reason == "CLIP_NOT_FOUND"


def test_a_dialog_that_opens_meanwhile_is_told_as_such(scene: Scene, movie: Movie) -> None:
    fake = build(scene)
    pool = fake.project.pool
    original = pool.ImportMedia

    def with_dialog(wanted: list[Any]) -> Any:
        fake.switchboard.is_modal = True
        return original(wanted)

    pool.ImportMedia = with_dialog  # type: ignore[method-assign]
    with pytest.raises(BridgeError) as told:
        place(fake, clip_id(fake), movie("24", 24), 86410, 24)
    assert told.value.reason == "MODAL_OPEN"


def test_a_track_that_is_switched_off_is_pointed_out(scene: Scene, movie: Movie) -> None:
    names = ("Video 1", "VIA")
    fake = build(replace(scene, clips=scene.clips[:1], track_names=names, disabled_tracks=(2,)))
    told = place(fake, clip_id(fake), movie("24", 24), 86410, 24)
    assert "switched off" in told["note"]


def test_a_take_that_resolve_does_not_show_is_taken_back(scene: Scene, movie: Movie) -> None:
    fake = build(scene)
    place(fake, clip_id(fake), movie("24", 24), 86410, 24)
    (item,) = fake.track("VIA").items
    item.SelectTakeByIndex = lambda _index: True  # type: ignore[method-assign]
    with pytest.raises(PlaceError) as told:
        place(fake, clip_id(fake), movie("24", 25), 86410, 24, **{"as": "take"})
    assert told.value.reason == "TAKE_REFUSED"
    assert item.takes == []
    assert item.pool_item is not None
    assert item.pool_item.path == str(movie("24", 24))


@pytest.mark.parametrize("route", ["media", "render"])
def test_pictures_of_the_source_keep_its_colour_space(
    route: str, scene: Scene, movie: Movie
) -> None:
    fake = build(scene)
    original = fake.item().pool_item
    assert original is not None
    original.properties["Input Color Space"] = "S-Gamut3.Cine/S-Log3"
    place(fake, clip_id(fake), movie("24", 24), 86410, 24, route=route)
    result = fake.track("VIA").items[0].pool_item
    assert result is not None
    assert ("Input Color Space" in result.properties) == (route == "media")


@pytest.mark.parametrize("shift", [1, -86410])
def test_what_resolve_puts_elsewhere_is_taken_back(shift: int, scene: Scene, movie: Movie) -> None:
    fake = build(scene)
    append = fake.project.pool.AppendToTimeline

    def elsewhere(infos: list[dict[str, Any]]) -> Any:
        return append([{**one, "recordFrame": one["recordFrame"] + shift} for one in infos])

    fake.project.pool.AppendToTimeline = elsewhere  # type: ignore[method-assign, assignment]
    with pytest.raises(PlaceError) as told:
        place(fake, clip_id(fake), movie("24", 24), 86410, 24)
    assert told.value.reason == "PLACED_WRONG"
    assert "01:00:00:10" in told.value.message
    assert [track.name for track in fake.timeline.video] == ["Video 1", "Titles"]
    assert [len(track.items) for track in fake.timeline.video] == [1, 1]


def moved(fake: FakeResolve, frames: int) -> None:
    """Ripples everything later, as an insert before it does."""
    for track in fake.timeline.video:
        for item in track.items:
            item.start += frames


@pytest.mark.parametrize("frames", [48, -10])
@pytest.mark.parametrize("start_timecode", ["00:00:00:00", "01:00:00:00"])
@pytest.mark.parametrize("marks", [None, (15, 20)])
def test_the_result_follows_a_clip_that_was_moved_meanwhile(
    frames: int, start_timecode: str, marks: tuple[int, int] | None, scene: Scene, movie: Movie
) -> None:
    # Trimmed more than it lies from the timeline's start: its media begins before frame 0.
    clip = replace(scene.clips[0], source_start=20)
    fake = build(replace(scene, clips=(clip,), start_timecode=start_timecode, marks=marks))
    (listed,) = ask(fake, "list_clips", by="marks" if marks else "playhead")["clips"]
    start, end = listed["frame_range"]
    moved(fake, frames)
    anchor = listed["anchor_frame"]
    assert anchor == fake.timeline.start_frame() - 10
    told = place(fake, listed["id"], movie("24", 24), start, end - start, anchor_frame=anchor)
    (item,) = fake.track("VIA").items
    assert (item.start, item.duration) == (start + frames, end - start)
    assert told["start_frame"] == start + frames


@pytest.mark.parametrize("change", ["trimmed", "slipped", "moved, nobody knows from where"])
def test_a_clip_that_shows_other_frames_now_gets_no_result(
    change: str, scene: Scene, movie: Movie
) -> None:
    fake = build(scene)
    anchor: int | None = fake.item().start - 8
    if change == "trimmed":
        fake.item().duration -= 1
    elif change == "slipped":
        fake.item().source_start += 1
    else:
        moved(fake, 48)
        anchor = None
    with pytest.raises(ClipRefusedError) as told:
        place(fake, clip_id(fake), movie("24", 24), 86410, 24, anchor_frame=anchor)
    assert told.value.reason == "CLIP_CHANGED"
    assert str(movie("24", 24)) in told.value.next_step
    assert [track.name for track in fake.timeline.video] == ["Video 1", "Titles"]


@pytest.mark.parametrize(
    ("version", "names", "covers"),
    [
        ((21, 0, 4), ["Video 1", "VIA 2", "Titles", "VIA"], False),
        ((19, 0, 3), ["Video 1", "Titles", "VIA"], True),
    ],
)
def test_titles_stay_above_the_result_where_tracks_can_be_inserted(
    version: tuple[int, ...], names: list[str], covers: bool, scene: Scene, movie: Movie
) -> None:
    tracks = ("Video 1", "Titles", "VIA")
    fake = build(replace(scene, version=version, track_names=tracks))
    told = place(fake, clip_id(fake), movie("24", 24), 86410, 24)
    assert [track.name for track in fake.timeline.video] == names
    assert ("it covers Text+ on the track Titles" in (told["note"] or "")) == covers


def test_a_via_track_further_up_is_used_where_nothing_lies_between(
    scene: Scene, movie: Movie
) -> None:
    late = replace(scene.clips[1], start=60)
    tracks = ("Video 1", "Titles", "VIA")
    fake = build(replace(scene, clips=(scene.clips[0], late), track_names=tracks))
    told = place(fake, clip_id(fake), movie("24", 24), 86410, 24)
    assert (told["track_name"], told["note"]) == ("VIA", None)


@pytest.mark.parametrize(
    ("properties", "is_told"),
    [
        ({"ZoomX": 0.5, "ZoomY": 0.5, "Pan": 300.0}, True),
        ({"CropTop": 40.0}, True),
        ({"Opacity": 60.0}, True),
        ({"CompositeMode": 4.0}, True),
        ({"ZoomX": 1.5, "ZoomY": 1.5, "FlipX": 1.0}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("route", ["media", "render"])
def test_a_picture_in_picture_is_told_that_its_result_fills_the_frame(
    route: str, properties: dict[str, float], is_told: bool, scene: Scene, movie: Movie
) -> None:
    small = replace(scene.clips[0], track=2, name="small", properties=properties)
    for clips, hides in (((scene.clips[0], small), is_told), ((small,), False)):
        fake = build(replace(scene, clips=clips))
        told = place(fake, fake.item(2).id, movie("24", 24), 86410, 24, route=route)
        assert ("hides the tracks below" in (told["note"] or "")) == hides
        if hides:
            assert "Paste Attributes" in told["note"]
            assert ("Read the media file itself" in told["note"]) == (route == "render")


def test_a_call_that_is_made_again_places_nothing_twice(scene: Scene, movie: Movie) -> None:
    fake = build(scene)
    first, again = (place(fake, clip_id(fake), movie("24", 24), 86410, 24) for _ in range(2))
    assert first == again
    assert len(fake.track("VIA").items) == 1
    place(fake, clip_id(fake), movie("24", 24), 86410, 24, **{"as": "new_track"})
    assert len(fake.track("VIA 2").items) == 1
