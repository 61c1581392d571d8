"""What watchers are told: everything once, in order, wherever they begin."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import grpc
import pytest
from via.v1 import job_service_pb2

from server.config import ServerConfig
from server.jobs import ChunkStored, JobProgress, Progressed, StoredEvent
from server.watching import spared
from tests.server.conftest import (
    Client,
    MakeSpec,
    connected,
    is_chunk,
    open_gate,
    refusal,
    server_thread,
)
from via_engine.media_types import FrameRange


def stored(watched: list[job_service_pb2.WatchJobResponse]) -> list[int]:
    """Sequences of the events, without the snapshot and signs of life."""
    return [
        message.sequence for message in watched[1:] if message.WhichOneof("event") != "heartbeat"
    ]


def test_a_watcher_sees_a_snapshot_then_the_whole_history(
    client: Client, make_spec: MakeSpec
) -> None:
    name = client.create(make_spec()).name
    watched = list(client.watch(name))
    assert watched[0].WhichOneof("event") == "job"
    assert stored(watched) == list(range(1, len(watched)))
    states = [message.job.state for message in watched[1:] if message.HasField("job")]
    assert states == [
        job_service_pb2.JOB_STATE_QUEUED,
        job_service_pb2.JOB_STATE_LOADING_MODELS,
        job_service_pb2.JOB_STATE_RUNNING,
        job_service_pb2.JOB_STATE_SUCCEEDED,
    ]
    assert [message.chunk.index for message in watched if is_chunk(message)] == [0, 1, 2, 3, 4, 5]
    assert watched[-1].job == client.get(name)
    assert watched[-1].job.last_sequence == watched[-1].sequence
    # Who comes later hears the same.
    assert list(client.watch(name))[1:] == watched[1:]


def test_a_watcher_that_was_cut_off_goes_on_without_gap_or_repeat(
    client: Client, config: ServerConfig, make_spec: MakeSpec
) -> None:
    name = client.create(make_spec("slow")).name
    first: list[int] = []
    watching = client.watch(name)
    for message in watching:
        first.append(message.sequence)
        if is_chunk(message):
            break
    watching.cancel()
    open_gate(config, name)
    second = stored(list(client.watch(name, after=first[-1])))
    newest = client.get(name).last_sequence
    assert first[1:] + second == list(range(1, newest + 1))


def test_a_watch_of_an_ended_job_after_its_last_event_is_just_the_snapshot(
    client: Client, make_spec: MakeSpec
) -> None:
    job = client.wait_for_end(client.create(make_spec()).name)
    (snapshot,) = client.watch(job.name, after=job.last_sequence)
    assert snapshot.job == job


@pytest.mark.parametrize("after", [-1, 1_000_000])
def test_a_sequence_that_never_was_is_refused(
    client: Client, make_spec: MakeSpec, after: int
) -> None:
    name = client.create(make_spec()).name
    with pytest.raises(grpc.RpcError) as error:
        list(client.watch(name, after=after))
    assert refusal(error) == (grpc.StatusCode.INVALID_ARGUMENT, "ARGUMENT_INVALID")


def test_a_silent_job_gives_signs_of_life(
    start: Callable[..., Client], make_spec: MakeSpec
) -> None:
    client = start(heartbeat_s=0.02)
    name = client.create(make_spec("slow")).name
    client.wait_for(name, is_chunk)
    beat = client.wait_for(name, lambda message: message.WhichOneof("event") == "heartbeat")
    assert beat.sequence == client.get(name).last_sequence


def test_a_fast_model_does_not_flood_the_history(client: Client, make_spec: MakeSpec) -> None:
    name = client.create(make_spec("burst")).name
    told = [message for message in client.watch(name) if message.WhichOneof("event") == "progress"]
    # The engine told 48 frames 50 times each; every chunk flushes what was held back.
    assert len(told) < 100
    assert max(message.progress.frames_done for message in told) == 48


def test_a_watch_ends_when_the_server_stops_and_says_so(
    config: ServerConfig, make_spec: MakeSpec
) -> None:
    with ExitStack() as stack:
        with server_thread(config) as address:
            client = stack.enter_context(connected(address))
            watching = client.watch(client.create(make_spec("slow")).name)
            next(message for message in watching if is_chunk(message))
        with pytest.raises(grpc.RpcError) as error:
            list(watching)
    assert refusal(error) == (grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING")


def progressed(sequence: int) -> StoredEvent:
    progress = JobProgress(frames_done=sequence, frames_total=100)
    return StoredEvent(sequence=sequence, event=Progressed(progress=progress))


def test_a_reader_far_behind_is_spared_outdated_progress_only() -> None:
    chunk = StoredEvent(sequence=15, event=ChunkStored(index=0, frame_range=FrameRange(0, 8)))
    events = [*map(progressed, range(1, 15)), chunk, *map(progressed, range(16, 41))]
    assert spared(events, history_end=3) == [*map(progressed, (1, 2, 3)), chunk, progressed(40)]
    assert spared(events, history_end=40) == events
    assert spared(events[:20], history_end=0) == events[:20]
