"""Nothing is lost when a process ends: the worker's, or the server's own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import grpc
import psutil
import pytest
from via.v1 import job_service_pb2, model_service_pb2

from server.config import ServerConfig
from tests.server.conftest import (
    CLIP_FRAMES,
    DEADLINE_S,
    Client,
    MakeSpec,
    connected,
    is_chunk,
    open_gate,
    refusal,
    server_process,
    server_thread,
)


def is_note(message: job_service_pb2.WatchJobResponse) -> bool:
    return message.WhichOneof("event") == "log_line"


def worker_process_id(client: Client, name: str) -> int:
    """Process id of the worker, as the fake engine notes it ("The worker is process N.")."""
    return int(client.wait_for(name, is_note).log_line.text.rstrip(".").split()[-1])


def expected(instruction: str) -> str:
    return "".join(f"frame {frame} seed 0 {instruction}\n" for frame in range(CLIP_FRAMES))


def test_a_killed_worker_is_replaced_and_the_job_goes_on(
    client: Client, config: ServerConfig, make_spec: MakeSpec
) -> None:
    name = client.create(make_spec("slow")).name
    client.wait_for(name, is_chunk)
    os.kill(worker_process_id(client, name), signal.SIGKILL)
    client.wait_for(name, lambda message: message.job.attempt == 2)
    open_gate(config, name)

    job = client.wait_for_end(name)
    assert (job.state, job.attempt) == (job_service_pb2.JOB_STATE_SUCCEEDED, 2)
    assert client.read(name).decode() == expected("slow")
    finished = [message.chunk.index for message in client.watch(name) if is_chunk(message)]
    assert finished == list(range(len(finished)))
    assert any("exit code -9" in note for note in job.notes)
    states = [message.job.state for message in client.watch(name) if message.HasField("job")]
    assert job_service_pb2.JOB_STATE_INTERRUPTED in states


def test_a_chunk_that_changed_on_disk_is_made_again(
    client: Client, config: ServerConfig, make_spec: MakeSpec
) -> None:
    name = client.create(make_spec("slow")).name
    client.wait_for(name, is_chunk)
    (config.state_folder / name / "chunk_0000.txt").write_text("rotten")
    os.kill(worker_process_id(client, name), signal.SIGKILL)
    open_gate(config, name)
    job = client.wait_for_end(name)
    assert client.read(name).decode() == expected("slow")
    assert "Chunk 0 was damaged and is made again." in job.notes


def test_a_lost_device_gets_a_new_process(client: Client, make_spec: MakeSpec) -> None:
    job = client.wait_for_end(client.create(make_spec("device")).name)
    assert (job.state, job.attempt) == (job_service_pb2.JOB_STATE_SUCCEEDED, 2)
    assert client.read(job.name).decode() == expected("device")


def test_a_job_that_gets_on_between_crashes_is_carried_through(
    client: Client, make_spec: MakeSpec
) -> None:
    # "crash" ends the process after every new chunk; there are six.
    job = client.wait_for_end(client.create(make_spec("crash")).name)
    assert (job.state, job.attempt) == (job_service_pb2.JOB_STATE_SUCCEEDED, 7)


def test_a_job_that_only_crashes_fails_after_three_attempts_and_the_queue_moves_on(
    client: Client, make_spec: MakeSpec
) -> None:
    poison = client.create(make_spec("poison")).name
    good = client.create(make_spec()).name
    job = client.wait_for_end(poison)
    assert (job.state, job.attempt) == (job_service_pb2.JOB_STATE_FAILED, 3)
    assert job.error.reason == "WORKER_CRASHED"
    assert client.wait_for_end(good).state == job_service_pb2.JOB_STATE_SUCCEEDED


def test_an_engine_that_cannot_be_made_fails_the_job_not_the_server(
    start: Callable[..., Client], make_spec: MakeSpec
) -> None:
    client = start(editor_factory="tests.fakes:BrokenEditor")
    job = client.wait_for_end(client.create(make_spec()).name)
    assert (job.state, job.error.reason) == (job_service_pb2.JOB_STATE_FAILED, "WORKER_CRASHED")
    models = client.models.ListModels(model_service_pb2.ListModelsRequest()).models
    assert [model.name for model in models] == ["first", "second"]


def test_cancelling_a_job_whose_worker_dies_cancels_it(
    client: Client, config: ServerConfig, make_spec: MakeSpec
) -> None:
    name = client.create(make_spec("stubborn")).name
    client.wait_for(name, is_chunk)
    client.cancel(name)
    os.kill(worker_process_id(client, name), signal.SIGKILL)
    assert client.wait_for_end(name).state == job_service_pb2.JOB_STATE_CANCELLED


def test_a_server_that_was_killed_goes_on_with_its_jobs_when_it_is_back(
    config: ServerConfig, make_spec: MakeSpec
) -> None:
    with server_process(config) as first, connected(first.ready["address"]) as client:
        name = client.create(make_spec("slow")).name
        waiting = client.create(make_spec()).name
        client.wait_for(name, is_chunk)
        worker = psutil.Process(worker_process_id(client, name))
        first.process.kill()
        worker.wait(DEADLINE_S)  # No engine process outlives its server.

    open_gate(config, name)
    with server_thread(config) as address, connected(address) as client:
        job = client.wait_for_end(name)
        assert (job.state, job.attempt) == (job_service_pb2.JOB_STATE_SUCCEEDED, 2)
        assert client.read(name).decode() == expected("slow")
        sequences = [message.sequence for message in list(client.watch(name))[1:]]
        assert sequences == list(range(1, job.last_sequence + 1))
        assert client.wait_for_end(waiting).state == job_service_pb2.JOB_STATE_SUCCEEDED


def test_a_server_asked_to_stop_lets_go_cleanly_and_its_job_goes_on_later(
    config: ServerConfig, make_spec: MakeSpec
) -> None:
    with server_process(config) as first, connected(first.ready["address"]) as client:
        assert (config.state_folder / "server.json").exists()
        name = client.create(make_spec("slow")).name
        client.wait_for(name, is_chunk)
        worker = psutil.Process(worker_process_id(client, name))
        first.process.terminate()
        assert first.process.wait(DEADLINE_S) == 0
        assert not worker.is_running()
        assert not (config.state_folder / "server.json").exists()

    open_gate(config, name)
    with server_thread(config) as address, connected(address) as client:
        job = client.wait_for_end(name)
        assert job.state == job_service_pb2.JOB_STATE_SUCCEEDED
        assert "The server was stopped." in job.notes


def test_a_folder_no_job_owns_is_removed_at_start(
    start: Callable[..., Client], config: ServerConfig
) -> None:
    orphan = config.jobs_folder / "0123456789abcdef"
    orphan.mkdir(parents=True)
    start()
    assert not orphan.exists()


def test_retrying_a_job_that_waits_is_refused(client: Client, make_spec: MakeSpec) -> None:
    client.create(make_spec("slow"))
    waiting = client.create(make_spec()).name
    with pytest.raises(grpc.RpcError) as error:
        client.jobs.RetryJob(job_service_pb2.RetryJobRequest(name=waiting), timeout=DEADLINE_S)
    assert refusal(error) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_STATE_WRONG")
