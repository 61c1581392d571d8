"""Edits back in the cut, judged by OpenTimelineIO's own algebra and tools on real timelines."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolve_scripts.errors import TimelineError, UsageError
from resolve_scripts.timeline.formats import read_timeline, write_timeline
from resolve_scripts.timeline.need import MediaFacts
from resolve_scripts.timeline.paths import path_map
from resolve_scripts.timeline.place import PlaceMode, check_places, place
from resolve_scripts.timeline.select import Wanted
from resolve_scripts.timeline.versions import original_reference
from tests.resolve_scripts.timelines import marked, placed_edits, read, time_range, video_clips

REAL_TIMELINES = [
    "media/tlrender/SingleClip.otio",
    "media/tlrender/Gap.otio",
    "media/tlrender/LinearTimeWarp.otio",
    "media/tlrender/Markers.otio",
    "media/tlrender/Transition.otio",
    "media/tlrender/MissingMedia.otio",
    "media/tlrender/MovieAndSeq.otio",
    "timelines/simple_cut.otio",
    "timelines/transition_test.otio",
    "timelines/nested_example.otio",
    "timelines/multitrack.otio",
    "timelines/resolve/effects.otio",
    "timelines/aaf/simple.aaf",
    "timelines/fcp7xml/premiere_example.xml",
    "timelines/edl/25fps.edl",
    "timelines/edl/screening_example.edl",
]


def place_on_timeline(clip: otio.schema.Clip) -> otio.opentime.TimeRange:
    """Where OpenTimelineIO finds a clip on the whole timeline."""
    top = clip
    while top.parent() is not None:
        top = top.parent()
    return clip.transformed_time_range(clip.trimmed_range(), top)


def via_clips(timeline: otio.schema.Timeline) -> list[otio.schema.Clip]:
    return [clip for clip in timeline.find_clips() if "via" in clip.metadata]


@pytest.mark.parametrize("name", REAL_TIMELINES)
def test_every_clip_of_a_real_timeline_lands_on_its_place(
    shared_media: Path, tmp_path: Path, name: str
) -> None:
    timeline = read_timeline(shared_media.parent / name).timeline
    before = timeline.to_json_string()
    placed = placed_edits(timeline)
    result = place(timeline, placed)
    assert timeline.to_json_string() == before
    for old, new in zip(timeline.tracks, result.tracks, strict=False):
        assert new.is_equivalent_to(old)
    write_timeline(result, tmp_path / "out.otio")
    result = read(tmp_path / "out.otio")
    edits = via_clips(result)
    assert len(edits) == len(placed) > 0
    for one in placed:
        (edit,) = [each for each in edits if each.metadata["via"]["job"] == one.record["job"]]
        original = one.edit.clip
        if not one.edit.place.is_nested:
            found, wanted = place_on_timeline(edit), place_on_timeline(original)
            assert found.start_time.almost_equal(wanted.start_time, 1e-6)
            assert found.duration == wanted.duration == original.duration()
        assert edit.media_reference.target_url == one.rendered.as_posix()
        assert edit.metadata["via"]["seed"] == 2**32 - 1
        held = one.need.position.per_s == 0
        available = edit.media_reference.available_range
        assert held or edit.source_range.clamped(available) == edit.source_range
    new_tracks = list(result.tracks)[len(timeline.tracks) :]
    assert new_tracks[0].name == "VIA"
    assert {track.kind for track in new_tracks} == {"Video"}


@pytest.mark.parametrize("mode", PlaceMode)
@pytest.mark.parametrize(
    "name", ["Gap", "LinearTimeWarp", "MovieAndSeq", "SingleClip", "Transition"]
)
def test_otiotool_finds_media_and_ranges_in_order(
    shared_media: Path, tmp_path: Path, name: str, mode: PlaceMode
) -> None:
    """Renders stand in as empty files: the tool looks whether they are there."""
    timeline = read(shared_media / "tlrender" / f"{name}.otio")
    for clip in timeline.find_clips():
        if isinstance(clip.media_reference, otio.schema.ExternalReference):
            target = clip.media_reference.target_url
            clip.media_reference.target_url = str(shared_media / "tlrender" / target)
    placed = placed_edits(timeline)
    for one in placed:
        object.__setattr__(one, "rendered", tmp_path / one.rendered.name)
        one.rendered.touch()
    write_timeline(place(timeline, placed, mode=mode), tmp_path / "out.otio")
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from opentimelineio.console.otiotool import main; main()"),
            *("--verify-media", "--verify-ranges", "-i", str(tmp_path / "out.otio")),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    verdicts = [line for line in done.stdout.splitlines() if "CLIP:" in line or "MEDIA" in line]
    assert sum(str(tmp_path) in line for line in verdicts) == len(placed)
    assert [line for line in verdicts if "NOT FOUND" in line] == []
    # The sequence's own range counts in numbers of pictures, one past what OpenTimelineIO reads.
    allowed = 1 if name == "MovieAndSeq" and mode is PlaceMode.TRACK else 0
    assert sum("OUT OF BOUNDS" in line for line in verdicts) == allowed


def test_the_edit_is_what_a_viewer_sees(shared_media: Path) -> None:
    timeline = read(shared_media / "tlrender" / "Gap.otio")
    result = place(timeline, placed_edits(timeline)[1:])
    video = otio.schema.Stack(
        children=[track.deepcopy() for track in result.tracks if track.kind == "Video"]
    )
    seen = list(otio.algorithms.flatten_stack(video))
    urls = [clip.media_reference.target_url for clip in seen if isinstance(clip, otio.schema.Clip)]
    assert urls == ["BART_2021-02-07.m4v", "/renders/01_via_v001.mov"]
    assert [item.duration().value for item in seen] == [30, 30, 30]


def shot(start: int = 86500, count: int = 40) -> otio.schema.Timeline:
    """One clip of media that counts from 01:00:00:00."""
    media = otio.schema.ExternalReference("/clip.mov", time_range(86400, 1000))
    timeline = otio.schema.Timeline()
    timeline.tracks.append(
        otio.schema.Track("V1", [otio.schema.Clip("shot", media, time_range(start, count))])
    )
    return timeline


def test_a_source_with_timecode_keeps_counting_in_it() -> None:
    timeline = shot()
    (edit,) = via_clips(place(timeline, placed_edits(timeline, handles=8)))
    assert edit.media_reference.available_range == time_range(86492, 56)
    assert edit.source_range == timeline.tracks[0][0].source_range


def test_a_source_without_timecode_gives_a_render_from_zero(shared_media: Path) -> None:
    timeline = read(shared_media / "tlrender" / "SingleClip.otio")
    (edit,) = via_clips(place(timeline, placed_edits(timeline, handles=8)))
    assert edit.media_reference.available_range == time_range(0, 106, 30)
    assert edit.source_range == time_range(8, 90, 30)


def test_looks_and_the_on_switch_travel_but_markers_do_not(shared_media: Path) -> None:
    timeline = read(shared_media / "tlrender" / "Markers.otio")
    clip = timeline.tracks[0][0]
    clip.effects.append(otio.schema.Effect(effect_name="Resolve Effect", metadata={"zoom": 2}))
    clip.enabled = False
    edit = place(timeline, placed_edits(timeline)[:1]).tracks[-1][0]
    assert edit.effects[0].is_equivalent_to(clip.effects[0])
    assert not edit.enabled
    assert len(edit.markers) == 0


def test_a_retimed_clip_stays_retimed(shared_media: Path, shared_timelines: Path) -> None:
    timeline = read(shared_media / "tlrender" / "LinearTimeWarp.otio")
    (edit,) = via_clips(place(timeline, placed_edits(timeline)))
    assert [effect.time_scalar for effect in edit.effects] == [0.75]
    nested = read(shared_timelines / "nested_example.otio")
    names = Wanted(instruction="x", clips=("Clip Inside*",))
    plain, slow, frozen = via_clips(place(nested, placed_edits(nested, names)))
    speeds = [[effect.time_scalar for effect in edit.effects] for edit in (plain, slow, frozen)]
    assert speeds == [[], [pytest.approx(0.8545454551724138)], [0.0]]
    assert isinstance(frozen.effects[0], otio.schema.FreezeFrame)


@pytest.mark.parametrize(
    ("mode", "available", "source"),
    [
        # The render's timecode is that of its picture; 4 frames of the dissolve and 2 of the handle
        # lie before the clip, 6 and 2 behind it.
        (PlaceMode.TRACK, (86500, 54), (86506, 40)),
        (PlaceMode.REPLACE, (86500, 54), (86506, 40)),
        (PlaceMode.REFERENCE, (86494, 54), (86500, 40)),  # the clip's own range stays
    ],
)
def test_a_frozen_clip_lies_inside_its_held_picture(
    mode: PlaceMode, available: tuple[int, int], source: tuple[int, int]
) -> None:
    timeline = shot()
    track, (clip,) = timeline.tracks[0], list(timeline.tracks[0])
    clip.effects.append(otio.schema.FreezeFrame())
    four, six = otio.opentime.RationalTime(4, 24), otio.opentime.RationalTime(6, 24)
    for index in (0, 2):
        track.insert(index, otio.schema.Transition("cut", "SMPTE_Dissolve", four, six))
    for index in (0, 4):
        track.insert(index, otio.schema.Gap(source_range=time_range(0, 10)))
    facts = MediaFacts(frame_rate=Fraction(24), frame_count=1000, start_timecode="01:00:00:00")
    in_place = mode is not PlaceMode.TRACK
    placed = placed_edits(timeline, handles=2, facts=facts, in_place=in_place)
    (edit,) = via_clips(place(timeline, placed, mode=mode))
    assert edit.media_reference.available_range == time_range(*available)
    assert edit.source_range == time_range(*source)
    assert edit.visible_range().clamped(edit.available_range()) == edit.visible_range()


def dissolved(*counts: int) -> otio.schema.Timeline:
    """Clips of these lengths with a dissolve of 4 and 6 frames at every cut."""
    timeline = otio.schema.Timeline()
    track = otio.schema.Track("V1")
    timeline.tracks.append(track)
    for number, count in enumerate(counts):
        if number:
            four, six = otio.opentime.RationalTime(4, 24), otio.opentime.RationalTime(6, 24)
            track.append(otio.schema.Transition("cut", "SMPTE_Dissolve", four, six))
        media = otio.schema.ExternalReference(f"/{number}.mov", time_range(0, 500))
        track.append(otio.schema.Clip(str(number), media, time_range(100, count)))
    return timeline


def described(track: otio.schema.Track) -> list[tuple[str, float, float] | str]:
    """Items of a track: name, start and length; transitions by their kind."""
    return [
        type(child).__name__
        if isinstance(child, otio.schema.Transition)
        else (
            child.name or "gap",
            child.trimmed_range().start_time.value,
            child.duration().value,
        )
        for child in track
    ]


@pytest.mark.parametrize(
    ("edited", "items"),
    [
        ("*", [("0", 0, 30), "Transition", ("1", 4, 30), "Transition", ("2", 4, 30)]),
        ("0", [("0", 0, 30), "Transition", ("1", 100, 6)]),
        ("2", [("gap", 0, 56), ("1", 126, 4), "Transition", ("2", 4, 30)]),
        (
            "1",
            [
                ("gap", 0, 26),
                *(("0", 126, 4), "Transition", ("1", 4, 30), "Transition", ("2", 100, 6)),
            ],
        ),
    ],
)
def test_dissolves_go_along_with_what_they_show_of_the_neighbour(
    edited: str, items: list[tuple[str, float, float] | str]
) -> None:
    timeline = dissolved(30, 30, 30)
    placed = placed_edits(timeline, Wanted(instruction="x", clips=(edited,)))
    result = place(timeline, placed)
    assert described(result.tracks[1]) == items
    check_places(result, placed)


def test_a_clip_between_two_dissolves_to_edited_ones_is_copied_once() -> None:
    timeline = dissolved(30, 9, 30)
    placed = placed_edits(timeline, Wanted(instruction="x", clips=("[02]",)))
    assert described(place(timeline, placed).tracks[1]) == [
        ("0", 0, 30),
        *("Transition", ("1", 100, 9), "Transition"),
        ("2", 4, 30),
    ]


def test_a_fade_goes_along_without_a_neighbour(shared_timelines: Path) -> None:
    timeline = read(shared_timelines / "transition_test.otio")
    items = described(place(timeline, placed_edits(timeline)).tracks[1])
    assert [each if isinstance(each, str) else each[0] for each in items] == [
        *("Transition", "A", "Transition", "B", "C", "Transition")
    ]


@pytest.mark.parametrize("mode", [PlaceMode.REFERENCE, PlaceMode.REPLACE])
def test_parts_of_a_clip_that_runs_backwards_in_a_nest_are_cut_in_its_own_order(
    mode: PlaceMode,
) -> None:
    timeline = shot()
    nest = otio.schema.Track("nest", [timeline.tracks[0][0].deepcopy()])
    nest.effects.append(otio.schema.LinearTimeWarp(time_scalar=-1.0))
    timeline.tracks[0][:] = [nest]
    wanted = Wanted(instruction="x", ranges=("4:8", "20:30"))
    result = place(timeline, placed_edits(timeline, wanted), mode=mode)
    pieces = list(result.tracks[0][0])
    # Backwards, record frames 4:8 are 32:36 of 40 from the clip's start, and 20:30 are 10:20.
    assert [
        (place_on_timeline(each).start_time.value, each.duration().value) for each in pieces
    ] == [(0, 10), (10, 10), (20, 12), (32, 4), (36, 4)]
    assert ["via" in each.metadata for each in pieces] == [False, True, False, True, False]


@given(hidden=st.integers(0, 30), seen=st.integers(10, 60), rate=st.sampled_from([24.0, 29.97]))
def test_a_trimmed_stack_of_tracks_keeps_every_place(hidden: int, seen: int, rate: float) -> None:
    timeline = cut([[(3, 20), (0, 15), (5, 40)], [(10, 30)]], rate)
    timeline.tracks.source_range = time_range(hidden, seen, rate)
    placed = placed_edits(timeline)
    result = place(timeline, placed)
    for edit in via_clips(result):
        (one,) = [each for each in placed if each.record["job"] == edit.metadata["via"]["job"]]
        whole, trim = place_on_timeline(one.edit.clip), timeline.tracks.source_range
        start = max(whole.start_time, trim.start_time)
        end = min(whole.end_time_exclusive(), trim.end_time_exclusive())
        assert place_on_timeline(edit).start_time.almost_equal(start, 1e-6)
        assert place_on_timeline(edit).end_time_exclusive().almost_equal(end, 1e-6)


@pytest.mark.parametrize("mode", [PlaceMode.REFERENCE, PlaceMode.REPLACE])
def test_part_of_a_clip_is_cut_out_of_it(mode: PlaceMode) -> None:
    timeline = shot()
    clip = timeline.tracks[0][0]
    clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    marked(clip, "somebody else's")
    clip.markers.append(otio.schema.Marker(name="VIA: x", marked_range=time_range(86510, 5)))
    track = place(timeline, placed_edits(timeline, Wanted()), mode=mode).tracks[0]
    assert described(track) == [("shot", 86500, 10), ("shot", 86520, 5), ("shot", 86530, 25)]
    assert ["via" in each.metadata for each in track] == [False, True, False]
    available = track[1].media_reference.available_range
    assert available == time_range(86520, 10)


def test_references_stack_beside_the_original() -> None:
    timeline = shot()
    once = place(timeline, placed_edits(timeline), mode=PlaceMode.REFERENCE)
    twice = place(once, placed_edits(once), mode=PlaceMode.REFERENCE)
    (clip,) = twice.find_clips()
    assert set(clip.media_references()) == {"DEFAULT_MEDIA", "VIA v1", "VIA v2"}
    assert clip.active_media_reference_key == "VIA v2"
    original = clip.media_references()["DEFAULT_MEDIA"]
    assert original.is_equivalent_to(timeline.tracks[0][0].media_reference)
    versions = [
        clip.media_references()[key].metadata["via"]["version"] for key in ("VIA v1", "VIA v2")
    ]
    assert versions == [1, 2]


def test_an_edit_of_an_edited_clip_reads_its_original() -> None:
    timeline = shot()
    once = place(timeline, placed_edits(timeline), mode=PlaceMode.REFERENCE)
    (again,) = placed_edits(once)
    assert (again.need.frames.start_frame, again.need.frames.frame_count) == (100, 40)


def test_the_media_that_was_active_stays_the_original() -> None:
    timeline = shot()
    (clip,) = timeline.find_clips()
    proxy = otio.schema.ExternalReference("/proxy.mov", time_range(86400, 1000))
    full = otio.schema.ExternalReference("/full.mov", time_range(86400, 1000))
    clip.set_media_references({"DEFAULT_MEDIA": proxy, "full": full}, "full")
    once = place(timeline, placed_edits(timeline), mode=PlaceMode.REFERENCE)
    twice = place(once, placed_edits(once), mode=PlaceMode.REFERENCE)
    for each in (once, twice):
        (edited,) = each.find_clips()
        assert original_reference(edited).target_url == "/full.mov"


def test_a_replaced_clip_has_its_render_alone() -> None:
    timeline = shot()
    once = place(timeline, placed_edits(timeline), mode=PlaceMode.REFERENCE)
    twice = place(once, placed_edits(once), mode=PlaceMode.REPLACE)
    (clip,) = twice.find_clips()
    assert list(clip.media_references()) == ["DEFAULT_MEDIA"]
    (third,) = placed_edits(twice)
    assert clip.metadata["via"]["version"] == 2
    (last,) = place(twice, [third], mode=PlaceMode.REPLACE).find_clips()
    assert last.metadata["via"]["version"] == 3
    assert original_reference(clip).target_url == "/renders/00_via_v001.mov"
    # OpenTimelineIO's own reading of the one range in the other.
    start = clip.source_range.start_time - clip.available_range().start_time
    assert third.need.frames.start_frame == start.value == 0
    assert third.need.frames.frame_count == clip.source_range.duration.value == 40


def test_tracks_stack_and_are_not_edited_again(shared_media: Path) -> None:
    timeline = read(shared_media / "tlrender" / "SingleClip.otio")
    once = place(timeline, placed_edits(timeline))
    twice = place(once, placed_edits(once))
    assert [track.name for track in twice.tracks] == ["Video", "Audio", "VIA", "VIA v2"]
    assert [clip.metadata["via"]["version"] for clip in via_clips(twice)] == [1, 2]


def test_a_timeline_for_resolve_has_resolves_shape(shared_media: Path) -> None:
    folder = shared_media / "tlrender"
    timeline = read(folder / "Gap.otio")
    for clip in timeline.tracks[1].find_clips():
        clip.media_reference.available_range = None
    facts = MediaFacts(frame_rate=Fraction(30), frame_count=704, start_timecode="02:00:00:00")
    placed = placed_edits(timeline, facts=facts)
    result = place(timeline, placed, for_resolve=True, folder=folder)
    assert result.global_start_time == otio.opentime.RationalTime(108000, 30)
    for clip in result.find_clips():
        reference = clip.media_reference
        assert Path(reference.target_url).is_absolute()
        assert "://" not in reference.target_url
        assert reference.available_range is not None
    first = via_clips(result)[0]
    assert first.source_range == time_range(216090, 30, 30)
    assert first.media_reference.available_range == time_range(216090, 30, 30)
    assert "Resolve_OTIO" not in timeline.metadata
    with pytest.raises(UsageError, match="--place"):
        place(timeline, placed, mode=PlaceMode.REFERENCE, for_resolve=True)


def test_renders_are_named_as_the_timeline_names_its_folders() -> None:
    timeline = shot()
    placed = placed_edits(timeline)
    (edit,) = via_clips(place(timeline, placed, path_map=path_map([r"D:\vfx=/renders"])))
    assert edit.media_reference.target_url == r"D:\vfx\00_via_v001.mov"


def cut(rows: list[list[tuple[int, int]]], rate: float) -> otio.schema.Timeline:
    """One video track per row of (frames of gap, frames of clip)."""
    timeline = otio.schema.Timeline()
    for number, row in enumerate(rows):
        track = otio.schema.Track(f"V{number + 1}", kind="Video")
        timeline.tracks.append(track)
        for gap, count in row:
            if gap:
                track.append(otio.schema.Gap(source_range=time_range(0, gap, rate)))
            media = otio.schema.ExternalReference("/clip.mov", time_range(0, 500, rate))
            track.append(otio.schema.Clip("shot", media, time_range(7, count, rate)))
    return timeline


@given(
    rows=st.lists(
        st.lists(st.tuples(st.integers(0, 50), st.integers(1, 100)), min_size=1, max_size=6),
        min_size=1,
        max_size=4,
    ),
    rate=st.sampled_from([24.0, 25.0, 30000 / 1001, 23.976, 59.94]),
)
def test_any_cut_keeps_every_place_and_order(
    rows: list[list[tuple[int, int]]], rate: float
) -> None:
    timeline = cut(rows, rate)
    placed = placed_edits(timeline)
    assert len(placed) == len(video_clips(timeline))
    result = place(timeline, placed[::-1])
    layer_of = {}
    for layer, track in enumerate(list(result.tracks)[len(rows) :]):
        for edit in track.find_clips():
            layer_of[edit.metadata["via"]["job"]] = (layer, place_on_timeline(edit))
    for one in placed:
        assert layer_of[one.record["job"]][1] == place_on_timeline(one.edit.clip)
        for other in placed:
            mine, theirs = layer_of[one.record["job"]], layer_of[other.record["job"]]
            if one.edit.track_index < other.edit.track_index and mine[1].intersects(theirs[1]):
                assert mine[0] < theirs[0]


def test_a_moved_edit_is_noticed(shared_media: Path) -> None:
    timeline = read(shared_media / "tlrender" / "Gap.otio")
    placed = placed_edits(timeline)[1:]
    result = place(timeline, placed)
    result.tracks[-1][0].source_range = time_range(0, 59, 30)
    with pytest.raises(TimelineError, match="not at its place"):
        check_places(result, placed)
