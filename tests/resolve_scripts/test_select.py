"""Which clips ask for an edit: markers, tracks, and what cannot be edited yet."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio
import pytest

from resolve_scripts.errors import UsageError
from resolve_scripts.timeline.select import Selection, clips_to_edit
from tests.resolve_scripts.timelines import marked, read, time_range, video_clips


@pytest.fixture
def gap(shared_media: Path) -> otio.schema.Timeline:
    """Two clips with a gap between, and the same as audio."""
    return read(shared_media / "tlrender" / "Gap.otio")


def reasons(selection: Selection) -> list[str]:
    return [each.error.reason for each in selection.refusals]


def test_nobodys_markers_ask_for_nothing(shared_media: Path) -> None:
    selection = clips_to_edit(read(shared_media / "tlrender" / "Markers.otio"))
    assert selection == Selection(edits=(), refusals=())


@pytest.mark.parametrize(
    ("name", "comment", "instruction"),
    [
        ("VIA: make it night", "", "make it night"),
        ("via:turn the ball\n  into a\tstar ", "", "turn the ball into a star"),
        ("Marker 1", " Via:  add rain", "add rain"),
        ("VIA: a", "VIA: a", "a"),
    ],
)
def test_the_rest_of_a_via_marker_is_the_instruction(
    gap: otio.schema.Timeline, name: str, comment: str, instruction: str
) -> None:
    second = video_clips(gap)[1][1]
    marked(second, "VIAduct: no", color="RED")
    marked(second, name, comment=comment)
    (edit,) = clips_to_edit(gap).edits
    assert edit.clip is second
    assert (edit.instruction, edit.track_index) == (instruction, 0)


def test_the_note_of_a_resolve_marker_counts(gap: otio.schema.Timeline) -> None:
    metadata = {"Resolve_OTIO": {"Keywords": [], "Note": "VIA: make it\nsnow"}}
    marked(video_clips(gap)[0][1], "Marker 1", metadata=metadata)
    assert [edit.instruction for edit in clips_to_edit(gap).edits] == ["make it snow"]


def test_several_instructions_on_one_clip_are_refused_unless_equal(
    gap: otio.schema.Timeline,
) -> None:
    (_, first), (_, second) = video_clips(gap)
    marked(first, "VIA: make it night")
    marked(first, "via: make it  night")
    marked(second, "VIA: make it night")
    marked(second, "VIA: make it day")
    selection = clips_to_edit(gap)
    assert [edit.clip for edit in selection.edits] == [first]
    assert reasons(selection) == ["SEVERAL_INSTRUCTIONS"]
    assert "make it day" in str(selection.refusals[0].error)


def test_what_no_clip_is_meant_by_is_named(gap: otio.schema.Timeline) -> None:
    track = gap.tracks[0]
    marked(track[0], "VIA:")
    for owner in (gap.tracks, track, track[1]):
        marked(owner, "VIA: make it night")
    selection = clips_to_edit(gap)
    assert selection.edits == ()
    assert sorted(reasons(selection)) == ["INSTRUCTION_INVALID"] + 3 * ["MARKER_NOT_ON_CLIP"]


def test_audio_is_never_edited(gap: otio.schema.Timeline) -> None:
    marked(gap.tracks[1][0], "VIA: make it louder")
    assert clips_to_edit(gap) == Selection(edits=(), refusals=())
    with pytest.raises(UsageError, match="no video track 'Audio'"):
        clips_to_edit(gap, instruction="x", track="Audio")


def test_all_clips_of_the_only_video_track_take_the_instruction(gap: otio.schema.Timeline) -> None:
    for track in (None, "1", "Video"):
        selection = clips_to_edit(gap, instruction="make it night", track=track)
        assert [edit.clip for edit in selection.edits] == [clip for _, clip in video_clips(gap)]


def test_a_track_is_found_by_name_before_number(shared_timelines: Path) -> None:
    timeline = read(shared_timelines / "multitrack.otio")
    timeline.tracks[0].name = "3"
    selection = clips_to_edit(timeline, instruction="x", track="3")
    assert {edit.track_index for edit in selection.edits} == {0}
    assert {e.track_index for e in clips_to_edit(timeline, instruction="x", track="2").edits} == {1}


@pytest.mark.parametrize("track", [None, "4", "0", "Sequence 9"])
def test_an_unclear_track_is_refused_with_the_list(
    shared_timelines: Path, track: str | None
) -> None:
    timeline = read(shared_timelines / "multitrack.otio")
    with pytest.raises(UsageError, match="2 'Sequence 2'"):
        clips_to_edit(timeline, instruction="x", track=track)


def test_nested_compositions_are_named_not_skipped(shared_timelines: Path) -> None:
    timeline = read(shared_timelines / "nested_example.otio")
    selection = clips_to_edit(timeline, instruction="x")
    assert len(selection.edits) == 4
    assert reasons(selection) == ["NESTED_NOT_SUPPORTED"] * 3
    assert "Nested Stack 1" in selection.refusals[0].name


def test_a_marker_inside_a_nested_stack_is_found(shared_timelines: Path) -> None:
    timeline = read(shared_timelines / "nested_example.otio")
    inner = next(iter(timeline.tracks[0][1].find_children(descended_from_type=otio.schema.Clip)))
    marked(inner, "VIA: make it night")
    assert reasons(clips_to_edit(timeline)) == ["NESTED_NOT_SUPPORTED"]


def test_a_retimed_clip_is_refused_by_its_speed(shared_media: Path) -> None:
    timeline = read(shared_media / "tlrender" / "LinearTimeWarp.otio")
    (refusal,) = clips_to_edit(timeline, instruction="x").refusals
    assert refusal.error.reason == "RETIME_NOT_SUPPORTED"
    assert "0.75" in str(refusal.error)
    assert refusal.name == "BART_2021-02-07 at 00:00:00:00"


@pytest.mark.parametrize("place", ["clip", "track", "stack"])
def test_every_time_effect_that_reaches_the_clip_counts(
    gap: otio.schema.Timeline, place: str
) -> None:
    owner = {"clip": gap.tracks[0][0], "track": gap.tracks[0], "stack": gap.tracks}[place]
    owner.effects.append(otio.schema.FreezeFrame())
    assert "RETIME_NOT_SUPPORTED" in reasons(clips_to_edit(gap, instruction="x"))


def test_normal_speed_and_looks_are_no_retime(gap: otio.schema.Timeline) -> None:
    gap.tracks[0][0].effects.append(otio.schema.LinearTimeWarp(time_scalar=1.0))
    gap.tracks[0][0].effects.append(otio.schema.Effect(effect_name="Blur"))
    assert reasons(clips_to_edit(gap, instruction="x")) == []


def test_a_clip_its_track_trims_is_refused(gap: otio.schema.Timeline) -> None:
    gap.tracks[0].source_range = time_range(10, 80, 30)
    assert reasons(clips_to_edit(gap, instruction="x")) == ["TRIMMED_BY_TRACK"]


def test_a_genuine_resolve_timeline_is_read_whole(shared_timelines: Path) -> None:
    timeline = read(shared_timelines / "resolve" / "effects.otio")
    numbers = [index for index, track in enumerate(timeline.tracks) if track.kind == "Video"]
    found = 0
    for number in range(1, len(numbers) + 1):
        selection = clips_to_edit(timeline, instruction="x", track=str(number))
        found += len(selection.edits) + len(selection.refusals)
    assert found == len(video_clips(timeline)) > 10
