"""Edit decision lists: which rate, which frames of media whose rate the list does not say."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolve_scripts.errors import ClipNotSupportedError, TimelineError, UsageError
from resolve_scripts.timeline.formats import TimelineFile, read_timeline
from resolve_scripts.timeline.need import MediaFacts, MediaNeed, needed_media
from resolve_scripts.timeline.place import PlaceMode, place
from resolve_scripts.timeline.rates import exact_rate
from resolve_scripts.timeline.select import Wanted, select
from tests.resolve_scripts.timelines import placed_edits, time_range

EVERYTHING = Wanted(instruction="x", clips=("*",))
FRAMES = 5_000_000
NTSC = {24: Fraction(24000, 1001), 30: Fraction(30000, 1001), 60: Fraction(60000, 1001)}


def listed(folder: Path, *events: str, fcm: str = "NON-DROP FRAME") -> Path:
    """A list of events, each the source and the record timecodes of a cut."""
    lines = [f"{number:03d}  AX V     C        {each}" for number, each in enumerate(events, 1)]
    path = folder / "cut.edl"
    path.write_text("\n".join(["TITLE: CUT", f"FCM: {fcm}", *lines, ""]))
    return path


def facts_of(rate: Fraction, start: str) -> MediaFacts:
    return MediaFacts(frame_rate=rate, frame_count=FRAMES, start_timecode=start)


def needs_of(found: TimelineFile, facts: MediaFacts) -> list[MediaNeed]:
    return [needed_media(edit, facts=facts) for edit in select(found.timeline, EVERYTHING).edits]


@given(
    nominal=st.sampled_from(sorted(NTSC)),
    start_hour=st.integers(0, 22),
    skipped=st.integers(0, 30 * 3600),
    count=st.integers(1, 300),
    is_rate_said=st.booleans(),
    is_dropping=st.booleans(),
)
def test_the_frame_a_list_names_is_the_one_the_media_shows(
    *,
    nominal: int,
    start_hour: int,
    skipped: int,
    count: int,
    is_rate_said: bool,
    is_dropping: bool,
) -> None:
    """OpenTimelineIO labels media frames; the list is written without a sign for drop frame."""
    rate, drop = NTSC[nominal], is_dropping and nominal != 24
    sign = ";" if drop else ":"
    start = f"{start_hour:02d}:00:00{sign}00"
    first = int(otio.opentime.from_timecode(start, float(rate)).value)

    def label(frame: int) -> str:
        time = otio.opentime.RationalTime(first + frame, float(rate))
        return otio.opentime.to_timecode(time, float(rate), drop).replace(";", ":")

    source = f"{label(skipped)} {label(skipped + count)}"
    # Record labels as long as the plain reading of the source ones; the first event fixes the rate.
    length = otio.opentime.from_timecode(label(skipped + count), nominal)
    length -= otio.opentime.from_timecode(label(skipped), nominal)
    if length.value < 1:  # a minute's dropped labels only
        return
    hour = otio.opentime.RationalTime(nominal * 3600 + nominal, nominal)
    record = f"01:00:01:00 {otio.opentime.to_timecode(hour + length)}"
    leader = f"{start_hour:02d}:00:00:{nominal - 1} {start_hour:02d}:00:01:00"
    with TemporaryDirectory() as folder:
        path = listed(
            Path(folder), f"{leader} 01:00:00:{nominal - 1} 01:00:01:00", f"{source} {record}"
        )
        found = read_timeline(path, frame_rate=float(rate) if is_rate_said else None)
    need = needs_of(found, facts_of(rate, start))[-1]
    assert need.media_frame(need.record_frames[0]) == need.frames.start_frame == skipped


def test_ntsc_media_of_a_list_without_rate_keeps_its_frames(tmp_path: Path) -> None:
    path = listed(tmp_path, "01:00:10:00 01:00:12:00 01:00:00:00 01:00:02:00")
    (need,) = needs_of(read_timeline(path), facts_of(NTSC[24], "01:00:00:00"))
    assert (need.frames.start_frame, need.frames.end_frame_exclusive) == (240, 288)
    assert [need.media_frame(frame) for frame in need.record_frames] == list(range(240, 288))


def test_without_available_range_near_rates_count_the_same_frames() -> None:
    timeline = otio.schema.Timeline()
    clip = otio.schema.Clip("a", otio.schema.ExternalReference("/a.mov"), time_range(100, 48))
    timeline.tracks.append(otio.schema.Track("V1", [clip]))
    (edit,) = select(timeline, EVERYTHING).edits
    need = needed_media(edit, facts=facts_of(NTSC[24], ""))
    assert (need.frames.start_frame, need.frames.end_frame_exclusive) == (100, 148)


@pytest.mark.parametrize("mode", PlaceMode)
def test_edits_of_plainly_labelled_drop_frame_media_lie_in_their_renders(
    tmp_path: Path, mode: PlaceMode
) -> None:
    path = listed(
        tmp_path,
        "01:00:10:00 01:00:11:00 01:00:00:00 01:00:01:00",
        "01:00:10:29 01:00:11:29 01:00:01:00 01:00:02:00",
    )
    timeline = read_timeline(path).timeline
    placed = placed_edits(timeline, facts=facts_of(NTSC[30], "01:00:00;00"))
    assert [one.need.frames.start_frame for one in placed] == [300, 329]
    result = place(timeline, placed, mode=mode)
    edits = [clip for clip in result.find_clips() if "via" in clip.metadata]
    assert [clip.source_range.clamped(clip.available_range()) for clip in edits] == [
        clip.source_range for clip in edits
    ]


@pytest.mark.parametrize("rate", [23.976, 23.98, 24000 / 1001, 29.97, 59.94])
def test_rates_are_said_as_people_spell_them(tmp_path: Path, rate: float) -> None:
    path = listed(tmp_path, "01:00:10:00 01:00:12:00 01:00:00:00 01:00:02:00")
    found = read_timeline(path, frame_rate=rate)
    assert exact_rate(found.timeline.global_start_time.rate) == exact_rate(rate)
    assert found.notes == ()


@pytest.mark.parametrize("rate", [0.0, -24.0, float("nan"), float("inf")])
def test_rates_that_are_none_are_refused(tmp_path: Path, rate: float) -> None:
    path = listed(tmp_path, "01:00:10:00 01:00:12:00 01:00:00:00 01:00:02:00")
    with pytest.raises(UsageError, match="--rate"):
        read_timeline(path, frame_rate=rate)


def test_a_guess_the_media_contradicts_is_refused_and_a_said_rate_is_not(tmp_path: Path) -> None:
    path = listed(tmp_path, "00:00:10:00 00:00:12:00 01:00:00:00 01:00:02:00")
    with pytest.raises(ClipNotSupportedError, match="--rate") as caught:
        needs_of(read_timeline(path), facts_of(Fraction(25), ""))
    assert caught.value.reason == "FRAME_RATE_DIFFERS"
    (need,) = needs_of(read_timeline(path, frame_rate=25), facts_of(Fraction(25), ""))
    assert need.frames.start_frame == 250
    (need,) = needs_of(read_timeline(path, frame_rate=24), facts_of(Fraction(25), ""))
    assert need.frames.start_frame == 250


def test_the_fcm_line_says_that_labels_drop_frames(tmp_path: Path) -> None:
    path = listed(
        tmp_path,
        "01:01:00:02 01:02:00:02 01:00:00:00 01:00:59:28",
        fcm="DROP FRAME",
    )
    found = read_timeline(path)
    rate = 30000 / 1001
    assert found.timeline.global_start_time == otio.opentime.from_timecode("01:00:00;00", rate)
    (need,) = needs_of(found, facts_of(NTSC[30], "01:00:00;00"))
    assert (need.frames.start_frame, need.frames.frame_count) == (1800, 1798)


def test_the_fcm_line_before_an_event_says_how_its_source_counts(tmp_path: Path) -> None:
    path = listed(tmp_path, "01:01:00:02 01:01:10:00 01:00:00:00 01:00:09:28", fcm="DROP FRAME")
    text = path.read_text()
    path.write_text(
        f"{text}FCM: NON-DROP FRAME\n"
        "002  AX V     C        01:01:00:00 01:01:10:00 01:00:09:28 01:00:19:28\n"
    )
    (_, plain) = select(read_timeline(path).timeline, EVERYTHING).edits
    need = needed_media(plain, facts=facts_of(NTSC[30], "01:00:00:00"))
    assert (need.frames.start_frame, need.frames.frame_count) == (1800, 300)


def test_speeds_of_drop_frame_lists_are_found(tmp_path: Path) -> None:
    path = listed(tmp_path, "01:00:02:00 01:00:04:00 01:01:00:02 01:01:02:02", fcm="DROP FRAME")
    path.write_text(f"{path.read_text()}M2   AX       -029.9                01:00:02:00\n")
    (edit,) = select(read_timeline(path).timeline, EVERYTHING).edits
    assert edit.place.problem is not None


def test_a_list_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "cut.edl").write_bytes("TITLE: größe\n".encode("latin-1"))
    with pytest.raises(TimelineError, match="UTF-8"):
        read_timeline(tmp_path / "cut.edl")
