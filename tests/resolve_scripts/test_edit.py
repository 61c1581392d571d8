"""`via edit` as a person uses it: results on stdout, the rest on stderr, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resolve_scripts.edit_options import INT32_MAX
from tests.resolve_scripts.conftest import Via
from tests.resolve_scripts.fake_server import FakeServer, result_bytes


def test_the_path_of_the_result_is_all_of_stdout(via: Via, fake: FakeServer, clip: Path) -> None:
    done = via("edit", clip, "make it night", "--range", "10:34", "--seed", "7")
    out = clip.with_name("clip_via_v001.mov")
    assert (done.exit_code, done.stdout) == (0, f"{out}\n")
    (job,) = fake.jobs.values()
    assert out.read_bytes() == result_bytes(job)
    assert (job.spec.frame_range.start_frame, job.spec.frame_range.end_frame_exclusive) == (10, 34)
    assert (job.spec.seed, job.spec.instruction) == (7, "make it night")
    assert not job.spec.HasField("steps")
    assert "frame 24/24" in done.stderr
    assert sorted(path.name for path in clip.parent.iterdir()) == [clip.name, out.name]


def test_every_setting_reaches_the_server(via: Via, fake: FakeServer, clip: Path) -> None:
    settings = "--steps 5 --guidance-scale 3.5 --image-guidance-scale 1.25 --model tiny --h264"
    done = via("edit", clip, "x", "--group-range", "0:50", *settings.split())
    assert done.stdout.endswith("clip_via_v001.mp4\n")
    (job,) = fake.jobs.values()
    spec = job.spec
    assert (spec.steps, spec.guidance_scale, spec.image_guidance_scale) == (5, 3.5, 1.25)
    assert (spec.group_range.start_frame, spec.group_range.end_frame_exclusive) == (0, 50)


def test_versions_count_up_and_nothing_is_overwritten(via: Via, clip: Path) -> None:
    for number in (1, 2, 3):
        assert via("edit", clip, "x").stdout.endswith(f"clip_via_v00{number}.mov\n")
    out = clip.with_name("out.mov")
    out.write_text("somebody's work")
    refused = via("edit", clip, "x", "-o", out)
    assert (refused.exit_code, out.read_text()) == (2, "somebody's work")
    assert "--force" in refused.stderr
    assert via("edit", clip, "x", "-o", out, "--force").exit_code == 0
    assert out.read_text() != "somebody's work"


def test_json_tells_how_the_result_came_about(via: Via, clip: Path) -> None:
    assert via("edit", clip, "x", "--range", "0:8").exit_code == 0
    told = json.loads(via("edit", clip, "x", "--range", "8:24", "--json").stdout)
    assert told["path"].endswith("clip_via_v002.mov")
    assert (told["start_frame"], told["end_frame_exclusive"]) == (8, 24)
    assert (told["model"], told["job"], told["group_reused"]) == ("tiny", "jobs/2", True)
    assert told["stage_seconds"] == {"swap": 1.5}


def test_a_reused_group_is_told(via: Via, clip: Path) -> None:
    assert "gathered over frames 0, 3" in via("edit", clip, "x").stderr
    assert "reused from an earlier edit" in via("edit", clip, "x").stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["{clip}", "x", "--range", "5:5"], "RANGE_EMPTY"),
        (["{clip}", "x", "--range", "a:b"], "RANGE_INVALID"),
        (["{clip}", "x", "--range", "5"], "RANGE_INVALID"),
        (["{clip}", "x", "--range", "-1:5"], "RANGE_INVALID"),
        (["{clip}", "x", "--range", f"0:{INT32_MAX + 1}"], "RANGE_INVALID"),
        (["{clip}", "x", "--range", "50:101"], "RANGE_OUTSIDE_MEDIA"),
        (["{clip}", "  "], "INSTRUCTION_INVALID"),
        (["{clip}", "x", "--model", "nope"], "MODEL_UNKNOWN"),
        (["{folder}/gone.mov", "x"], "MEDIA_NOT_FOUND"),
        (["{folder}", "x"], "MEDIA_NOT_FOUND"),
        (["{folder}/text.mp4", "x"], "MEDIA_UNREADABLE"),
        (["{clip}", "x", "-o", "{folder}/none/out.mov"], "OUTPUT_UNUSABLE"),
        (["{clip}", "x", "-o", "{folder}/text.mp4/out.mov"], "OUTPUT_UNUSABLE"),
        (["{clip}", "x", "-o", "{folder}"], "OUTPUT_UNUSABLE"),
        (["{clip}", "x", "-o", "{folder}/out.mp4"], "OUTPUT_UNUSABLE"),
        (["{clip}", "x", "-o", "{folder}/out.mov", "--h264"], "OUTPUT_UNUSABLE"),
        (["{clip}", "\udcff"], "INSTRUCTION_INVALID"),
    ],
)
def test_wrong_input_is_refused_with_a_reason_before_any_job(
    via: Via, fake: FakeServer, clip: Path, arguments: list[str], reason: str
) -> None:
    (clip.parent / "text.mp4").write_text("not a video")
    filled = [each.format(clip=clip, folder=clip.parent) for each in arguments]
    before = sorted(clip.parent.iterdir())
    done = via("edit", *filled, "--json")
    assert (done.exit_code, done.stdout) == (2, "")
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert (error["reason"], error["exit_code"]) == (reason, 2)
    assert (fake.jobs, sorted(clip.parent.iterdir())) == ({}, before)


def test_a_failed_job_ends_1_with_the_servers_words(via: Via, fake: FakeServer, clip: Path) -> None:
    fake.failing_instructions = {"x"}
    done = via("edit", clip, "x")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "the media was replaced (jobs/1)" in done.stderr


def test_a_server_that_does_not_answer_ends_3(via: Via, clip: Path) -> None:
    done = via("edit", clip, "x", "--server", "127.0.0.1:1")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "127.0.0.1:1" in done.stderr


def test_a_finished_job_can_be_fetched_later(via: Via, clip: Path, tmp_path: Path) -> None:
    first = Path(via("edit", clip, "x").stdout.strip())
    again = tmp_path / "again.mov"
    assert via("jobs", "watch", "1", "-o", again).stdout == f"{again}\n"
    assert again.read_bytes() == first.read_bytes()
    assert via("jobs", "watch", "1", "-o", again).exit_code == 2


def test_jobs_are_listed_shown_cancelled_retried_and_deleted(
    via: Via, fake: FakeServer, clip: Path
) -> None:
    fake.failing_instructions = {"bad"}
    for instruction in ("good", "bad", "good"):
        via("edit", clip, instruction)
    listed = via("jobs", "ls").stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [
        ["jobs/3", "succeeded"], ["jobs/2", "failed"], ["jobs/1", "succeeded"],
    ]  # fmt: skip
    assert len(json.loads(via("jobs", "ls", "--json").stdout)) == 3
    assert "MEDIA_CHANGED: the media was replaced" in via("jobs", "show", "2").stdout
    assert "queued" in via("jobs", "retry", "jobs/2").stdout
    assert "cancelled" in via("jobs", "cancel", "2").stdout
    assert via("jobs", "retry", "3").exit_code == 1
    assert via("jobs", "delete", "3").exit_code == 0
    assert via("jobs", "show", "3").exit_code == 2
