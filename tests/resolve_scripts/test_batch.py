"""`via batch` on real timelines: what is done, what is reported, what is written."""

from __future__ import annotations

import json
import shutil
from contextlib import chdir
from pathlib import Path

import opentimelineio as otio
import pytest

from tests.resolve_scripts.conftest import Via
from tests.resolve_scripts.fake_server import FakeServer, result_bytes
from tests.resolve_scripts.timelines import marked, read, time_range, video_clips


@pytest.fixture
def cuts(shared_media: Path, tmp_path: Path) -> Path:
    """A writable copy of the real timelines beside their movie."""
    folder = tmp_path / "cuts"
    folder.mkdir()
    for path in (shared_media / "tlrender").glob("*.*"):
        shutil.copy(path, folder / path.name)
    return folder


def via_clips(timeline: otio.schema.Timeline) -> list[otio.schema.Clip]:
    return [clip for clip in timeline.find_clips() if "via" in clip.metadata]


@pytest.mark.parametrize(
    ("name", "ranges"),
    [
        ("SingleClip.otio", [(90, 180)]),
        ("Gap.otio", [(90, 120), (150, 180)]),
        ("Markers.otio", [(90, 120), (150, 180)]),
        # A dissolve shows 45 frames beyond either cut.
        ("Transition.otio", [(90, 225), (405, 540)]),
    ],
)
def test_all_clips_of_a_track_come_back_in_place(
    via: Via, fake: FakeServer, cuts: Path, name: str, ranges: list[tuple[int, int]]
) -> None:
    before = (cuts / name).read_bytes()
    done = via("batch", cuts / name, "--instruction", "make it night", "--track", "Video")
    out = cuts / f"{Path(name).stem}_via_v001.otio"
    assert (done.exit_code, done.stdout) == (0, f"{out}\n")
    assert (cuts / name).read_bytes() == before
    asked = [job.spec.frame_range for job in fake.jobs.values()]
    assert [(each.start_frame, each.end_frame_exclusive) for each in asked] == ranges
    new, old = read(out), read(cuts / name)
    edits, originals = via_clips(new), [clip for _, clip in video_clips(old)]
    for edit, original, job in zip(edits, originals, fake.jobs.values(), strict=True):
        place = edit.transformed_time_range(edit.trimmed_range(), new.tracks)
        assert place == original.transformed_time_range(original.trimmed_range(), old.tracks)
        rendered = Path(edit.media_reference.target_url)
        assert rendered.parent == cuts / f"{Path(name).stem}_via"
        assert rendered.read_bytes() == result_bytes(job)
        frames = job.spec.frame_range.end_frame_exclusive - job.spec.frame_range.start_frame
        assert edit.media_reference.available_range.duration.value == frames
        told = edit.metadata["via"]
        assert (told["instruction"], told["job"]) == ("make it night", job.name)
        assert (told["model"], told["source_url"]) == ("tiny", "BART_2021-02-07.m4v")
    assert all(not job.spec.HasField("group_range") for job in fake.jobs.values())


