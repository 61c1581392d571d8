"""Which media frames an edit needs: real clips from Resolve, handles, and what the file says."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from time import process_time

import opentimelineio as otio
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from resolve_scripts.errors import ClipNotSupportedError, MissingMediaError
from resolve_scripts.timeline.formats import read_timeline
from resolve_scripts.timeline.media import ImageSequence, check_pictures
from resolve_scripts.timeline.need import Hold, MediaFacts, MediaNeed, needed_media
from resolve_scripts.timeline.rates import exact_rate, timecode_frames
from resolve_scripts.timeline.select import Wanted, select
from tests.resolve_scripts.timelines import time_range

FLOAT_RATES = {
    23.976: (24000, 1001),
    23.98: (24000, 1001),
    23.976023976023978: (24000, 1001),
    23.976024627685547: (24000, 1001),
    29.97: (30000, 1001),
    47.952: (48000, 1001),
    59.94: (60000, 1001),
    119.88: (120000, 1001),
    24.0: (24, 1),
    25.0: (25, 1),
    12.5: (25, 2),
    45000 / 1499: (45000, 1499),
    1000.0: (1000, 1),
}
rates = st.sampled_from(sorted(FLOAT_RATES))


def cut_of(*clips: otio.schema.Clip) -> otio.schema.Timeline:
    timeline = otio.schema.Timeline()
    timeline.tracks.append(otio.schema.Track("V1", clips))
    return timeline


def need_of(clip: otio.schema.Clip, **options: object) -> MediaNeed:
    """What an edit of a clip alone on its track needs."""
    (edit,) = select(cut_of(clip), Wanted(instruction="x")).edits
    return needed_media(edit, **options)


def clip_of(
    source: otio.opentime.TimeRange, available: otio.opentime.TimeRange | None
) -> otio.schema.Clip:
    return otio.schema.Clip("shot", otio.schema.ExternalReference("/a.mov", available), source)


def frames_of(need: MediaNeed) -> tuple[int, int]:
    return need.frames.start_frame, need.frames.end_frame_exclusive


@pytest.mark.parametrize("rate", FLOAT_RATES)
def test_float_rates_mean_exact_ratios(rate: float) -> None:
    assert exact_rate(rate) == Fraction(*FLOAT_RATES[rate])


@given(rate=st.integers(1, 120_000).map(lambda n: Fraction(n, 1001)))
def test_any_ratio_survives_being_a_float(rate: Fraction) -> None:
    assert abs(exact_rate(float(rate)) - rate) < Fraction(1, 190)


@pytest.mark.parametrize(
    ("text", "rate", "frames"),
    [
        ("01:00:00:00", 24, 86400),
        ("01:00:00;00", Fraction(30000, 1001), 107892),
        ("01:00:00:00", Fraction(30000, 1001), 108000),
        ("01:00:00;00", Fraction(60000, 1001), 215784),
        ("00:00:02:05", 15, 35),
    ],
)
def test_timecode_counts_dropped_numbers(text: str, rate: Fraction, frames: int) -> None:
    assert timecode_frames(text, Fraction(rate)) == frames


# What ayon-core publishes for these very clips, with 10 handles asked for on each side: first and
# last frame used, counted as its pictures are for a sequence, and the handles there are. (Of the
# last one it publishes the whole number below.)
AYON = {
    "movie_with_handles": (0, 170.0, 0, 10),
    "qt_embedded_tc": (30.72, 71.96, 10, 10),
    "qt_retimed_speed": (0, 426.5, 0, 25),
    "img_seq_with_handles": (1034, 1072, 10, 10),
    "img_seq_embedded_tc": (1005, 1075.8, 5, 10),
}


@pytest.mark.parametrize("name", AYON)
def test_clips_from_resolve_need_the_frames_ayon_states(shared_timelines: Path, name: str) -> None:
    found = read_timeline(shared_timelines / "ayon" / f"{name}.json")
    (edit,) = select(found.timeline, Wanted(instruction="x")).edits
    first, last, head, tail = AYON[name]
    number = getattr(edit.clip.media_reference, "start_frame", 0)
    used = needed_media(edit).frames
    assert used.start_frame + number == floor(first)
    # A range that ends between two frames needs the one it ends in.
    assert used.end_frame_exclusive + number - 1 in {floor(last), ceil(last)}
    with_handles = needed_media(edit, handles=10).frames
    assert with_handles.start_frame + number == floor(first) - head
    assert with_handles.end_frame_exclusive + number - 1 == floor(last) + tail


@given(
    rate=rates,
    origin=st.integers(0, 24 * 3600 * 60),
    start=st.integers(0, 200_000),
    count=st.integers(1, 20_000),
    tail=st.integers(0, 200_000),
    handles=st.integers(0, 100),
)
def test_handles_reach_as_far_as_the_media(
    *, rate: float, origin: int, start: int, count: int, tail: int, handles: int
) -> None:
    clip = clip_of(
        time_range(origin + start, count, rate), time_range(origin, start + count + tail, rate)
    )
    assert frames_of(need_of(clip, handles=handles)) == (
        max(0, start - handles),
        start + count + min(tail, handles),
    )


@given(start=st.integers(-1000, 1000), count=st.integers(-10, 1000), size=st.integers(1, 900))
def test_ranges_outside_the_media_are_refused(start: int, count: int, size: int) -> None:
    assume(size != 1)  # a still
    clip = clip_of(time_range(start, count), time_range(0, size))
    if count < 1:
        assert select(cut_of(clip), Wanted(instruction="x")).edits == ()
    elif start >= 0 and start + count <= size:
        assert frames_of(need_of(clip)) == (start, start + count)
    else:
        with pytest.raises(ClipNotSupportedError) as caught:
            need_of(clip)
        assert caught.value.reason == "RANGE_OUTSIDE_MEDIA"


@pytest.mark.parametrize(
    ("source", "available", "first"),
    [
        ((71.94, 24, 23.98), (0, 500, 24), 72),  # 3 s at 24, in frames of 23.98
        ((29.97, 11, 23.976), (0, 101, 24), 30),  # 1.25 s
        ((883159, 24, 23.976), (883750, 755, 24), 293),  # rounded to the frame by its writer
        ((1937905, 83, 23.976024627685547), (1937896, 98, 23.976), 9),
        ((91046.625, 74, 25), (87399, 101, 24), 5),
        ((71.94, 24, 23.98), (0, 500, 23.976), 71),  # between two frames of its own rate
    ],
)
def test_fractional_starts_between_rates_find_the_frame_that_was_meant(
    source: tuple[float, float, float], available: tuple[float, float, float], first: int
) -> None:
    need = need_of(clip_of(time_range(*source), time_range(*available)))
    assert need.media_frame(0) == need.frames.start_frame == first


@pytest.mark.parametrize(
    ("scalar", "frames", "first_and_last"),
    [
        (2.0, (100, 124), (100, 122)),
        (0.75, (100, 112), (100, 108)),  # the source range itself names 12 frames
        (-1.0, (100, 112), (111, 100)),
        (-2.0, (100, 124), (123, 101)),
        (0.0, (100, 101), (100, 100)),
    ],
)
def test_a_retimed_clip_needs_the_frames_it_runs_through(
    scalar: float, frames: tuple[int, int], first_and_last: tuple[int, int]
) -> None:
    clip = clip_of(time_range(100, 12), time_range(0, 500))
    clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=scalar))
    need = need_of(clip)
    assert frames_of(need) == frames
    seen = [need.media_frame(each) for each in need.record_frames]
    assert (len(seen), seen[0], seen[-1]) == (12, *first_and_last)
    clip.effects[0].enabled = False
    assert frames_of(need_of(clip)) == (100, 112)


@pytest.mark.parametrize(
    ("start", "count", "rate", "held"),
    [(100, 12, 24.0, 12), (100, 12, 25.0, 12), (100.5, 12, 24.0, 13), (100, 1, 24.0, 1)],
)
def test_a_frozen_picture_is_held_as_long_as_the_source_range(
    start: float, count: int, rate: float, held: int
) -> None:
    """12 frames of 25 a second last less than 12 of 24 and need as many."""
    source = otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, 24), otio.opentime.RationalTime(count, rate)
    )
    clip = clip_of(source, time_range(0, 500))
    assert need_of(clip).hold is None
    clip.effects.append(otio.schema.FreezeFrame())
    need = need_of(clip)
    assert need.hold == Hold(frame_count=held, lead_frames=0)
    assert (need.frames.frame_count, need.rendered_count) == (1, held)


def test_a_still_needs_one_picture_however_long_it_is_held(shared_timelines: Path) -> None:
    timeline = read_timeline(shared_timelines / "resolve" / "effects.otio").timeline
    edits = select(timeline, Wanted(instruction="x", track="1")).edits
    needs = [needed_media(edit) for edit in edits]
    assert {need.frames.frame_count for need in needs} == {1}
    assert len(needs[0].record_frames) == 444
    named = clip_of(time_range(5, 20), time_range(0, 90))
    many = MediaFacts(frame_rate=Fraction(24), frame_count=90)
    assert frames_of(need_of(named, facts=many)) == (5, 25)
    pattern = clip_of(time_range(5, 20), time_range(0, 90))
    pattern.media_reference.target_url = "/s/shot.[1001-1090].exr"
    assert frames_of(need_of(pattern)) == (5, 25)
    assert needed_and_held(named, MediaFacts(frame_rate=Fraction(24), frame_count=1)) == (0, 1)


def needed_and_held(clip: otio.schema.Clip, facts: MediaFacts) -> tuple[int, int]:
    need = need_of(clip, facts=facts)
    assert {need.media_frame(each) for each in need.record_frames} == {0}
    return frames_of(need)


def test_pictures_numbered_as_the_range_counts_are_found(shared_media: Path) -> None:
    timeline = read_timeline(shared_media / "tlrender" / "MovieAndSeq.otio").timeline
    need = needed_media(select(timeline, Wanted(instruction="x")).edits[1])
    assert frames_of(need) == (0, 90)  # pictures 1 to 90
    assert need.notes == ("its range counts in the numbers of its pictures",)


def test_missing_pictures_are_listed() -> None:
    sequence = ImageSequence(
        folder=Path("/s"),
        prefix="a.",
        suffix=".exr",
        start_number=1001,
        padding=4,
        count=60,
        frame_rate=Fraction(24),
        missing=(1003, 1010, 1011, 1012, 1050),
    )
    assert sequence.path_of(2) == Path("/s/a.1003.exr")
    frames = need_of(clip_of(time_range(5, 20), time_range(0, 60))).frames
    with pytest.raises(MissingMediaError, match=r"3 of 20 .* a\.\[1010-1012\]\.exr"):
        check_pictures(sequence, frames)
    check_pictures(sequence, need_of(clip_of(time_range(20, 20), time_range(0, 60))).frames)


@given(said=rates, real=rates, count=st.integers(2, 1000), file_count=st.integers(2, 1000))
def test_the_files_own_rate_and_length_are_compared(
    said: float, real: float, count: int, file_count: int
) -> None:
    assume(exact_rate(said) != exact_rate(real))
    clip = clip_of(time_range(0, count, said), time_range(0, count, said))
    facts = MediaFacts(frame_rate=exact_rate(real), frame_count=file_count)
    near = abs(said - real) / real < 1.1e-3
    refused = file_count < count or (not near and count != file_count)
    try:
        assert frames_of(need_of(clip, facts=facts)) == (0, count)
        assert not refused
    except ClipNotSupportedError:
        assert refused


def test_without_available_range_the_files_timecode_counts() -> None:
    clip = clip_of(time_range(86500, 48), None)
    facts = MediaFacts(frame_rate=Fraction(24), frame_count=500, start_timecode="01:00:00:00")
    assert frames_of(need_of(clip, facts=facts, handles=8)) == (92, 156)
    from_zero = clip_of(time_range(100, 48), None)
    assert frames_of(need_of(from_zero, facts=facts)) == (100, 148)


@pytest.mark.parametrize("name", ["Transition", "MissingMedia"])
def test_the_frames_a_dissolve_shows_are_needed(shared_media: Path, name: str) -> None:
    timeline = read_timeline(shared_media / "tlrender" / f"{name}.otio").timeline
    track = next(iter(timeline.tracks))
    edits = select(timeline, Wanted(instruction="x", track="1")).edits
    for edit in edits:
        visible = edit.clip.visible_range()  # OpenTimelineIO's own reading of a transition
        assert frames_of(needed_media(edit)) == (
            visible.start_time.value,
            visible.end_time_exclusive().value,
        )
    assert len(edits) == len(list(track.find_clips())) == 2


def test_ten_thousand_clips_are_planned_in_seconds() -> None:
    timeline = otio.schema.Timeline()
    track = otio.schema.Track("V1")
    timeline.tracks.append(track)
    for number in range(10_000):
        media = otio.schema.ExternalReference(f"/{number % 50}.mov", time_range(86400, 10**6))
        clip = otio.schema.Clip(f"s{number}", media, time_range(86400 + number * 7, 20))
        marker = otio.schema.Marker(name="VIA: make it night", marked_range=time_range(0, 1))
        clip.markers.append(marker)
        track.append(clip)
    started_s = process_time()  # of this process alone, however busy the machine
    edits = select(timeline, Wanted()).edits
    frames = sum(needed_media(edit, handles=8).frames.frame_count for edit in edits)
    assert frames == 10_000 * 36 - 8 - 1  # the media starts inside the handles of the first two
    assert process_time() - started_s < 10
