"""The demo's cut, and what is told while it is edited."""

from __future__ import annotations

from pathlib import Path

import pytest
from via.v1 import job_service_pb2

from resolve_scripts.demo import INSTRUCTIONS, demo_timeline
from resolve_scripts.progress import LineReporter, progress_text
from resolve_scripts.timeline.need import needed_media
from resolve_scripts.timeline.select import Wanted, select


def test_every_clip_of_the_demo_asks_for_its_own_edit() -> None:
    timeline = demo_timeline([Path("a.mov"), Path("b.mov")], 48)
    selection = select(timeline, Wanted())
    assert tuple(edit.instruction for edit in selection.edits) == INSTRUCTIONS
    assert selection.refusals == ()
    for edit in selection.edits:
        frames = needed_media(edit).frames
        assert (frames.start_frame, frames.end_frame_exclusive) == (6, 42)
    assert timeline.duration().value == 36 + 12 + 36


def test_progress_is_told_in_words() -> None:
    progress = job_service_pb2.JobProgress(
        stage=job_service_pb2.JOB_STAGE_SWAP,
        frames_done=12,
        frames_total=90,
        seconds_per_frame=0.85,
    )
    assert progress_text(progress) == "editing, frame 12/90, 0.85 s/frame"
    progress.eta.FromSeconds(66)
    assert progress_text(progress) == "editing, frame 12/90, 0.85 s/frame, 1:06 left"
    assert progress_text(job_service_pb2.JobProgress()) == "waiting"


def test_plain_lines_stay_few(capsys: pytest.CaptureFixture[str]) -> None:
    with LineReporter() as reporter:
        for done in range(1441):
            stage = job_service_pb2.JOB_STAGE_SWAP
            progress = job_service_pb2.JobProgress(stage=stage, frames_done=done, frames_total=1440)
            reporter.progress("clip", progress)
    told = capsys.readouterr()
    assert len(told.err.splitlines()) == 11
    assert told.out == ""