def test_markers_choose_clips_and_the_output_is_named(
    via: Via, fake: FakeServer, cuts: Path, tmp_path: Path
) -> None:
    timeline = read(cuts / "Gap.otio")
    marked(video_clips(timeline)[1][1], "VIA: turn the train into a star")
    otio.adapters.write_to_file(timeline, str(cuts / "Gap.otio"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    out, media, report = elsewhere / "new.otio", tmp_path / "renders", tmp_path / "report.json"
    options = ["-o", out, "--media-folder", media, "--report", report, "--seed", "3"]
    done = via("batch", cuts / "Gap.otio", *options)
    assert (done.exit_code, done.stdout) == (0, f"{out}\n")
    originals = [clip for _, clip in video_clips(read(out)) if "via" not in clip.metadata]
    targets = {clip.media_reference.target_url for clip in originals}
    assert targets == {str(cuts / "BART_2021-02-07.m4v")}
    (edit,) = via_clips(read(out))
    assert edit.metadata["via"]["seed"] == 3
    assert [path.name for path in media.glob("*.mov")] == ["01_BART_2021-02-07_via_v001.mov"]
    told = json.loads(report.read_text())
    assert (told["clips_done"], told["clips_asked"]) == (1, 1)
    assert told["clips"][0]["instruction"] == "turn the train into a star"


def test_missing_media_is_reported_and_the_rest_is_done(via: Via, cuts: Path) -> None:
    done = via("batch", cuts / "MissingMedia.otio", "--instruction", "x", "--track", "1", "--json")
    assert done.exit_code == 4
    told = json.loads(done.stdout)
    assert (told["clips_done"], told["clips_asked"]) == (1, 2)
    assert told["clips"][1]["error"]["reason"] == "MEDIA_NOT_FOUND"
    assert len(via_clips(read(Path(told["timeline"])))) == 1
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert (error["reason"], error["exit_code"]) == ("PARTLY_DONE", 4)
    assert "BART_2021-02-07 at 00:00:03:00" in error["message"]


def test_a_failing_job_costs_only_its_clip(via: Via, fake: FakeServer, cuts: Path) -> None:
    timeline = read(cuts / "Gap.otio")
    marked(video_clips(timeline)[0][1], "VIA: bad")
    marked(video_clips(timeline)[1][1], "VIA: good")
    otio.adapters.write_to_file(timeline, str(cuts / "two.otio"))
    fake.failing_instructions = {"bad"}
    done = via("batch", cuts / "two.otio")
    assert done.exit_code == 4
    (edit,) = via_clips(read(Path(done.stdout.strip())))
    assert edit.metadata["via"]["instruction"] == "good"


def test_nothing_is_written_when_no_clip_can_be_done(
    via: Via, fake: FakeServer, cuts: Path
) -> None:
    media = read(cuts / "SingleClip.otio")
    media.tracks[0][0].media_reference = otio.schema.MissingReference()
    otio.adapters.write_to_file(media, str(cuts / "SingleClip.otio"))
    before = sorted(cuts.iterdir())
    done = via("batch", cuts / "SingleClip.otio", "--instruction", "x")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "relink" in done.stderr
    assert sorted(cuts.iterdir()) == before
    assert fake.calls == 0


def test_more_clips_than_the_queue_holds_are_all_done(
    via: Via, fake: FakeServer, cuts: Path
) -> None:
    media = otio.schema.ExternalReference("BART_2021-02-07.m4v", time_range(0, 704, 30))
    timeline = otio.schema.Timeline()
    clips = [otio.schema.Clip(f"s{n}", media.deepcopy(), time_range(n, 5, 30)) for n in range(7)]
    timeline.tracks.append(otio.schema.Track("V1", clips))
    otio.adapters.write_to_file(timeline, str(cuts / "many.otio"))
    fake.max_queued_jobs = 2
    done = via("batch", cuts / "many.otio", "--instruction", "x")
    assert done.exit_code == 0
    names = [clip.name for clip in via_clips(read(Path(done.stdout.strip())))]
    assert names == [clip.name for clip in clips]


def test_a_server_lost_midway_keeps_what_is_done(
    via: Via, fake: FakeServer, cuts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolve_scripts.client.WATCH_RETRY_DELAYS_S", ())
    fake.broken_watches = [99, 0]
    done = via("batch", cuts / "Gap.otio", "--instruction", "x")
    assert done.exit_code == 4
    assert "via jobs ls" in done.stderr
    assert len(via_clips(read(Path(done.stdout.strip())))) == 1
    fake.broken_watches = [0]
    assert via("batch", cuts / "Gap.otio", "--instruction", "y").exit_code == 3


def test_the_file_decides_when_it_differs_from_the_timeline(
    via: Via, fake: FakeServer, cuts: Path
) -> None:
    fake.media["BART_2021-02-07.m4v"] = (100, 30, 1)
    short = via("batch", cuts / "SingleClip.otio", "--instruction", "x")
    assert (short.exit_code, "its media holds 0:100" in short.stderr) == (1, True)
    fake.media["BART_2021-02-07.m4v"] = (500, 24, 1)
    slow = via("batch", cuts / "SingleClip.otio", "--instruction", "x")
    assert (slow.exit_code, "runs at 24 fps" in slow.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone.otio"], "no timeline at"),
        (["BART_2021-02-07.m4v"], "not a timeline"),
        (["SingleClip.otio"], "VIA: your instruction"),
        (["SingleClip.otio", "--instruction", "x", "--track", "9"], "no video track '9'"),
        (["SingleClip.otio", "--instruction", "x", "-o", "out.mov"], "must end in one of"),
        (["SingleClip.otio", "--instruction", "x", "-o", "none/out.otio"], "no folder"),
        (["SingleClip.otio", "--instruction", "x", "-o", "Gap.otio"], "--force"),
        (["SingleClip.otio", "--instruction", "x", "-o", "SingleClip.otio", "--force"], "itself"),
        (
            ["SingleClip.otio", "--instruction", "x", "-o", "sub/../SingleClip.otio", "--force"],
            "itself",
        ),
        (["SingleClip.otio", "--instruction", "x", "-o", "link.otio", "--force"], "itself"),
        (["SingleClip.otio", "--instruction", "x", "-o", "SingleClip.xml", "--force"], "itself"),
        (["SingleClip.otio", "--instruction", "x", "--report", "SingleClip.otio"], "itself"),
        (["SingleClip.otio", "--instruction", "x", "--report", "sub/../link.otio"], "itself"),
        (["SingleClip.otio", "--instruction", "x", "-o", "o.otio", "--report", "o.otio"], "too"),
        (
            ["SingleClip.otio", "-o", "o.otio", "--report", "o_report.json", "--instruction", "x"],
            "too",
        ),
        (["SingleClip.otio", "--sheet", "edits.csv", "--report", "edits.csv"], "sheet itself"),
        (["o_report.json", "--instruction", "x", "-o", "o.otio"], "timeline itself"),
        (["SingleClip.otio", "--instruction", "x", "--report", "none/r.json"], "no folder"),
        (["SingleClip.otio", "--instruction", ""], "instruction is empty"),
    ],
)
def test_wrong_input_is_refused_before_any_job(
    via: Via, fake: FakeServer, cuts: Path, arguments: list[str], words: str
) -> None:
    (cuts / "sub").mkdir()
    (cuts / "link.otio").symlink_to(cuts / "SingleClip.otio")
    (cuts / "edits.csv").write_text("clip,instruction\n*,x\n")
    shutil.copy(cuts / "SingleClip.otio", cuts / "o_report.json")
    before = {path: path.read_bytes() for path in cuts.iterdir() if path.is_file()}
    with chdir(cuts):
        done = via("batch", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
    assert {path: path.read_bytes() for path in cuts.iterdir() if path.is_file()} == before
    assert fake.jobs == {}
