"""The whole life of a job, as callers see it through a real server and a real worker process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from via.v1 import edit_pb2, job_service_pb2, media_pb2

from server.config import ServerConfig
from tests.server.conftest import (
    CLIP_FRAMES,
    DEADLINE_S,
    Client,
    MakeSpec,
    is_chunk,
    open_gate,
    refusal,
)


def frames_range(start: int, end: int) -> media_pb2.FrameRange:
    return media_pb2.FrameRange(start_frame=start, end_frame_exclusive=end)


def test_an_edit_succeeds_and_its_result_is_read(
    client: Client, make_spec: MakeSpec, config: ServerConfig
) -> None:
    created = client.create(make_spec(frame_range=frames_range(10, 30), seed=7))
    assert created.state == job_service_pb2.JOB_STATE_QUEUED
    assert not created.HasField("start_time")

    job = client.wait_for_end(created.name)

    assert job.state == job_service_pb2.JOB_STATE_SUCCEEDED
    assert (job.progress.frames_done, job.progress.frames_total) == (20, 20)
    assert job.attempt == 1
    assert job.end_time.ToNanoseconds() >= job.start_time.ToNanoseconds() > 0
    assert list(job.group.group_frames) == [10, 16, 23, 29]
    assert [time.duration.ToTimedelta().total_seconds() for time in job.result.stage_times] == [
        0.5,
        1.0,
        2.5,
        0.25,
    ]
    assert job.result.file_name == "clip_via.mov"
    content = client.read(job.name)
    lines = [f"frame {frame} seed 7 make it night\n" for frame in range(10, 30)]
    assert content.decode() == "".join(lines)
    assert job.result.sha256 == hashlib.sha256(content).hexdigest()
    assert client.read(job.name, offset=5, limit=10) == content[5:15]
    assert client.read(job.name, offset=len(content)) == b""
    # The pieces it was made of would take as much room again; they go once it is whole.
    client.wait_for_end(client.create(make_spec(frame_range=frames_range(0, 1))).name)
    assert not list((config.state_folder / job.name).glob("chunk_*"))


def test_defaults_are_filled_in_before_the_job_is_stored(
    client: Client, make_spec: MakeSpec
) -> None:
    spec = client.create(make_spec()).spec
    assert spec.frame_range == frames_range(0, CLIP_FRAMES)
    # Without a range of its own, every shot has its group.
    assert not spec.HasField("group_range")
    assert (spec.model, spec.seed, spec.steps, spec.group_size) == ("first", 0, 10, 4)
    assert (spec.guidance_scale, spec.image_guidance_scale) == (7.5, 1.5)
    assert spec.output_format == edit_pb2.OUTPUT_FORMAT_PRORES_422_HQ_MOV


def test_a_failed_job_says_why_and_goes_on_when_retried(
    client: Client, config: ServerConfig, make_spec: MakeSpec
) -> None:
    job = client.wait_for_end(client.create(make_spec("fail please")).name)
    assert job.state == job_service_pb2.JOB_STATE_FAILED
    assert (job.error.reason, job.error.message) == (
        "DISK_FULL",
        "no space is left for the result; free some and retry",
    )
    with pytest.raises(grpc.RpcError) as error:
        client.read(job.name)
    assert refusal(error) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_STATE_WRONG")

    # Every attempt of "fail" finishes one more of the six chunks before it fails.
    kept = config.state_folder / job.name / "chunk_0000.txt"
    written = kept.stat().st_mtime_ns
    for _ in range(5):
        client.jobs.RetryJob(job_service_pb2.RetryJobRequest(name=job.name), timeout=DEADLINE_S)
        client.wait_for_end(job.name)
    assert kept.stat().st_mtime_ns == written
    client.jobs.RetryJob(job_service_pb2.RetryJobRequest(name=job.name), timeout=DEADLINE_S)
    job = client.wait_for_end(job.name)

    assert job.state == job_service_pb2.JOB_STATE_SUCCEEDED
    assert (job.attempt, job.HasField("error")) == (7, False)
    assert len(client.read(job.name).splitlines()) == CLIP_FRAMES


def test_a_fault_of_the_engine_is_told_and_the_next_job_has_a_fresh_worker(
    client: Client, make_spec: MakeSpec
) -> None:
    faulty = client.wait_for_end(client.create(make_spec("fault")).name)
    assert faulty.error.reason == "ENGINE_FAILED"
    assert "Traceback" not in faulty.error.message

    healthy = client.wait_for_end(client.create(make_spec()).name)
    assert healthy.state == job_service_pb2.JOB_STATE_SUCCEEDED
    assert faulty.notes[0] != healthy.notes[0]  # "The worker is process N."


def test_an_engine_without_result_fails_the_job(client: Client, make_spec: MakeSpec) -> None:
    job = client.wait_for_end(client.create(make_spec("endless")).name)
    assert (job.state, job.error.reason) == (job_service_pb2.JOB_STATE_FAILED, "ENGINE_FAILED")


def test_cancel_ends_a_waiting_job_at_once_and_a_running_one_within_a_batch(
    client: Client, make_spec: MakeSpec
) -> None:
    running = client.create(make_spec("slow one"))
    waiting = client.create(make_spec())
    client.wait_for(running.name, is_chunk)

    assert client.cancel(waiting.name).state == job_service_pb2.JOB_STATE_CANCELLED
    asked = client.cancel(running.name).state
    assert asked == job_service_pb2.JOB_STATE_CANCEL_REQUESTED
    job = client.wait_for_end(running.name)
    assert job.state == job_service_pb2.JOB_STATE_CANCELLED
    assert job.progress.frames_done == 8
    # Asking again changes nothing.
    assert client.cancel(running.name) == client.get(running.name) == job


def test_cancel_of_a_succeeded_job_leaves_it_alone(client: Client, make_spec: MakeSpec) -> None:
    job = client.wait_for_end(client.create(make_spec()).name)
    assert client.cancel(job.name) == job


def test_a_cancelled_job_retried_gives_what_an_undisturbed_one_gives(
    client: Client, config: ServerConfig, make_spec: MakeSpec
) -> None:
    job = client.create(make_spec("slow two"))
    client.wait_for(job.name, is_chunk)
    client.cancel(job.name)
    client.wait_for_end(job.name)
    open_gate(config, job.name)
    client.jobs.RetryJob(job_service_pb2.RetryJobRequest(name=job.name), timeout=DEADLINE_S)
    assert client.wait_for_end(job.name).state == job_service_pb2.JOB_STATE_SUCCEEDED
    expected = "".join(f"frame {frame} seed 0 slow two\n" for frame in range(CLIP_FRAMES))
    assert client.read(job.name).decode() == expected


def test_only_an_ended_job_is_deleted_and_it_takes_its_files_along(
    client: Client, config: ServerConfig, make_spec: MakeSpec
) -> None:
    job = client.create(make_spec("slow"))
    client.wait_for(job.name, is_chunk)
    request = job_service_pb2.DeleteJobRequest(name=job.name)
    with pytest.raises(grpc.RpcError) as error:
        client.jobs.DeleteJob(request, timeout=DEADLINE_S)
    assert refusal(error) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_STATE_WRONG")

    client.cancel(job.name)
    client.wait_for_end(job.name)
    client.jobs.DeleteJob(request, timeout=DEADLINE_S)
    assert not (config.state_folder / job.name).exists()
    with pytest.raises(grpc.RpcError) as error:
        client.get(job.name)
    assert refusal(error) == (grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND")


def test_the_same_request_makes_one_job_however_often_it_comes(
    client: Client, make_spec: MakeSpec
) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: client.create(make_spec(), "one").name, range(100)))
    assert len(set(made)) == 1
    with pytest.raises(grpc.RpcError) as error:
        client.create(make_spec(seed=1), "one")
    assert refusal(error) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")


def test_a_full_queue_refuses_and_says_when_to_come_back(
    start: Callable[..., Client], make_spec: MakeSpec
) -> None:
    client = start(max_queued_jobs=2)
    running = client.create(make_spec("slow"))
    client.wait_for(running.name, is_chunk)
    waiting = [client.create(make_spec()).name for _ in range(2)]
    with pytest.raises(grpc.RpcError) as error:
        client.create(make_spec())
    assert refusal(error) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
    retry = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(retry) for detail in rpc_status.from_call(error.value).details)
    assert retry.retry_delay.seconds > 0

    client.cancel(running.name)
    for name in waiting:
        assert client.wait_for_end(name).state == job_service_pb2.JOB_STATE_SUCCEEDED


def test_pages_give_every_job_once_newest_first(client: Client, make_spec: MakeSpec) -> None:
    names = [client.create(make_spec(seed=number)).name for number in range(5)]
    for name in names:
        client.wait_for_end(name)
    cancelled = client.create(make_spec("slow")).name
    client.cancel(cancelled)

    listed, token = [], ""
    while True:
        request = job_service_pb2.ListJobsRequest(page_size=2, page_token=token)
        page = client.jobs.ListJobs(request, timeout=DEADLINE_S)
        listed += [job.name for job in page.jobs]
        token = page.next_page_token
        if not token:
            break
    assert listed == [cancelled, *reversed(names)]

    client.wait_for_end(cancelled)
    only = job_service_pb2.ListJobsRequest(states=[job_service_pb2.JOB_STATE_CANCELLED])
    found = client.jobs.ListJobs(only, timeout=DEADLINE_S).jobs
    assert [job.name for job in found] == [cancelled]


@pytest.mark.parametrize(
    ("request_fields", "reason"),
    [
        ({"page_size": -1}, "ARGUMENT_INVALID"),
        ({"page_token": "not ours"}, "PAGE_TOKEN_INVALID"),
        ({"page_token": "YmVmb3JlOi01"}, "PAGE_TOKEN_INVALID"),  # "before:-5"
        ({"states": [job_service_pb2.JOB_STATE_UNSPECIFIED]}, "ARGUMENT_INVALID"),
    ],
)
def test_a_wrong_list_request_is_refused(
    client: Client, request_fields: dict[str, object], reason: str
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        client.jobs.ListJobs(job_service_pb2.ListJobsRequest(**request_fields), timeout=DEADLINE_S)
    assert refusal(error) == (grpc.StatusCode.INVALID_ARGUMENT, reason)


def test_the_next_estimate_comes_from_the_last_pace(client: Client, make_spec: MakeSpec) -> None:
    request = job_service_pb2.ValidateEditRequest(spec=make_spec(steps=20))
    assert not client.jobs.ValidateEdit(request).plan.HasField("estimated_duration")
    client.wait_for_end(client.create(make_spec(steps=10)).name)  # told as 0.5 seconds a frame
    plan = client.jobs.ValidateEdit(request).plan
    assert plan.estimated_duration.ToTimedelta().total_seconds() == pytest.approx(48 * 2 * 0.5)
    assert (plan.frame_count, plan.working_width, plan.working_height) == (48, 64, 48)
    assert plan.media.frame_rate == media_pb2.Rational(num=24000, den=1001)


@pytest.mark.parametrize("offset", [-1, 1 << 40])
def test_reading_outside_the_result_is_refused(
    client: Client, make_spec: MakeSpec, offset: int
) -> None:
    job = client.wait_for_end(client.create(make_spec()).name)
    with pytest.raises(grpc.RpcError) as error:
        client.read(job.name, offset=offset)
    assert refusal(error) == (grpc.StatusCode.OUT_OF_RANGE, "OFFSET_OUTSIDE_RESULT")


def test_a_result_lost_from_disk_is_named(
    client: Client, config: ServerConfig, make_spec: MakeSpec
) -> None:
    job = client.wait_for_end(client.create(make_spec()).name)
    Path(config.state_folder / job.name / "edited.mov").unlink()
    with pytest.raises(grpc.RpcError) as error:
        client.read(job.name)
    assert refusal(error) == (grpc.StatusCode.NOT_FOUND, "RESULT_MISSING")
