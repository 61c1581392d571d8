"""How batches behave: shared renders and looks, reruns, jobs left, plans, sheets, reports."""

from __future__ import annotations

import base64
import json
import re
import shutil
import time
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from via.v1 import job_service_pb2

from tests.resolve_scripts.conftest import Via
from tests.resolve_scripts.fake_server import FakeServer
from tests.resolve_scripts.timelines import marked, read, time_range

MOVIE = "BART_2021-02-07.m4v"


@pytest.fixture
def cut(shared_media: Path, tmp_path: Path) -> Path:
    """Four clips of one movie: the second shows the first's frames again."""
    shutil.copy(shared_media / "tlrender" / MOVIE, tmp_path / MOVIE)
    timeline = otio.schema.Timeline("cut")
    names = {"a": 100, "again": 100, "b": 200, "c": 300}
    clips = [
        otio.schema.Clip(name, movie(), time_range(start, 10, 30)) for name, start in names.items()
    ]
    timeline.tracks.append(otio.schema.Track("V1", clips))
    path = tmp_path / "cut.otio"
    otio.adapters.write_to_file(timeline, str(path))
    return path


def movie() -> otio.schema.ExternalReference:
    return otio.schema.ExternalReference(MOVIE, time_range(0, 704, 30))


def batch(via: Via, path: Path, *options: str | Path, code: int = 0) -> dict[str, Any]:
    done = via("batch", path, "--json", *options)
    assert done.exit_code == code, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def ranges(fake: FakeServer) -> list[tuple[int, int]]:
    asked = [job.spec.frame_range for job in fake.jobs.values()]
    return [(each.start_frame, each.end_frame_exclusive) for each in asked]


def states(report: dict[str, Any]) -> list[str]:
    return ["kept" if clip.get("reused") else "new" for clip in report["clips"]]


def test_the_same_frames_are_rendered_once(via: Via, fake: FakeServer, cut: Path) -> None:
    report = batch(via, cut, "--instruction", "x")
    assert ranges(fake) == [(100, 110), (200, 210), (300, 310)]
    paths = [clip["path"] for clip in report["clips"]]
    assert paths[0] == paths[1] and len(set(paths)) == 3
    assert fake.validated == 2  # the media, and the edit


def frozen(name: str, start: int, count: int) -> otio.schema.Clip:
    clip = otio.schema.Clip(name, movie(), time_range(start, count, 30))
    clip.effects.append(otio.schema.FreezeFrame())
    return clip


def test_freezes_of_one_frame_share_the_longest_hold(via: Via, fake: FakeServer, cut: Path) -> None:
    timeline = read(cut)
    clips = [frozen("short", 50, 12), frozen("long", 50, 48), frozen("other", 51, 20)]
    running = otio.schema.Clip("running", movie(), time_range(50, 1, 30))
    timeline.tracks[0][:] = [*clips, running]
    otio.adapters.write_to_file(timeline, str(cut))
    report = batch(via, cut, "--instruction", "x", "--handles", "2")
    asked = [job.spec for job in fake.jobs.values()]
    assert [spec.hold_frames for spec in asked] == [52, 24, 0]
    assert [spec.frame_range.end_frame_exclusive for spec in asked] == [51, 52, 53]
    assert report["clips"][0]["path"] == report["clips"][1]["path"]
    assert [clip["frame_count"] for clip in report["clips"]] == [52, 52, 24, 5]
    result = read(Path(report["timeline"]))
    placed = list(result.tracks[1])[:3]
    assert [clip.available_range().duration.value for clip in placed] == [52, 52, 24]
    assert [clip.source_range.duration.value for clip in placed] == [12, 48, 20]

    assert states(batch(via, cut, "--instruction", "x", "--handles", "2")) == ["kept"] * 4
    timeline.tracks[0][1].source_range = time_range(50, 60, 30)
    otio.adapters.write_to_file(timeline, str(cut))
    longer = batch(via, cut, "--instruction", "x", "--handles", "2")
    assert states(longer) == ["new", "new", "kept", "kept"]
    assert [*fake.jobs.values()][-1].spec.hold_frames == 64


