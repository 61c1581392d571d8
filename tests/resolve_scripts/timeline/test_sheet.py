"""Instruction sheets: rows to edits, and rows that mean nothing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolve_scripts.errors import UsageError
from resolve_scripts.timeline.clip_edit import Selection
from resolve_scripts.timeline.need import needed_media
from resolve_scripts.timeline.rates import exact_rate, seconds
from resolve_scripts.timeline.record import RecordClock
from resolve_scripts.timeline.select import Wanted, select
from resolve_scripts.timeline.selection.record_range import record_span
from resolve_scripts.timeline.sheet import read_sheet
from tests.resolve_scripts.timelines import time_range

COMMAS = """clip,range,track,instruction,seed,mask
shot_010,,,make it night,7,
shot_0?0,01:00:04:00-01:00:05:00,,"add rain, lots",,masks/rain.mov
,24:36,V2,make it snow,,
"""
SEMICOLONS = COMMAS.replace(",", ";").replace('"add rain; lots"', "add rain, lots")
TOML = """[[edit]]
clip = "shot_010"
instruction = "make it night"
seed = 7

[[edit]]
clip = "shot_0?0"
range = "01:00:04:00-01:00:05:00"
instruction = "add rain, lots"
mask = "masks/rain.mov"

[[edit]]
range = "24:36"
track = "V2"
instruction = "make it snow"
"""


@pytest.fixture
def cut() -> otio.schema.Timeline:
    """Two shots of 72 frames from 01:00:00:00 on, a third one over the first."""
    timeline = otio.schema.Timeline(global_start_time=otio.opentime.RationalTime(86400, 24))
    for track, names in (("V1", ("shot_010", "shot_020")), ("V2", ("over",))):
        clips = [
            otio.schema.Clip(
                name,
                otio.schema.ExternalReference(f"/{name}.mov", time_range(0, 500)),
                time_range(100, 72),
            )
            for name in names
        ]
        timeline.tracks.append(otio.schema.Track(track, clips))
    return timeline


def selected(cut: otio.schema.Timeline, path: Path, **options: str) -> Selection:
    return select(cut, Wanted(sheet=read_sheet(path), **options))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("edits.csv", COMMAS),
        ("edits.csv", "\ufeff" + COMMAS.replace("\n", "\r\n")),
        ("edits.csv", SEMICOLONS),
        ("edits.toml", TOML),
    ],
)
def test_rows_become_edits(cut: otio.schema.Timeline, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(text.encode())
    found = selected(cut, tmp_path / name)
    assert found.refusals == ()
    assert [
        (edit.clip.name, edit.instruction, dict(edit.options), needed_media(edit).record_frames)
        for edit in found.edits
    ] == [
        ("shot_010", "make it night", {"seed": "7"}, range(72)),
        ("shot_020", "add rain, lots", {"mask": "masks/rain.mov"}, range(96, 120)),
        ("over", "make it snow", {}, range(24, 36)),
    ]


def test_empty_cells_beyond_the_header_mean_nothing(
    cut: otio.schema.Timeline, tmp_path: Path
) -> None:
    (tmp_path / "edits.csv").write_text("clip,instruction\nover,make it night,, \n")
    (edit,) = selected(cut, tmp_path / "edits.csv").edits
    assert edit.instruction == "make it night"


def test_rows_that_mean_nothing_are_named_by_their_number(
    cut: otio.schema.Timeline, tmp_path: Path
) -> None:
    path = tmp_path / "edits.csv"
    path.write_text(
        "clip,range,track,instruction\n"
        "shot_999,,,x\n"
        "shot_010,200:300,,x\n"
        "shot_010,,V7,x\n"
        "shot_010,9:3,,x\n"
        ",,,\n"
        "over,,,\n"
    )
    found = selected(cut, path, instruction="make it night")
    assert [(each.name, each.error.reason) for each in found.refusals] == [
        ("row 2 of the sheet", "CLIP_NOT_FOUND"),
        ("row 3 of the sheet", "CLIP_NOT_FOUND"),
        ("row 4 of the sheet", "USAGE"),
        ("row 5 of the sheet", "RANGE_EMPTY"),
    ]
    assert [(edit.clip.name, edit.instruction) for edit in found.edits] == [
        ("over", "make it night")
    ]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("edits.csv", "clip,instruction\n", "holds no edit"),
        ("edits.csv", "instruction\nmake it night\n", "row 2 .* neither clip nor range"),
        ("edits.csv", "clip,instruction\na,x\nb,make it night, with rain\n", "row 3 .*quotes"),
        ("edits.csv", "clip;instruction\na;x;;rain\n", "row 2 .*'rain'"),
        ("edits.csv", "clip\n\xff", "cannot read"),
        ("edits.toml", "[[edit]\n", "no TOML"),
        ("edits.toml", "edit = 3\n", r"\[\[edit\]\]"),
    ],
)
def test_sheets_that_cannot_be_read_are_named(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=words):
        read_sheet(tmp_path / name)
    with pytest.raises(UsageError, match="cannot read"):
        read_sheet(tmp_path / "gone.csv")


@pytest.mark.parametrize(
    ("text", "rate", "frames"),
    [
        ("0:24", 24.0, range(24)),
        (" 24 - 48 ", 23.976, range(24, 48)),
        ("01:00:01:00:01:00:02:00", 24.0, range(24, 48)),
        ("01:00:00;00-01:01:00;02", 29.97, range(1800)),
    ],
)
def test_record_ranges_are_read(text: str, rate: float, frames: range) -> None:
    hour = otio.opentime.from_timecode(
        "01:00:00;00" if rate == 29.97 else "01:00:00:00", float(exact_rate(rate))
    )
    clock = RecordClock(rate=rate, start_s=seconds(hour))
    assert record_span(text, clock).frames(exact_rate(rate)) == frames
    assert clock.timecode(Fraction(0)) == ("01:00:00;00" if rate == 29.97 else "01:00:00:00")


@given(
    nominal=st.sampled_from([30, 60]),
    is_dropping=st.booleans(),
    start_hour=st.integers(1, 22),
    start=st.integers(0, 200_000),
    count=st.integers(1, 200_000),
)
def test_a_range_of_the_nles_own_labels_names_its_frames(
    *, nominal: int, is_dropping: bool, start_hour: int, start: int, count: int
) -> None:
    """OpenTimelineIO labels the frames; the range is written with ":" throughout."""
    rate = Fraction(nominal * 1000, 1001)
    hour = f"{start_hour:02d}:00:00{';' if is_dropping else ':'}00"
    first = otio.opentime.from_timecode(hour, float(rate))

    def label(frame: int) -> str:
        time = first + otio.opentime.RationalTime(frame, float(rate))
        return otio.opentime.to_timecode(time, float(rate), is_dropping).replace(";", ":")

    clock = RecordClock(rate=float(rate), start_s=seconds(first))
    span = record_span(f"{label(start)}:{label(start + count)}", clock)
    assert span.frames(rate) == range(start, start + count)


def test_labels_count_as_they_are_written_where_the_start_tells_nothing() -> None:
    clock = RecordClock(rate=29.97, start_s=Fraction(0))
    rate = exact_rate(29.97)
    assert record_span("00:01:00:00:00:01:00:10", clock).frames(rate) == range(1800, 1810)
    assert record_span("00:01:00;02:00:01:00;12", clock).frames(rate) == range(1800, 1810)


@pytest.mark.parametrize(
    ("frames", "rate", "label"),
    [
        (107892, 29.97, "01:00:00;00"),
        (108000, 29.97, "01:00:00:00"),
        (215784, 59.94, "01:00:00;00"),
        (86400, 23.976, "01:00:00:00"),
        (45000, 12.5, "3600.000 s"),
    ],
)
def test_timecode_is_labelled_as_the_timeline_starts_evenly(
    frames: int, rate: float, label: str
) -> None:
    clock = RecordClock(rate=rate, start_s=frames / exact_rate(rate))
    assert clock.timecode(Fraction(0)) == label


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("all", "no record range"),
        ("10:10", "holds no frame"),
        ("00:59:00:00:01:00:00:00", "before the timeline, which starts at 01:00:00:00"),
        ("01:00:00:30:01:00:02:00", "no timecode at 24 fps"),
    ],
)
def test_record_ranges_that_are_none_are_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        record_span(text, RecordClock(rate=24.0, start_s=Fraction(3600)))
