"""Which clips ask for an edit: markers, tracks, and what cannot be edited yet."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio
import pytest

from resolve_scripts.errors import ClipNotSupportedError, UsageError
from resolve_scripts.timeline.clip_edit import Selection
from resolve_scripts.timeline.need import needed_media
from resolve_scripts.timeline.select import Wanted, select
from tests.resolve_scripts.timelines import marked, read, time_range, video_clips


@pytest.fixture
def gap(shared_media: Path) -> otio.schema.Timeline:
    """Two clips with a gap between, and the same as audio."""
    return read(shared_media / "tlrender" / "Gap.otio")


def reasons(selection: Selection) -> list[str]:
    return [each.error.reason for each in selection.refusals]


def test_nobodys_markers_ask_for_nothing(shared_media: Path) -> None:
    selection = select(read(shared_media / "tlrender" / "Markers.otio"), Wanted())
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
    (edit,) = select(gap, Wanted()).edits
    assert edit.clip is second
    assert (edit.instruction, edit.track_index) == (instruction, 0)


def test_the_note_of_a_resolve_marker_counts(gap: otio.schema.Timeline) -> None:
    metadata = {"Resolve_OTIO": {"Keywords": [], "Note": "VIA: make it\nsnow"}}
    marked(video_clips(gap)[0][1], "Marker 1", metadata=metadata)
    assert [edit.instruction for edit in select(gap, Wanted()).edits] == ["make it snow"]


def test_several_instructions_on_one_clip_are_refused_unless_equal(
    gap: otio.schema.Timeline,
) -> None:
    (_, first), (_, second) = video_clips(gap)
    marked(first, "VIA: make it night")
    marked(first, "via: make it  night")
    marked(second, "VIA: make it night")
    marked(second, "VIA: make it day")
    selection = select(gap, Wanted())
    assert [edit.clip for edit in selection.edits] == [first]
    assert reasons(selection) == ["SEVERAL_INSTRUCTIONS"]
    assert "make it day" in str(selection.refusals[0].error)


def test_what_no_clip_is_meant_by_is_named(gap: otio.schema.Timeline) -> None:
    track = gap.tracks[0]
    marked(track[0], "VIA:")
    marked(track[1], "VIA: make it night")
    gap.tracks.markers.append(
        otio.schema.Marker(name="VIA: make it night", marked_range=time_range(40, 1, 30))
    )
    selection = select(gap, Wanted())
    assert selection.edits == ()
    assert sorted(reasons(selection)) == ["INSTRUCTION_INVALID"] + 2 * ["MARKER_NOT_ON_CLIP"]


def test_audio_is_never_edited(gap: otio.schema.Timeline) -> None:
    marked(gap.tracks[1][0], "VIA: make it louder")
    assert select(gap, Wanted()) == Selection(edits=(), refusals=())
    with pytest.raises(UsageError, match="no video track 'Audio'"):
        select(gap, Wanted(instruction="x", track="Audio"))


def test_all_clips_of_the_only_video_track_take_the_instruction(gap: otio.schema.Timeline) -> None:
    for track in (None, "1", "Video"):
        selection = select(gap, Wanted(instruction="make it night", track=track))
        assert [edit.clip for edit in selection.edits] == [clip for _, clip in video_clips(gap)]


def test_a_track_is_found_by_name_before_number(shared_timelines: Path) -> None:
    timeline = read(shared_timelines / "multitrack.otio")
    timeline.tracks[0].name = "3"
    selection = select(timeline, Wanted(instruction="x", track="3"))
    assert {edit.track_index for edit in selection.edits} == {0}
    assert {e.track_index for e in select(timeline, Wanted(instruction="x", track="2")).edits} == {
        1
    }


@pytest.mark.parametrize("track", [None, "4", "0", "Sequence 9"])
def test_an_unclear_track_is_refused_with_the_list(
    shared_timelines: Path, track: str | None
) -> None:
    timeline = read(shared_timelines / "multitrack.otio")
    with pytest.raises(UsageError, match="2 'Sequence 2'"):
        select(timeline, Wanted(instruction="x", track=track))


def frames_of(selection: Selection) -> list[tuple[str, int, int]]:
    """Name and media frames of every edit."""
    needs = [(edit.clip.name, needed_media(edit).frames) for edit in selection.edits]
    return [(name, each.start_frame, each.end_frame_exclusive) for name, each in needs]


def test_clips_in_nested_compositions_are_edited_as_far_as_they_are_seen(
    shared_timelines: Path,
) -> None:
    timeline = read(shared_timelines / "nested_example.otio")
    assert frames_of(select(timeline, Wanted(instruction="x", clips=("Clip Inside*",)))) == [
        ("Clip Inside A Stack 1", 373, 404),
        ("Clip Inside A Stack 2", 429, 458),
        ("Clip Inside A Track", 471, 472),
    ]


@pytest.mark.parametrize("owner", ["stack", "clip"])
def test_a_marker_on_or_inside_a_nested_stack_is_found(shared_timelines: Path, owner: str) -> None:
    timeline = read(shared_timelines / "nested_example.otio")
    stack = timeline.tracks[0][1]
    inner = next(iter(stack.find_children(descended_from_type=otio.schema.Clip)))
    marked(stack if owner == "stack" else inner, "VIA: make it night")
    (edit,) = select(timeline, Wanted()).edits
    assert edit.clip is inner
    assert edit.name == "Clip Inside A Stack 1 at 00:00:09:22"


@pytest.mark.parametrize("place", ["clip", "track", "stack"])
def test_every_time_effect_that_reaches_the_clip_counts(
    gap: otio.schema.Timeline, place: str
) -> None:
    owner = {"clip": gap.tracks[0][0], "track": gap.tracks[0], "stack": gap.tracks}[place]
    owner.effects.append(otio.schema.FreezeFrame())
    first = select(gap, Wanted(instruction="x")).edits[0]
    assert needed_media(first).frames.frame_count == 1
    owner.effects[:] = [otio.schema.TimeEffect(effect_name="Speed Ramp")]
    with pytest.raises(ClipNotSupportedError, match="Speed Ramp"):
        needed_media(select(gap, Wanted(instruction="x")).edits[0])


def test_normal_speed_and_looks_are_no_retime(gap: otio.schema.Timeline) -> None:
    gap.tracks[0][0].effects.append(otio.schema.LinearTimeWarp(time_scalar=1.0))
    gap.tracks[0][0].effects.append(otio.schema.Effect(effect_name="Blur"))
    assert reasons(select(gap, Wanted(instruction="x"))) == []


def test_a_track_shows_only_what_it_does_not_trim_away(gap: otio.schema.Timeline) -> None:
    gap.tracks[0].source_range = time_range(10, 60, 30)
    selection = select(gap, Wanted(instruction="x"))
    assert frames_of(selection) == [
        ("BART_2021-02-07", 100, 120),
        ("BART_2021-02-07", 150, 160),
    ]


@pytest.mark.parametrize(
    ("start", "count", "frames"),
    [
        (100, 10, [(100, 110)]),
        (80, 20, [(90, 100)]),
        (115, 99, [(115, 120)]),
        (100, 1, [(90, 120)]),
    ],
)
def test_a_marker_over_a_range_means_the_range_and_a_point_the_clip(
    gap: otio.schema.Timeline, start: int, count: int, frames: list[tuple[int, int]]
) -> None:
    marker = otio.schema.Marker(name="VIA: x", marked_range=time_range(start, count, 30))
    gap.tracks[0][0].markers.append(marker)
    found = frames_of(select(gap, Wanted()))
    assert [(first, after) for _, first, after in found] == frames


def test_ranges_apart_on_one_clip_are_edits_apart(gap: otio.schema.Timeline) -> None:
    clip = gap.tracks[0][0]
    for start, text in ((90, "VIA: make it night"), (105, "VIA: make it day")):
        clip.markers.append(otio.schema.Marker(name=text, marked_range=time_range(start, 10, 30)))
    edits = select(gap, Wanted()).edits
    assert [(edit.instruction, needed_media(edit).record_frames[0]) for edit in edits] == [
        ("make it night", 0),
        ("make it day", 15),
    ]
    assert edits[1].name == "BART_2021-02-07 at 00:00:00:15"
    clip.markers.append(otio.schema.Marker(name="VIA: z", marked_range=time_range(98, 10, 30)))
    assert reasons(select(gap, Wanted())) == ["SEVERAL_INSTRUCTIONS"]


def two_tracks() -> otio.schema.Timeline:
    """A long shot below a short one, from 01:00:00:00."""
    timeline = otio.schema.Timeline(global_start_time=otio.opentime.RationalTime(86400, 24))
    for name, lead, count in (("plate", 0, 100), ("insert", 40, 20)):
        track = otio.schema.Track(name)
        if lead:
            track.append(otio.schema.Gap(source_range=time_range(0, lead)))
        media = otio.schema.ExternalReference(f"/{name}.mov", time_range(0, 500))
        track.append(otio.schema.Clip(name, media, time_range(10, count)))
        timeline.tracks.append(track)
    return timeline


@pytest.mark.parametrize(
    ("start", "count", "found"),
    [
        (50, 1, [("insert", 10, 30)]),
        (5, 1, [("plate", 10, 110)]),
        (30, 40, [("plate", 40, 50), ("plate", 70, 80), ("insert", 10, 30)]),
        (86400 + 5, 1, [("plate", 10, 110)]),
    ],
)
def test_a_marker_on_the_timeline_means_what_a_viewer_sees(
    start: int, count: int, found: list[tuple[str, int, int]]
) -> None:
    timeline = two_tracks()
    marker = otio.schema.Marker(name="VIA: x", marked_range=time_range(start, count), color="MINT")
    timeline.tracks.markers.append(marker)
    assert frames_of(select(timeline, Wanted())) == found


def test_notes_say_what_the_place_means() -> None:
    plate, insert = select(two_tracks(), Wanted(instruction="x", clips=("*",))).edits
    assert [note.split()[2] for note in plate.notes] == ["under"]
    assert insert.notes == ()
    assert needed_media(plate).notes == plate.notes


def test_a_marker_on_a_track_means_the_clips_of_the_track() -> None:
    timeline = two_tracks()
    timeline.tracks[0].markers.append(
        otio.schema.Marker(name="VIA: x", marked_range=time_range(30, 40))
    )
    assert frames_of(select(timeline, Wanted())) == [("plate", 40, 80)]


def test_clip_names_and_record_ranges_narrow_the_choice() -> None:
    timeline = two_tracks()
    named = Wanted(instruction="x", clips=("ins*",))
    assert [edit.clip.name for edit in select(timeline, named).edits] == ["insert"]
    ranged = Wanted(instruction="x", ranges=("01:00:02:00:01:00:04:00",))
    assert frames_of(select(timeline, ranged)) == [("plate", 58, 106), ("insert", 18, 30)]
    framed = Wanted(instruction="x", ranges=("48:96",), track="insert")
    assert frames_of(select(timeline, framed)) == [("insert", 18, 30)]


def test_a_note_that_wraps_json_counts(gap: otio.schema.Timeline) -> None:
    note = '{"note": {"text": ["VIA: make it\\nsnow"]}}'
    marked(gap.tracks[0][0], "Marker 1", color="LEMON", metadata={"Resolve_OTIO": {"Note": note}})
    assert [edit.instruction for edit in select(gap, Wanted()).edits] == ["make it snow"]


def test_vias_own_tracks_and_generators_are_passed_over() -> None:
    timeline = two_tracks()
    timeline.tracks[1].metadata["via"] = {"version": 1}
    timeline.tracks[0].append(
        otio.schema.Clip("bars", otio.schema.GeneratorReference(), time_range(0, 5))
    )
    everything = Wanted(instruction="x", clips=("*",))
    assert [edit.clip.name for edit in select(timeline, everything).edits] == ["plate"]


def test_a_genuine_resolve_timeline_is_read_whole(shared_timelines: Path) -> None:
    timeline = read(shared_timelines / "resolve" / "effects.otio")
    numbers = [index for index, track in enumerate(timeline.tracks) if track.kind == "Video"]
    found = 0
    for number in range(1, len(numbers) + 1):
        selection = select(timeline, Wanted(instruction="x", track=str(number)))
        found += len(selection.edits) + len(selection.refusals)
    assert found == len(video_clips(timeline)) > 10