def test_a_rerun_makes_only_what_changed(via: Via, fake: FakeServer, cut: Path) -> None:
    batch(via, cut, "--instruction", "x")
    again = batch(via, cut, "--instruction", "x")
    assert (states(again), len(fake.jobs)) == (["kept"] * 4, 3)
    assert Path(again["timeline"]).name == "cut_via_v002.otio"
    assert "made already" in via("batch", cut, "--instruction", "x", "--dry-run").stdout

    timeline = read(cut)
    timeline.tracks[0][2].source_range = time_range(201, 10, 30)
    otio.adapters.write_to_file(timeline, str(cut))
    trimmed = batch(via, cut, "--instruction", "x")
    assert states(trimmed) == ["kept", "kept", "new", "kept"]
    assert ranges(fake)[3:] == [(201, 211)]

    Path(trimmed["clips"][3]["path"]).write_bytes(b"overwritten")
    assert states(batch(via, cut, "--instruction", "x")) == ["kept", "kept", "kept", "new"]
    fake.content[MOVIE] = 2
    assert states(batch(via, cut, "--instruction", "x")) == ["new"] * 4
    assert states(batch(via, cut, "--instruction", "x", "--seed", "7")) == ["new"] * 4


def test_a_failed_clip_is_taken_up_again(via: Via, fake: FakeServer, cut: Path) -> None:
    timeline = read(cut)
    for clip, text in zip(timeline.tracks[0], ("bad", "good", "good", "bad"), strict=True):
        marked(clip, f"VIA: {text}")
    otio.adapters.write_to_file(timeline, str(cut))
    fake.failing_instructions = {"bad"}
    done = via("batch", cut)
    assert done.exit_code == 4
    lines = [line.split()[:2] for line in done.stderr.splitlines() if line.startswith("  ")]
    assert lines == [["not", "a"], ["done", "again"], ["done", "b"], ["not", "c"]]
    fake.failing_instructions = set()
    assert states(batch(via, cut)) == ["new", "kept", "kept", "new"]
    assert len(fake.jobs) == 4  # the failed ones went on


def test_jobs_are_left_and_fetched_by_the_same_command(
    via: Via, fake: FakeServer, cut: Path
) -> None:
    left = via("batch", cut, "--instruction", "x", "--jobs-only")
    assert (left.exit_code, left.stdout) == (0, "jobs/1\njobs/2\njobs/3\n")
    assert [path.name for path in cut.parent.glob("cut_via*")] == []
    assert {job.state for job in fake.jobs.values()} == {job_service_pb2.JOB_STATE_QUEUED}
    report = batch(via, cut, "--instruction", "x")
    assert [clip["job"] for clip in report["clips"]] == ["jobs/1", "jobs/1", "jobs/2", "jobs/3"]
    assert len(fake.jobs) == 3
    fake.max_queued_jobs = 2
    part = via("batch", cut, "--instruction", "y", "--jobs-only")
    assert part.exit_code == 4
    assert part.stdout.splitlines() == ["jobs/4", "jobs/5"]
    assert "3 of 4 clips are queued" in part.stderr


def test_a_job_whose_clip_is_gone_from_the_server_is_made_again(
    via: Via, fake: FakeServer, cut: Path
) -> None:
    via("batch", cut, "--instruction", "x", "--jobs-only")
    fake.lost_results = {"jobs/2"}
    report = batch(via, cut, "--instruction", "x")
    assert [clip["job"] for clip in report["clips"]] == ["jobs/1", "jobs/1", "jobs/4", "jobs/3"]


def test_clips_of_one_instruction_share_a_look(via: Via, fake: FakeServer, cut: Path) -> None:
    report = batch(via, cut, "--instruction", "x", "--same-look")
    assert [job.spec.group_from for job in fake.jobs.values()] == ["", "jobs/1", "jobs/1"]
    Path(report["clips"][2]["path"]).unlink()
    assert states(batch(via, cut, "--instruction", "x", "--same-look")) == [
        "kept", "kept", "new", "kept",
    ]  # fmt: skip
    assert len(fake.jobs) == 3


