"""Results lie at the exact frame and length, whatever the timeline and the media count in."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from resolve_scripts.panel.draft import EditDraft
from tests.resolve_scripts.fake_resolve.scene import ClipAt, Scene
from tests.resolve_scripts.panel.conftest import MakeClip
from tests.resolve_scripts.panel.linked import panel_with, until

RATES = {
    "23.976": Fraction(24000, 1001),
    "24": Fraction(24),
    "25": Fraction(25),
    "29.97": Fraction(30000, 1001),
    "59.94": Fraction(60000, 1001),
}
HOUR, ZERO = "01:00:00:00", "00:00:00:00"
NIGHT = EditDraft(instruction="make it night", steps=2)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A timeline, and how the clip on it is cut: `trim` leaves out pictures at both ends."""

    rate: str
    start: str = HOUR
    drop: bool = False
    media_rate: str | None = None
    camera_timecode: str | None = None
    trim: bool = False

    @property
    def label(self) -> str:
        """The timeline's start timecode."""
        return f"{self.start[:8]}{';' if self.drop else ':'}{self.start[9:]}"

    def __str__(self) -> str:
        words = [self.rate, "drop" if self.drop else "", self.start[:2]]
        words += [f"media {self.media_rate}" if self.media_rate else ""]
        words += ["camera" if self.camera_timecode else "", "trimmed" if self.trim else ""]
        return " ".join(word for word in words if word)


CASES = (
    Case(rate="23.976", trim=True, camera_timecode="14:31:07:12"),
    Case(rate="24", start=ZERO),
    Case(rate="24", trim=True),
    Case(rate="25", camera_timecode="23:59:58:20", trim=True),
    Case(rate="29.97", drop=True, trim=True, camera_timecode="09:10:00:02"),
    Case(rate="29.97", drop=True, start=ZERO),
    Case(rate="59.94", trim=True),
    Case(rate="59.94", start=ZERO, camera_timecode="10:00:00:00"),
    Case(rate="24", media_rate="25", trim=True),
    Case(rate="23.976", start=ZERO, media_rate="29.97"),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_result_lies_exactly_over_its_clip(
    case: Case, server: str, make_clip: MakeClip, tmp_path: Path
) -> None:
    media = make_clip(frames=12, rate=RATES[case.media_rate or case.rate])
    clip = ClipAt(
        media=str(media),
        start=101,
        frame_count=4 if case.trim else None,
        source_start=3 if case.trim else 0,
        media_timecode=case.camera_timecode,
    )
    scene = Scene(
        frame_rate=case.rate,
        drop_frame=case.drop,
        start_timecode=case.label,
        clips=(clip,),
        playhead=102,
    )
    with panel_with(scene, server, tmp_path) as (panel, fake):
        original = fake.item()
        (found,) = panel.clips.find()
        edit = panel.editing.begin(found, NIGHT, "track")
        until(lambda: bool(now(panel, edit).placed or now(panel, edit).problem), "placed")
        assert now(panel, edit).problem is None
        (result,) = fake.track("VIA").items
        # Counted by OpenTimelineIO from the label, not by us.
        start = otio.opentime.from_timecode(case.label, float(RATES[case.rate]))
        assert result.start == int(start.value) + 101
        assert (result.start, result.duration) == (original.start, original.duration)
        assert (original.source_start, original.start) == (clip.source_start, result.start)
        if case.media_rate is None:
            frames = panel.server.client.get_job(edit.job).spec.frame_range
            count = original.duration
            assert frames.start_frame == clip.source_start
            assert frames.end_frame_exclusive == clip.source_start + count


def now(panel, edit):  # type: ignore[no-untyped-def]
    return panel.book.get(edit.id)
