"""The clips the editor means, by every way this build offers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from resolve_scripts.in_resolve.errors import BridgeError
from tests.resolve_scripts.fake_resolve.build import FakeResolve, build
from tests.resolve_scripts.fake_resolve.scene import ClipAt, Scene
from tests.resolve_scripts.in_resolve.conftest import Movie, ask


@pytest.fixture
def scene(movie: Movie) -> Scene:
    """V1: a and b with a dissolve; V2: c over the end of a; V3, off: d."""
    media = str(movie("24", 48))
    return Scene(
        clips=(
            ClipAt(media=media, start=0, frame_count=40, name="a"),
            ClipAt(media=media, start=40, frame_count=40, name="b", color="Orange"),
            ClipAt(kind="transition", start=34, frame_count=12, name="Cross Dissolve"),
            ClipAt(media=media, start=30, frame_count=10, name="c", track=2, is_selected=True),
            ClipAt(media=media, start=0, frame_count=48, name="d", track=3),
        ),
        disabled_tracks=(3,),
    )


def names(fake: FakeResolve, **arguments: Any) -> list[str]:
    return [clip["name"] for clip in ask(fake, "list_clips", **arguments)["clips"]]


def test_the_selection_is_what_is_selected(scene: Scene) -> None:
    assert names(build(scene), by="selection") == ["c"]
    nothing = replace(scene, clips=tuple(replace(c, is_selected=False) for c in scene.clips))
    assert names(build(nothing), by="selection") == []


def test_marks_cut_the_part_to_edit_out_of_each_clip(scene: Scene) -> None:
    fake = build(replace(scene, marks=(35, 44)))
    clips = ask(fake, "list_clips", by="marks")["clips"]
    found = [(clip["name"], clip["frame_range"]) for clip in clips]
    assert found == [
        ("a", [86435, 86440]),
        ("c", [86435, 86440]),
        ("b", [86440, 86445]),
    ]


@pytest.mark.parametrize(
    ("frame", "name"), [(0, "a"), (29, "a"), (30, "c"), (39, "c"), (40, "b"), (79, "b")]
)
def test_the_playhead_means_what_the_viewer_shows(frame: int, name: str, scene: Scene) -> None:
    assert names(build(replace(scene, playhead=frame)), by="playhead") == [name]


@pytest.mark.parametrize("by", ["playhead", "marks", "color"])
def test_a_clip_that_is_switched_off_is_not_what_the_viewer_shows(by: str, scene: Scene) -> None:
    over = replace(scene.clips[3], is_enabled=False, color="Orange")
    clips = (*scene.clips[:3], over, *scene.clips[4:])
    fake = build(replace(scene, clips=clips, playhead=35, marks=(30, 39)))
    expected = ["b"] if by == "color" else ["a"]
    assert names(fake, by=by, color="Orange") == expected
    assert names(fake, by="selection") == ["c"]


def test_past_the_end_there_is_nothing(scene: Scene) -> None:
    assert names(build(replace(scene, playhead=500)), by="playhead") == []


def test_a_colour_is_the_clips_own(scene: Scene) -> None:
    assert names(build(scene), by="color", color="orange") == ["b"]
    assert names(build(scene), by="color") == []


def test_markers_carry_the_instruction_on_clips_and_on_the_timeline(scene: Scene) -> None:
    first = replace(scene.clips[0], markers={"3": "VIA: make it  night"})
    marked = replace(
        scene,
        clips=(first, *scene.clips[1:]),
        timeline_markers={"50": "via: snow", "60": "look at this"},
    )
    clips = ask(build(marked), "list_clips", by="markers")["clips"]
    assert [(clip["name"], clip["instruction"]) for clip in clips] == [
        ("a", "make it night"),
        ("b", "snow"),
    ]


@pytest.mark.parametrize(
    ("version", "marks", "by"),
    [
        ((21, 0, 4), (0, 10), "selection"),
        ((21, 0, 3), (0, 10), "marks"),
        ((21, 0, 3), None, "playhead"),
        ((18, 5, 1), (0, 10), "playhead"),
    ],
)
def test_auto_takes_the_best_way_of_the_build(
    version: tuple[int, ...], marks: tuple[int, int] | None, by: str, scene: Scene
) -> None:
    fake = build(replace(scene, version=version, marks=marks, playhead=3))
    told = ask(fake, "list_clips")
    assert told["by"] == by
    assert told["clips"]


def test_refused_clips_are_listed_with_their_reason(scene: Scene) -> None:
    title = ClipAt(kind="title", start=0, frame_count=20, track=2, name="Text+")
    offline = ClipAt(media="/gone/x.mov", start=20, frame_count=20)
    fake = build(replace(scene, clips=(title, offline), marks=(0, 39), disabled_tracks=()))
    clips = ask(fake, "list_clips", by="marks")["clips"]
    assert [clip["refusal"]["reason"] for clip in clips] == ["CLIP_IS_TITLE", "MEDIA_OFFLINE"]
    assert all(clip["refusal"]["next_step"] for clip in clips)


@pytest.mark.parametrize(("project", "reason"), [(True, "NO_TIMELINE"), (False, "NO_PROJECT")])
def test_nothing_open_is_told(project: bool, reason: str) -> None:
    fake = build(Scene(timeline=None))
    if not project:
        fake.api.manager.project = None
    assert ask(fake, "describe")["timeline"] is None
    with pytest.raises(BridgeError) as told:
        ask(fake, "list_clips")
    assert told.value.reason == reason


def test_the_playhead_moves_where_the_panel_says(scene: Scene) -> None:
    title = ClipAt(kind="title", start=100, frame_count=2000)
    clips = (*scene.clips, title)
    fake = build(replace(scene, frame_rate="29.97", drop_frame=True, clips=clips))
    ask(fake, "focus", frame=fake.timeline.start_frame() + 1799)
    assert fake.timeline.playhead == 1799
    with pytest.raises(BridgeError) as told:
        ask(fake, "focus", frame=2**50)
    assert told.value.reason == "FRAME_OUTSIDE_TIMELINE"