def test_the_plan_is_told_and_nothing_is_done(via: Via, fake: FakeServer, cut: Path) -> None:
    before = sorted(cut.parent.rglob("*"))
    timeline = read(cut)
    timeline.tracks[0][3].media_reference.target_url = "gone.mov"
    lost = cut.with_name("lost.otio")
    otio.adapters.write_to_file(timeline, str(lost))
    done = via("batch", lost, "--instruction", "make it night", "--handles", "4", "--dry-run")
    lost.unlink()
    assert done.exit_code == 4
    rows = [re.split(r"  +", line) for line in done.stdout.splitlines()]
    assert rows[0][:5] == ["clip", "media", "media frames", "record frames", "instruction"]
    assert rows[1] == [
        "a at 00:00:00:00", MOVIE, "96:114", "0:10", "make it night", "tiny", "?", "?", "to do",
    ]  # fmt: skip
    assert rows[4][1:4] == ["gone.mov", "296:314", "30:40"]
    assert rows[4][-1] == "MEDIA_NOT_FOUND"
    assert "MiB" in done.stderr.splitlines()[-2]
    plan = json.loads(via("batch", cut, "--instruction", "x", "--dry-run", "--json").stdout)
    assert [job["clips"] for job in plan["jobs"]] == [2, 1, 1]
    assert plan["clips"][2]["media_frames"] == [200, 210]
    assert (fake.jobs, sorted(cut.parent.rglob("*"))) == ({}, before)


def test_a_sheet_says_what_to_do_with_each_clip(via: Via, fake: FakeServer, cut: Path) -> None:
    (cut.parent / "matte.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    sheet = cut.parent / "edits.csv"
    sheet.write_text(
        "clip,instruction,seed,box,mask,global\n"
        "a,make it night,7,,,yes\n"
        'b,turn the ball into a star,,"10,20,30,40",,\n'
        "c,,,,matte.png,\n"
    )
    report = batch(via, cut, "--sheet", sheet, "--instruction", "make it winter", "--steps", "3")
    night, star, winter = (job.spec for job in fake.jobs.values())
    assert (night.instruction, night.seed, night.steps, night.local.scope) == (
        "make it night", 7, 3, 2,
    )  # fmt: skip
    box = star.local.own_mask.box
    assert (box.frame, box.left_px, box.bottom_px) == (200, 10, 40)
    assert winter.instruction == "make it winter"
    assert winter.local.own_mask.still.absolute_path == str(cut.parent / "matte.png")
    assert len(report["clips"]) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("clip,instruction,colour\na,x,red\n", "'colour', which is no option"),
        ("clip,instruction,seed\na,x,seven\n", "a whole number"),
        ("clip,instruction,blend\na,x,never\n", "one of linear"),
        ("clip,instruction,mask\na,x,none.png\n", "no mask at"),
        ('clip,instruction,box,global\na,x,"1,2,3,4",yes\n', "leave out --global"),
        ("clip,instruction\nzebra,x\n", "no clip zebra"),
        ("clip,instruction\na,\n", "instruction is empty"),
    ],
)
def test_rows_that_cannot_be_meant_are_refused_by_name(
    via: Via, fake: FakeServer, cut: Path, text: str, words: str
) -> None:
    sheet = cut.parent / "edits.csv"
    sheet.write_text(f"{text}b,fine\n")
    done = via("batch", cut, "--sheet", sheet)
    assert done.exit_code == 4, done.stderr
    assert words in done.stderr
    assert [job.spec.instruction for job in fake.jobs.values()] == ["fine"]


def test_an_identity_batch_takes_every_clip_and_asks_for_no_model(
    via: Via, fake: FakeServer, cut: Path
) -> None:
    report = batch(via, cut, "--identity", "--lossless")
    assert {job.spec.identity for job in fake.jobs.values()} == {True}
    assert {Path(clip["path"]).suffix for clip in report["clips"]} == {".mkv"}
    assert {clip["model"] for clip in report["clips"]} == {"identity"}
    some = batch(via, cut, "--identity", "--clip", "b")
    assert [clip["source_clip"] for clip in some["clips"]] == ["b"]


