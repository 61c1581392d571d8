"""Timeline files of every kind: what is read, what is refused by name, what comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import opentimelineio as otio
import pytest

from resolve_scripts.errors import (
    ClipNotSupportedError,
    MissingMediaError,
    OutputError,
    TimelineError,
    ViaClientError,
)
from resolve_scripts.timeline.formats import read_timeline, write_timeline
from resolve_scripts.timeline.media import Movie, find_media
from resolve_scripts.timeline.need import needed_media
from resolve_scripts.timeline.paths import path_map
from resolve_scripts.timeline.place import PlaceMode, place
from resolve_scripts.timeline.select import Wanted, select
from tests.resolve_scripts.timelines import placed_edits, read, time_range

EVERYTHING = Wanted(instruction="x", clips=("*",))


def test_every_shared_file_is_planned_or_refused_by_name(
    shared_media: Path, shared_timelines: Path
) -> None:
    files = [*shared_media.glob("tlrender/*.otio"), *shared_timelines.rglob("*.*")]
    counts: dict[str, int] = {}
    for path in files:
        try:
            found = read_timeline(path)
        except TimelineError as error:
            assert "fcpx_example.fcpxml holds 2 timelines" in str(error)
            found = read_timeline(path, name="OpenTimeline_Project")
        selection = select(found.timeline, EVERYTHING)
        counts[path.name] = len(selection.edits)
        for edit in selection.edits:
            try:
                assert needed_media(edit, handles=5).frames.frame_count > 0
                find_media(edit.clip, found.folder)
            except (ClipNotSupportedError, MissingMediaError) as error:
                assert len(str(error)) > 20
    assert len(files) == 23
    assert min(counts.values()) > 0
    assert counts["speed_effects.edl"] == 548


@pytest.mark.parametrize(
    ("name", "rate", "start", "clips"),
    [("25fps", 25, 0, 4), ("screening_example", 24, 86243, 9), ("speed_effects", 24, 86400, 548)],
)
def test_an_edl_is_read_in_record_time(
    shared_timelines: Path, name: str, rate: int, start: int, clips: int
) -> None:
    path = shared_timelines / "edl" / f"{name}.edl"
    found = read_timeline(path)
    assert found.timeline.global_start_time == otio.opentime.RationalTime(start, rate)
    assert str(rate) in found.notes[0]
    edits = select(found.timeline, EVERYTHING).edits
    assert len(edits) == clips
    # The list's own first event: reel, and record start as its sixth timecode column says.
    columns = next(
        line.split() for line in path.read_text().splitlines() if line.startswith(("001", "000001"))
    )
    assert edits[0].name.endswith(f" at {columns[6]}")


def test_an_edl_goes_out_as_it_came_in(shared_timelines: Path, tmp_path: Path) -> None:
    path = shared_timelines / "edl" / "screening_example.edl"
    timeline = read_timeline(path).timeline
    result = place(timeline, placed_edits(timeline), mode=PlaceMode.REPLACE)
    write_timeline(result, tmp_path / "out.edl")

    def events(text: str) -> list[list[str]]:
        lines = (line.split() for line in text.splitlines())
        return [columns[6:8] for columns in lines if len(columns) == 8 and columns[3] == "C"]

    assert events((tmp_path / "out.edl").read_text()) == events(path.read_text())
    with pytest.raises(OutputError, match="--place replace"):
        write_timeline(place(timeline, placed_edits(timeline)), tmp_path / "two.edl")
    assert [each.name for each in tmp_path.iterdir()] == ["out.edl"]


SPEEDS = """TITLE: SPEEDS
FCM: NON-DROP FRAME
001  AX V     C        01:00:00:00 01:00:02:00 01:00:00:00 01:00:02:00
M2   AX       -024.0                01:00:00:00
002  AX V     C        01:00:04:00 01:00:05:00 01:00:02:00 01:00:04:00
M2   AX       012.0                01:00:04:00
003  AX V     C        01:00:04:00 01:00:08:00 01:00:04:00 01:00:06:00
M2   AX       -048.0                01:00:04:00
004  AX V     C        01:00:04:00 01:00:05:00 01:00:06:00 01:00:07:00
M2   AX       000.0                01:00:04:00
"""


def test_speeds_the_edl_adapter_drops_are_told(tmp_path: Path) -> None:
    (tmp_path / "speeds.edl").write_text(SPEEDS)
    timeline = read_timeline(tmp_path / "speeds.edl").timeline
    found = []
    for edit in select(timeline, EVERYTHING).edits:
        try:
            found.append(needed_media(edit).shown.frame_count)
        except ClipNotSupportedError as error:
            found.append(error.reason)
    assert found == ["RETIME_NOT_SUPPORTED", 24, "RETIME_NOT_SUPPORTED", 1]


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        # Of the two clips of that name, the one that is retimed.
        ("IMG_0687", [("IMG_0687", 3600)]),
        # All that a retimed compound shows.
        ("compound_clip_1", [("IMG_0233", 2400), ("IMG_0268", 2891)]),
    ],
)
def test_retimes_the_fcpxml_adapter_drops_are_refused(
    shared_timelines: Path, tmp_path: Path, name: str, refused: list[tuple[str, int]]
) -> None:
    root = ElementTree.parse(shared_timelines / "fcpxml" / "fcpx_example.fcpxml").getroot()
    spine = next(root.iter("project")).find("sequence/spine")
    assert spine is not None
    element = next(each for each in spine if each.get("name") == name)
    element.insert(0, ElementTree.fromstring('<timeMap><timept time="0s" value="0s"/></timeMap>'))
    ElementTree.ElementTree(root).write(tmp_path / "retimed.fcpxml")
    timeline = read_timeline(tmp_path / "retimed.fcpxml", name="OpenTimeline_Project").timeline
    edits = select(timeline, EVERYTHING).edits
    problems = [edit for edit in edits if edit.place.problem is not None]
    assert [
        (edit.clip.name, edit.span.frames(edit.place.record_rate)[0]) for edit in problems
    ] == refused


@pytest.mark.parametrize(
    ("value", "reverse", "refused"),
    [("100", "FALSE", False), ("200", "FALSE", True), ("100", "TRUE", True)],
)
def test_a_final_cut_time_remap_counts(
    shared_timelines: Path, tmp_path: Path, value: str, reverse: str, refused: bool
) -> None:
    parameters = "".join(
        f"<parameter><parameterid>{key}</parameterid><value>{said}</value></parameter>"
        for key, said in (("speed", value), ("reverse", reverse), ("variablespeed", "0"))
    )
    effect = f"<name>Time Remap</name><effectid>timeremap</effectid>{parameters}"
    text = (shared_timelines / "fcp7xml" / "premiere_example.xml").read_text()
    where = text.index("</clipitem>")
    changed = f"{text[:where]}<filter><effect>{effect}</effect></filter>{text[where:]}"
    (tmp_path / "cut.xml").write_text(changed)
    timeline = read_timeline(tmp_path / "cut.xml").timeline
    problems = [edit.place.problem for edit in select(timeline, EVERYTHING).edits]
    assert any(problems) is refused


@pytest.mark.parametrize("target", ["path", "relative", "url"])
@pytest.mark.parametrize("suffix", [".otio", ".otioz", ".otiod", ".xml", ".fcpxml"])
def test_a_timeline_comes_back_from_every_format_that_carries_it(
    shared_media: Path, tmp_path: Path, suffix: str, target: str
) -> None:
    source = read(shared_media / "tlrender" / "Gap.otio")
    movie = shared_media / "tlrender" / "BART_2021-02-07.m4v"
    targets = {"path": str(movie), "relative": movie.name, "url": movie.as_uri()}
    del source.tracks[1]
    for clip in source.find_clips():
        clip.media_reference.target_url = targets[target]
    path = tmp_path / f"cut{suffix}"
    write_timeline(source, path, folder=movie.parent)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    found = read_timeline(path, unpack_to=tmp_path / "media")
    edits = select(found.timeline, EVERYTHING).edits
    ranges = [needed_media(edit).frames for edit in edits]
    assert [(each.start_frame, each.end_frame_exclusive) for each in ranges] == [
        (90, 120),
        (150, 180),
    ]
    assert [edit.place.window.start_s for edit in edits] == [0, 2]
    folder = movie.parent if (suffix, target) == (".otio", "relative") else found.folder
    media = find_media(edits[0].clip, folder)
    assert isinstance(media, Movie)
    assert media.path.read_bytes() == movie.read_bytes()


@pytest.mark.parametrize("suffix", [".otioz", ".otiod"])
def test_a_bundle_takes_mapped_media_along_and_names_what_it_lacks(
    tmp_path: Path, suffix: str
) -> None:
    here = tmp_path / "media"
    (here / "renders").mkdir(parents=True)
    timeline = otio.schema.Timeline()
    clips = []
    for name in ("a", "b", "gone"):
        media = otio.schema.ExternalReference(rf"D:\media\{name}.mov", time_range(0, 50))
        clips.append(otio.schema.Clip(name, media, time_range(0, 10)))
        if name != "gone":
            (here / f"{name}.mov").write_text(name)
    timeline.tracks.append(otio.schema.Track("V1", clips))
    placed = placed_edits(timeline)[:1]
    object.__setattr__(placed[0], "rendered", here / "renders" / "a_via.mov")
    placed[0].rendered.write_text("render")
    paths = path_map([rf"D:\media={here}"])
    out = tmp_path / f"out{suffix}"
    result = place(timeline, placed, path_map=paths)
    assert write_timeline(result, out, path_map=paths) == ["gone"]
    found = read_timeline(out, unpack_to=tmp_path / "unpacked")
    texts = []
    for clip in found.timeline.find_clips():
        if clip.name == "gone":
            assert isinstance(clip.media_reference, otio.schema.MissingReference)
            continue
        media = find_media(clip, found.folder)
        assert isinstance(media, Movie)
        texts.append(media.path.read_text())
    assert texts == ["a", "b", "render"]


def test_one_clip_alone_is_a_timeline(shared_timelines: Path) -> None:
    found = read_timeline(shared_timelines / "ayon" / "movie_with_handles.json")
    assert [clip.name for clip in found.timeline.find_clips()] == ["simple_editorial_setup.mp4"]


def test_a_clip_without_anything_shows_no_frame(tmp_path: Path) -> None:
    (tmp_path / "clip.otio").write_text('{"OTIO_SCHEMA": "Clip.1"}')
    assert select(read_timeline(tmp_path / "clip.otio").timeline, EVERYTHING).edits == ()


@pytest.mark.parametrize(
    "change", ['"active_media_reference_key": "gone"', '"media_references": {}']
)
def test_a_clip_whose_media_is_none_is_missing_it(tmp_path: Path, change: str) -> None:
    clip = otio.schema.Clip("shot", source_range=time_range(1, 5))
    values = {**json.loads(clip.to_json_string()), **json.loads(f"{{{change}}}")}
    (tmp_path / "clip.otio").write_text(json.dumps(values))
    found = read_timeline(tmp_path / "clip.otio")
    (edit,) = select(found.timeline, EVERYTHING).edits
    assert needed_media(edit).frames.frame_count == 5
    with pytest.raises(MissingMediaError):
        find_media(edit.clip, found.folder)


def test_a_timeline_is_chosen_by_its_name(shared_timelines: Path) -> None:
    path = shared_timelines / "fcpxml" / "fcpx_example.fcpxml"
    assert read_timeline(path, name="OpenTimeline_Project 1").timeline.name.endswith(" 1")
    with pytest.raises(TimelineError, match="no timeline 'x'"):
        read_timeline(path, name="x")


def serialized(**changes: Any) -> str:
    """A minimal timeline as JSON, with some of its values changed."""
    timeline = otio.schema.Timeline("cut")
    timeline.tracks.append(otio.schema.Track("V1"))
    return json.dumps({**json.loads(timeline.to_json_string()), **changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no timeline",
        "[1, 2",
        "\x00\xff",
        '{"OTIO_SCHEMA": "Marker.2"}',
        serialized(OTIO_SCHEMA="Timeline.99"),
        serialized(OTIO_SCHEMA="Quilt.1"),
        serialized(tracks=None),
        serialized(tracks={"OTIO_SCHEMA": "Stack.99"}),
        serialized(tracks={"OTIO_SCHEMA": "SerializableObjectRef.1", "id": "Timeline-1"}),
    ],
)
def test_what_is_no_timeline_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cut.otio"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(TimelineError, match=r"cut\.otio"):
        select(read_timeline(path).timeline, Wanted())


def test_a_stack_that_holds_itself_is_refused(tmp_path: Path) -> None:
    loop = {"OTIO_SCHEMA": "Stack.1", "OTIO_REF_ID": "Stack-1", "name": "loop"}
    inner = {"OTIO_SCHEMA": "SerializableObjectRef.1", "id": "Stack-1"}
    (tmp_path / "cut.otio").write_text(serialized(tracks={**loop, "children": [inner]}))
    with pytest.raises(TimelineError, match=r"cut\.otio"):
        select(read_timeline(tmp_path / "cut.otio").timeline, EVERYTHING)


@pytest.mark.parametrize(("rate", "value"), [(0, 1), (-24, 1), (24, "NaN"), (24, "Infinity")])
def test_times_that_are_none_are_named(tmp_path: Path, rate: float, value: object) -> None:
    timeline = otio.schema.Timeline()
    clip = otio.schema.Clip("shot", source_range=time_range(1, 1))
    timeline.tracks.append(otio.schema.Track("V1", [clip]))
    text = timeline.to_json_string().replace("24.0", str(rate)).replace("1.0", str(value))
    (tmp_path / "cut.otio").write_text(text)
    with pytest.raises(TimelineError, match="shot has the time"):
        read_timeline(tmp_path / "cut.otio")


@pytest.mark.parametrize("suffix", [".otioz", ".otiod", ".xml", ".fcpxml", ".edl", ".aaf"])
def test_broken_files_of_every_format_are_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(b"<broken \x00 {")
    with pytest.raises(ViaClientError, match=rf"cut\{suffix}"):
        read_timeline(path)


def test_names_of_any_script_survive(tmp_path: Path) -> None:
    names = ["a/b\\c", "🎬 take", "לילה", "<&>\"'", "x" * 300]
    timeline = otio.schema.Timeline("\u202edrow")
    track = otio.schema.Track("ערוץ/1")
    timeline.tracks.append(track)
    for name in names:
        media = otio.schema.ExternalReference("/a.mov", time_range(0, 50))
        track.append(otio.schema.Clip(name, media, time_range(0, 10)))
    write_timeline(place(timeline, placed_edits(timeline)), tmp_path / "out.otio")
    result = read(tmp_path / "out.otio")
    assert [clip.name for clip in result.tracks[1]] == names
    picked = select(result, Wanted(instruction="x", track="ערוץ/1", clips=("🎬*", names[0])))
    assert [edit.clip.name for edit in picked.edits] == names[:2]


def test_an_empty_timeline_asks_for_nothing() -> None:
    timeline = otio.schema.Timeline()
    assert select(timeline, EVERYTHING).edits == ()
    timeline.tracks.append(otio.schema.Track("V1"))
    timeline.tracks[0].append(otio.schema.Stack("empty"))
    assert select(timeline, EVERYTHING).edits == ()
    assert place(timeline, []).tracks[0].name == "V1"


def test_writing_is_all_or_nothing(tmp_path: Path, shared_media: Path) -> None:
    timeline = read(shared_media / "tlrender" / "SingleClip.otio")
    with pytest.raises(OutputError, match="cannot write"):
        write_timeline(timeline, tmp_path / "missing" / "cut.otio")
    (tmp_path / "cut.otio").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        write_timeline(timeline, tmp_path / "cut.otio")
    with pytest.raises(OutputError, match=r"\.mov"):
        write_timeline(timeline, tmp_path / "cut.mov")
    assert [path.name for path in tmp_path.iterdir()] == ["cut.otio"]
