"""FCPXML: rates, dissolves and times that the adapter of OpenTimelineIO does not read."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolve_scripts.errors import OutputError, TimelineError
from resolve_scripts.timeline.formats import read_timeline, write_timeline
from resolve_scripts.timeline.need import MediaFacts, needed_media
from resolve_scripts.timeline.rates import exact_rate, frames_at
from resolve_scripts.timeline.select import Wanted, select
from tests.resolve_scripts.timelines import time_range

EVERYTHING = Wanted(instruction="x", clips=("*",))
RATES = [Fraction(24), Fraction(25), Fraction(30), Fraction(60)]
RATES += [Fraction(nominal * 1000, 1001) for nominal in (24, 30, 60)]
rates = st.sampled_from(RATES)
# Start in the media and length, in frames; whether it dissolves into the next.
shots = st.lists(
    st.tuples(st.integers(30, 500), st.integers(20, 300), st.booleans()), min_size=2, max_size=5
)


def project(
    *shots: tuple[int, int, bool], rate: Fraction, media_rate: Fraction | None = None
) -> str:
    """A spine of clips as Final Cut writes it, each with its number for a name."""

    def time(frames: int) -> str:
        return f"{frames * rate.denominator}/{rate.numerator}s"

    at, spine = 0, ""
    for number, (start, count, dissolves) in enumerate(shots):
        spine += (
            f'<asset-clip name="{number}" ref="r3" offset="{time(at)}" start="{time(start)}" '
            f'duration="{time(count)}" format="r1"/>'
        )
        at += count
        if dissolves and number + 1 < len(shots):
            spine += (
                f'<transition name="Cross Dissolve" offset="{time(at - 4)}" duration="{time(10)}"/>'
            )
    formats = "".join(
        f'<format id="{name}" frameDuration="{each.denominator}/{each.numerator}s"/>'
        for name, each in (("r1", rate), ("r2", media_rate or rate))
    )
    return (
        f'<?xml version="1.0"?><!DOCTYPE fcpxml><fcpxml version="1.8"><resources>{formats}'
        f'<asset id="r3" name="a" src="file:///a.mov" start="0s" duration="{time(1000)}" '
        'hasVideo="1" format="r2"/></resources><event name="e"><project name="p">'
        f'<sequence format="r1" duration="{time(at)}"><spine>{spine}</spine></sequence>'
        "</project></event></fcpxml>"
    )


@given(rate=rates, shots=shots)
def test_every_frame_of_every_rate_is_read(
    rate: Fraction, shots: list[tuple[int, int, bool]]
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cut.fcpxml"
        path.write_text(project(*shots, rate=rate))
        timeline = read_timeline(path).timeline
    facts = MediaFacts(frame_rate=rate, frame_count=1000)
    edits = select(timeline, EVERYTHING).edits
    assert [edit.clip.name for edit in edits] == [str(number) for number in range(len(shots))]
    at = 0
    for edit, (start, count, _) in zip(edits, shots, strict=True):
        need = needed_media(edit, facts=facts)
        assert need.record_frames == range(at, at + count)
        assert need.media_frame(at) == start
        # With the frames that OpenTimelineIO's own reading of the dissolves shows.
        visible = edit.clip.visible_range()
        first, length = (frames_at(each, rate) for each in (visible.start_time, visible.duration))
        assert need.frames.start_frame == first
        assert need.frames.frame_count == length
        at += count
    dissolves = timeline.find_children(descended_from_type=otio.schema.Transition)
    assert [(each.in_offset.value, each.out_offset.value) for each in dissolves] == [
        (4, 6) for *_, dissolves in shots[:-1] if dissolves
    ]


@given(rate=rates, shots=shots)
def test_what_is_written_is_read_again(rate: Fraction, shots: list[tuple[int, int, bool]]) -> None:
    media = otio.schema.ExternalReference("/a.mov", time_range(0, 1000, float(rate)))
    track = otio.schema.Track("V1")
    for number, (start, count, _) in enumerate(shots):
        source = time_range(start, count, float(rate))
        track.append(otio.schema.Clip(str(number), media.clone(), source))
    timeline = otio.schema.Timeline("cut")
    timeline.tracks.append(track)
    with TemporaryDirectory() as folder:
        write_timeline(timeline, Path(folder) / "cut.fcpxml")
        found = read_timeline(Path(folder) / "cut.fcpxml").timeline
    assert [(clip.name, clip.source_range) for clip in found.find_clips()] == [
        (clip.name, clip.source_range) for clip in track
    ]
    assert {exact_rate(clip.source_range.duration.rate) for clip in found.find_clips()} == {rate}


@pytest.mark.parametrize("media_rate", [Fraction(24), Fraction(25), Fraction(60000, 1001)])
def test_files_that_mix_rates_are_refused(tmp_path: Path, media_rate: Fraction) -> None:
    path = tmp_path / "cut.fcpxml"
    path.write_text(project((0, 20, False), rate=Fraction(24000, 1001), media_rate=media_rate))
    with pytest.raises(TimelineError, match=r"mixes frame rates \(23\.976"):
        read_timeline(path)


def test_rates_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    timeline = otio.schema.Timeline("cut")
    media = otio.schema.ExternalReference("/a.mov", time_range(0, 100, 12.5))
    clip = otio.schema.Clip("a", media, time_range(0, 10, 12.5))
    timeline.tracks.append(otio.schema.Track("V1", [clip]))
    with pytest.raises(OutputError, match=r"rates 12\.5"):
        write_timeline(timeline, tmp_path / "cut.fcpxml")
    assert list(tmp_path.iterdir()) == []