def test_a_folder_of_another_machine_is_found_by_its_map(
    via: Via, fake: FakeServer, cut: Path
) -> None:
    timeline = read(cut)
    for clip in timeline.tracks[0]:
        clip.media_reference.target_url = f"D:\\shots\\{MOVIE}"
    otio.adapters.write_to_file(timeline, str(cut))
    lost = via("batch", cut, "--instruction", "x")
    assert (lost.exit_code, "--map FROM=TO" in lost.stderr) == (1, True)
    report = batch(via, cut, "--instruction", "x", "--map", f"D:\\shots={cut.parent}")
    assert report["clips_done"] == 4


@pytest.mark.parametrize("suffix", [".otioz", ".otiod"])
def test_media_inside_a_bundle_is_edited_and_stays_linked(
    via: Via, fake: FakeServer, cut: Path, tmp_path: Path, suffix: str
) -> None:
    bundle = tmp_path / "sent" / f"cut{suffix}"
    bundle.parent.mkdir()
    timeline = read(cut)
    for clip in timeline.tracks[0]:
        clip.media_reference.target_url = (cut.parent / MOVIE).as_uri()
    otio.adapters.write_to_file(timeline, str(bundle))
    (cut.parent / MOVIE).unlink()
    report = batch(via, bundle, "--instruction", "x")
    assert report["clips_done"] == 4
    urls = [clip.media_reference.target_url for clip in read(Path(report["timeline"])).find_clips()]
    assert all(Path(url).is_file() for url in urls)
    assert {Path(url).is_relative_to(bundle.parent) for url in urls} == {True}


