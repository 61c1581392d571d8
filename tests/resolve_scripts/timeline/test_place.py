"""Edits back in the cut, judged by OpenTimelineIO's own algebra on real timelines."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolve_scripts.errors import OutputError, TimelineError
from resolve_scripts.timeline.place import (
    check_places,
    read_timeline,
    with_via_track,
    write_timeline,
)
from resolve_scripts.timeline.report import place_notes
from resolve_scripts.timeline.select import ClipEdit
from tests.resolve_scripts.timelines import placed_edit, read, time_range, video_clips

REAL_TIMELINES = [
    "media/tlrender/SingleClip.otio",
    "media/tlrender/Gap.otio",
    "media/tlrender/Markers.otio",
    "media/tlrender/Transition.otio",
    "media/tlrender/MissingMedia.otio",
    "media/tlrender/MovieAndSeq.otio",
    "timelines/simple_cut.otio",
    "timelines/resolve/effects.otio",
]


def place_on_timeline(clip: otio.schema.Clip) -> otio.opentime.TimeRange:
    stack = clip.parent().parent()
    return clip.transformed_time_range(clip.trimmed_range(), stack)


@pytest.mark.parametrize("name", REAL_TIMELINES)
def test_every_clip_of_a_real_timeline_lands_on_its_place(
    shared_media: Path, tmp_path: Path, name: str
) -> None:
    timeline = read(shared_media.parent / name)
    before = timeline.to_json_string()
    clips = [
        (index, clip)
        for index, clip in video_clips(timeline)
        if clip.media_reference.available_range is not None
    ]
    placed = [placed_edit(clip, index, number) for number, (index, clip) in enumerate(clips)]
    write_timeline(with_via_track(timeline, placed), tmp_path / "out.otio")
    result = read(tmp_path / "out.otio")

    assert timeline.to_json_string() == before
    for old, new in zip(timeline.tracks, result.tracks, strict=False):
        assert new.is_equivalent_to(old)
    edits = [clip for clip in result.find_clips() if "via" in clip.metadata]
    assert len(edits) == len(clips) > 0
    for one in placed:
        (edit,) = [each for each in edits if each.metadata["via"]["job"] == one.record["job"]]
        assert place_on_timeline(edit) == place_on_timeline(one.edit.clip)
        assert edit.duration() == one.edit.clip.duration()
        available = edit.media_reference.available_range
        assert edit.source_range.clamped(available) == edit.source_range
        assert edit.media_reference.target_url == one.rendered.as_posix()
        assert edit.metadata["via"]["seed"] == 2**32 - 1
    new_tracks = list(result.tracks)[len(timeline.tracks) :]
    assert new_tracks[0].name == "VIA"
    assert {track.kind for track in new_tracks} == {"Video"}


def test_the_edit_is_what_a_viewer_sees(shared_media: Path) -> None:
    timeline = read(shared_media / "tlrender" / "Gap.otio")
    (index, second) = video_clips(timeline)[1]
    result = with_via_track(timeline, [placed_edit(second, index, 1)])
    video = otio.schema.Stack(
        children=[track.deepcopy() for track in result.tracks if track.kind == "Video"]
    )
    seen = list(otio.algorithms.flatten_stack(video))
    urls = [clip.media_reference.target_url for clip in seen if isinstance(clip, otio.schema.Clip)]
    assert urls == ["BART_2021-02-07.m4v", "/renders/01_via_v001.mov"]
    assert [item.duration().value for item in seen] == [30, 30, 30]


def test_a_source_with_timecode_keeps_counting_in_it() -> None:
    media = otio.schema.ExternalReference("/clip.mov", time_range(86400, 1000))
    clip = otio.schema.Clip("shot", media, time_range(86500, 40))
    timeline = otio.schema.Timeline()
    timeline.tracks.append(otio.schema.Track("V1", [clip]))
    result = with_via_track(timeline, [placed_edit(clip, 0, 1, has_timecode=True)])
    edit = result.tracks[1][0]
    assert edit.media_reference.available_range == time_range(86500, 40)
    assert edit.source_range == clip.source_range


def test_looks_and_the_on_switch_travel_but_markers_do_not(shared_media: Path) -> None:
    timeline = read(shared_media / "tlrender" / "Markers.otio")
    clip = timeline.tracks[0][0]
    clip.effects.append(otio.schema.Effect(effect_name="Resolve Effect", metadata={"zoom": 2}))
    clip.enabled = False
    edit = with_via_track(timeline, [placed_edit(clip, 0, 1)]).tracks[-1][0]
    assert edit.effects[0].is_equivalent_to(clip.effects[0])
    assert not edit.enabled
    assert len(edit.markers) == 0


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
    clips = video_clips(timeline)
    placed = [placed_edit(clip, index, number) for number, (index, clip) in enumerate(clips)]
    result = with_via_track(timeline, placed[::-1])
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


def test_a_second_batch_takes_a_new_track_name(shared_media: Path) -> None:
    timeline = read(shared_media / "tlrender" / "SingleClip.otio")
    (index, clip) = video_clips(timeline)[0]
    once = with_via_track(timeline, [placed_edit(clip, index, 1)])
    twice = with_via_track(once, [placed_edit(once.tracks[0][0], 0, 2)])
    assert [track.name for track in twice.tracks] == ["Video", "Audio", "VIA", "VIA 2"]


def test_a_moved_edit_is_noticed(shared_media: Path) -> None:
    timeline = read(shared_media / "tlrender" / "Gap.otio")
    (index, clip) = video_clips(timeline)[1]
    placed = [placed_edit(clip, index, 1)]
    result = with_via_track(timeline, placed)
    result.tracks[-1][0].source_range = time_range(0, 59, 30)
    with pytest.raises(TimelineError, match="not at its place"):
        check_places(result, placed)


def test_notes_say_what_the_place_means(shared_media: Path) -> None:
    timeline = read(shared_media / "tlrender" / "MissingMedia.otio")
    edit = ClipEdit(clip=timeline.tracks[0][0], track_index=0, instruction="x")
    assert [note.split()[0] for note in place_notes(edit)] == ["beside", "lies"]
    single = read(shared_media / "tlrender" / "SingleClip.otio")
    edit = ClipEdit(clip=single.tracks[0][0], track_index=0, instruction="x")
    assert place_notes(edit) == ()


@pytest.mark.parametrize("text", ["", "no timeline", '{"OTIO_SCHEMA": "Clip.1"}', "\x00\xff"])
def test_what_is_no_timeline_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cut.otio"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(TimelineError, match=r"cut\.otio"):
        read_timeline(path)


def test_writing_is_all_or_nothing(tmp_path: Path, shared_media: Path) -> None:
    timeline = read(shared_media / "tlrender" / "SingleClip.otio")
    with pytest.raises(OutputError, match="cannot write"):
        write_timeline(timeline, tmp_path / "missing" / "cut.otio")
    (tmp_path / "cut.otio").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        write_timeline(timeline, tmp_path / "cut.otio")
    assert [path.name for path in tmp_path.iterdir()] == ["cut.otio"]