def test_a_bundle_is_unpacked_once_and_its_renders_are_kept(
    via: Via, fake: FakeServer, cut: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "sent" / "cut.otioz"
    bundle.parent.mkdir()
    timeline = read(cut)
    for clip in timeline.tracks[0]:
        clip.media_reference.target_url = (cut.parent / MOVIE).as_uri()
    otio.adapters.write_to_file(timeline, str(bundle))
    plan = via("batch", bundle, "--instruction", "x", "--dry-run")
    assert "made already" not in plan.stdout
    assert list(bundle.parent.iterdir()) == [bundle]
    batch(via, bundle, "--instruction", "x")
    unpacked = bundle.parent / "cut_via" / "media" / MOVIE
    before = unpacked.stat()
    assert states(batch(via, bundle, "--instruction", "x")) == ["kept"] * 4
    assert via("batch", bundle, "--instruction", "x", "--dry-run").stdout.count("made already") == 4
    assert unpacked.stat().st_mtime_ns == before.st_mtime_ns
    data = unpacked.read_bytes()
    unpacked.write_bytes(bytes(len(data)))
    batch(via, bundle, "--instruction", "x")
    assert unpacked.read_bytes() == data


def test_pictures_are_sent_to_a_server_that_cannot_read_them(
    via: Via, fake: FakeServer, shared_media: Path, tmp_path: Path
) -> None:
    shutil.copytree(shared_media / "tlrender", tmp_path / "cuts")
    fake.media_roots = ["/nowhere"]
    batch(via, tmp_path / "cuts" / "MovieAndSeq.otio", "--instruction", "x", "--track", "1")
    movie_job, pictures_job = fake.jobs.values()
    assert movie_job.spec.source.upload_id == f"0-{MOVIE}"
    pictures = pictures_job.spec.source.sequence
    assert (pictures.first_number, pictures.frame_count, pictures.zero_padding) == (1, 90, 4)
    sent = fake.uploads[pictures.upload_id]
    paths = sorted((shared_media / "tlrender" / "Seq").glob("*.jpg"))
    assert sent == b"".join(path.read_bytes() for path in paths)


def pictures_cut(folder: Path, numbers: Iterable[int]) -> Path:
    """A clip of the pictures 1041 to 1060, of 1001 to 1100 that the timeline counts."""
    (folder / "seq").mkdir()
    for number in numbers:
        (folder / "seq" / f"p.{number}.png").touch()
    media = otio.schema.ImageSequenceReference("seq/", "p.", ".png", 1001, 1, 24, 4)
    media.available_range = time_range(1001, 100)
    timeline = otio.schema.Timeline("pictures")
    clip = otio.schema.Clip("shot", media, time_range(1041, 20))
    timeline.tracks.append(otio.schema.Track("V1", [clip]))
    otio.adapters.write_to_file(timeline, str(folder / "pictures.otio"))
    return folder / "pictures.otio"


@pytest.mark.parametrize(
    ("there", "frames"),
    [
        (range(1001, 1101), [30, 70]),
        (range(1041, 1061), [40, 60]),
        ([*range(1001, 1034), *range(1036, 1066), *range(1067, 1101)], [35, 65]),
        ([*range(1001, 1041), *range(1042, 1101)], None),
    ],
)
def test_handles_end_where_pictures_are_missing(
    via: Via, tmp_path: Path, there: Iterable[int], frames: list[int] | None
) -> None:
    path = pictures_cut(tmp_path, there)
    options = ["--instruction", "x", "--handles", "10"]
    report = batch(via, path, *options, code=0 if frames else 1)
    (told,) = report["clips"]
    if frames is None:
        assert told["error"]["reason"] == "MEDIA_NOT_FOUND"
        return
    assert told["media_frames"] == frames
    assert ("its handles end where pictures are missing" in told["notes"]) == (frames != [30, 70])
    (edit,) = read(Path(report["timeline"])).tracks[1].find_clips()
    assert edit.available_range().duration.value == frames[1] - frames[0]
    assert edit.source_range.clamped(edit.available_range()) == edit.source_range


@pytest.mark.parametrize("speed", [2.0, -1.0])
def test_a_timeline_retimed_as_a_whole_takes_edits_in_place_only(
    via: Via, fake: FakeServer, cut: Path, speed: float
) -> None:
    timeline = read(cut)
    timeline.tracks.effects.append(otio.schema.LinearTimeWarp(time_scalar=speed))
    otio.adapters.write_to_file(timeline, str(cut))
    refused = batch(via, cut, "--instruction", "x", code=1)
    assert {clip["error"]["reason"] for clip in refused["clips"]} == {"RETIME_NOT_SUPPORTED"}
    assert fake.jobs == {}
    assert batch(via, cut, "--instruction", "x", "--place", "replace")["clips_done"] > 0


def test_long_names_of_any_language_make_files(via: Via, fake: FakeServer, cut: Path) -> None:
    timeline = read(cut)
    names = ["../../evil/" * 30, "夜" * 200, "🎬" * 100, "שלום עולם" * 40]
    for clip, name in zip(timeline.tracks[0], names, strict=True):
        clip.name = name
    otio.adapters.write_to_file(timeline, str(cut))
    report = batch(via, cut, "--instruction", "x")
    assert report["clips_done"] == 4
    assert {Path(clip["path"]).parent for clip in report["clips"]} == {cut.parent / "cut_via"}


@pytest.mark.parametrize("suffix", [".otioz", ".xml", ".fcpxml", ".edl"])
def test_other_formats_are_written_with_an_otio_beside(
    via: Via, cut: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"out{suffix}"
    options = ["--place", "replace"] if suffix in {".edl", ".otioz"} else []
    report = batch(via, cut, "--instruction", "x", "-o", out, *options)
    assert report["timeline"] == str(out)
    assert out.is_file() and read(out.with_suffix(".otio")).name == "cut"


class Page(HTMLParser):
    """What a browser would load or run, and the text it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.others: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img":
            self.images.append(values)
        if tag in {"script", "link", "iframe"} or {"href", "onclick"} & set(values):
            self.others.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_is_one_page_that_needs_nothing_else(
    via: Via, fake: FakeServer, cut: Path
) -> None:
    timeline = read(cut)
    evil = '<script>alert("x")</script> & שלום 🎬/../'
    timeline.tracks[0][0].name = evil
    timeline.tracks[0][3].media_reference.target_url = "gone.mov"
    otio.adapters.write_to_file(timeline, str(cut))
    done = via("batch", cut, "--instruction", "<b>make it night</b>")
    assert done.exit_code == 4
    text = cut.with_name("cut_via_v001_report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.others == []
    # Three of the first, which the second shares, and three of the third; before and after each.
    assert len(page.images) == 18
    assert {base64.b64decode((image["src"] or "").partition(",")[2]) for image in page.images} == {
        b"jpeg"
    }
    assert all(image["alt"] for image in page.images)
    assert evil in page.text and "<b>make it night</b>" in page.text
    assert "media not found" in page.text
    values = json.loads(cut.with_name("cut_via_v001_report.json").read_text())
    assert (values["clips_done"], values["clips_asked"]) == (3, 4)
    asked = [(each.frame, each.WhichOneof("clip")) for each in fake.frames_read[:6]]
    assert asked == [(100, "source"), (0, "source"), (104, "source"), (4, "source"),
                     (109, "source"), (9, "source")]  # fmt: skip


def test_a_report_without_pictures_is_a_report(via: Via, fake: FakeServer, cut: Path) -> None:
    fake.is_without_pictures = True
    batch(via, cut, "--instruction", "x")
    assert "<img" not in cut.with_name("cut_via_v001_report.html").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--dry-run", "--jobs-only"], "contradict"),
        (["--for", "resolve", "--place", "reference"], "--place track"),
        (["--map", "nothing"], "FROM=TO"),
        (["--sheet", "gone.csv"], "cannot read the sheet"),
        (["--range", "later"], "no record range"),
        (["--h264", "--lossless"], "two formats"),
        (["-o", "out.aaf"], "must end in one of"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(
    via: Via, fake: FakeServer, cut: Path, options: list[str], words: str
) -> None:
    done = via("batch", cut, "--instruction", "x", *options)
    assert (done.exit_code, words in done.stderr) == (2, True), done.stderr
    assert fake.jobs == {}


def test_ten_thousand_clips_are_planned_in_ten_seconds(
    via: Via, fake: FakeServer, cut: Path
) -> None:
    timeline = otio.schema.Timeline("long")
    clips = [
        otio.schema.Clip(f"shot_{n:05d}", movie(), time_range(n % 690, 10, 30))
        for n in range(10_000)
    ]
    timeline.tracks.append(otio.schema.Track("V1", clips))
    path = cut.with_name("long.otio")
    otio.adapters.write_to_file(timeline, str(path))
    before_s = time.process_time()  # what others do on this machine does not count
    plan = json.loads(via("batch", path, "--instruction", "x", "--dry-run", "--json").stdout)
    assert time.process_time() - before_s < 10
    assert (len(plan["clips"]), len(plan["jobs"])) == (10_000, 690)
    assert plan["clips"][9_999]["record_frames"] == [99_990, 100_000]
    assert plan["planning_memory_bytes"] > 1 << 20
    assert fake.validated == 2


def test_every_timeline_of_other_programs_is_planned(
    via: Via, fake: FakeServer, shared_timelines: Path, tmp_path: Path
) -> None:
    """Their media is not here, but which frames of it are needed is told all the same."""
    paths = [path for path in sorted(shared_timelines.rglob("*")) if path.is_file()]
    for path in paths:
        name = ["--timeline", "OpenTimeline_Project"] if path.suffix == ".fcpxml" else []
        options = ["--identity", "--dry-run", "-o", tmp_path / "out.otio", *name]
        plan = batch(via, path, *options, code=1)
        assert plan["clips"], path
        for clip in plan["clips"]:
            assert clip["error"]["reason"] == "MEDIA_NOT_FOUND", path
            start, end = clip["media_frames"]
            assert 0 <= start < end, path
    assert len(paths) >= 16
    assert fake.calls == 0
