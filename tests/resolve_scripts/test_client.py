"""The client against a real gRPC server: words of errors, retries, lost connections."""

from __future__ import annotations

import hashlib
from pathlib import Path

import grpc
import pytest
from via.v1 import edit_pb2, job_service_pb2, media_pb2

from resolve_scripts.client import RETRY_DELAYS_S, ViaClient
from resolve_scripts.errors import (
    InvalidEditError,
    NotKnownError,
    ServerBusyError,
    ServerUnreachableError,
    TransferError,
    ViaClientError,
)
from resolve_scripts.transfer import MediaDesk, download_result, upload_media
from tests.resolve_scripts.fake_server import FakeServer, result_bytes


def spec(instruction: str = "make it night") -> edit_pb2.EditSpec:
    source = media_pb2.MediaSource(absolute_path="/somewhere/clip.mov")
    return edit_pb2.EditSpec(source=source, instruction=instruction)


def finished(client: ViaClient) -> job_service_pb2.Job:
    job = client.create_job(spec())
    return [event.job for event in client.watch_job(job.name) if event.HasField("job")][-1]


def test_unavailable_is_tried_again_and_then_named(fake: FakeServer, client: ViaClient) -> None:
    fake.broken_calls = len(RETRY_DELAYS_S)
    assert client.server_info().version == "9.9"
    fake.calls, fake.broken_calls = 0, 99
    with pytest.raises(ServerUnreachableError, match="warming up"):
        client.server_info()
    assert fake.calls == len(RETRY_DELAYS_S) + 1


def test_a_refusal_is_not_tried_again_and_keeps_the_servers_reason(client: ViaClient) -> None:
    wrong = spec()
    wrong.model = "nonesuch"
    with pytest.raises(InvalidEditError, match="no model nonesuch") as caught:
        client.create_job(wrong)
    assert (caught.value.reason, caught.value.exit_code) == ("MODEL_UNKNOWN", 2)
    with pytest.raises(NotKnownError) as missing:
        client.get_job("jobs/none")
    assert (missing.value.reason, missing.value.exit_code) == ("JOB_NOT_FOUND", 2)


def test_a_full_queue_is_an_error_of_its_own(fake: FakeServer, client: ViaClient) -> None:
    fake.max_queued_jobs = 0
    with pytest.raises(ServerBusyError) as caught:
        client.create_job(spec())
    assert caught.value.reason == "QUEUE_FULL"


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code.name != "OK"])
def test_every_status_becomes_an_error_with_words(
    code: grpc.StatusCode, fake: FakeServer, client: ViaClient
) -> None:
    fake.status = code
    with pytest.raises(ViaClientError, match="something happened") as caught:
        client.list_models()
    lost = isinstance(caught.value, ServerUnreachableError)
    assert caught.value.reason == ("SERVER_UNREACHABLE" if lost else code.name)
    assert lost == (code.name in {"UNAVAILABLE", "DEADLINE_EXCEEDED"})


def test_nobody_listening_is_unreachable() -> None:
    with (
        ViaClient("127.0.0.1:1", sleep=lambda _: None) as client,
        pytest.raises(ServerUnreachableError, match="via serve") as caught,
    ):
        client.server_info()
    assert caught.value.exit_code == 3


def test_the_token_is_sent(fake: FakeServer) -> None:
    with ViaClient(fake.address, token="secret") as client:
        client.server_info()
    assert fake.tokens == {"Bearer secret"}


def test_a_lost_watch_goes_on_after_the_last_event(fake: FakeServer, client: ViaClient) -> None:
    fake.broken_watches = [3, 0, 2]
    job = client.create_job(spec())
    events = list(client.watch_job(job.name))
    told = [event.sequence for event in events if not event.HasField("job")]
    assert told == sorted(set(told)) == list(range(1, told[-1] + 1))
    assert fake.watched_after == [0, 2, 2, 3]
    assert events[-1].job.state == job_service_pb2.JOB_STATE_SUCCEEDED


def test_a_server_that_never_comes_back_ends_the_watch(fake: FakeServer, client: ViaClient) -> None:
    job = client.create_job(spec())
    fake.broken_watches = [0] * 50
    with pytest.raises(ServerUnreachableError, match="via jobs ls"):
        list(client.watch_job(job.name))


def test_the_same_request_id_gives_the_same_job(client: ViaClient) -> None:
    first = client.create_job(spec(), request_id="a")
    assert client.create_job(spec(), request_id="a").name == first.name
    assert client.create_job(spec()).name != first.name


def test_all_pages_are_listed(client: ViaClient) -> None:
    names = [client.create_job(spec()).name for _ in range(5)]
    assert [job.name for job in client.list_jobs()] == names[::-1]


def test_a_download_goes_on_where_the_connection_broke(
    fake: FakeServer, client: ViaClient, tmp_path: Path
) -> None:
    job = finished(client)
    fake.broken_reads = [2]
    download_result(client, job, tmp_path / "out.mov")
    assert fake.read_offsets == [0, 2000]
    assert (tmp_path / "out.mov").read_bytes() == result_bytes(job)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mov"]


def test_a_download_goes_on_where_an_earlier_command_stopped(
    fake: FakeServer, client: ViaClient, tmp_path: Path
) -> None:
    job = finished(client)
    (tmp_path / "out.mov.1.partial").write_bytes(result_bytes(job)[:1500])
    download_result(client, job, tmp_path / "out.mov")
    assert fake.read_offsets == [1500]
    assert (tmp_path / "out.mov").read_bytes() == result_bytes(job)


def test_a_damaged_download_leaves_nothing(
    fake: FakeServer, client: ViaClient, tmp_path: Path
) -> None:
    job = finished(client)
    fake.is_damaging_results = True
    with pytest.raises(TransferError, match="damaged"):
        download_result(client, job, tmp_path / "out.mov")
    assert list(tmp_path.iterdir()) == []


def test_a_download_never_overwrites_unless_told(client: ViaClient, tmp_path: Path) -> None:
    job, out = finished(client), tmp_path / "out.mov"
    out.write_text("somebody's work")
    with pytest.raises(FileExistsError):
        download_result(client, job, out)
    assert out.read_text() == "somebody's work"
    download_result(client, job, out, replace=True)
    assert out.read_bytes() == result_bytes(job)


def test_an_upload_arrives_whole(fake: FakeServer, client: ViaClient, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mov"
    clip.write_bytes(bytes(range(256)) * 9000)  # more than two pieces
    upload_id = upload_media(client, clip)
    assert (
        hashlib.sha256(fake.uploads[upload_id]).digest()
        == hashlib.file_digest(clip.open("rb"), "sha256").digest()
    )


@pytest.mark.parametrize("shares_disk", [True, False])
def test_media_outside_the_roots_is_sent_once(
    fake: FakeServer, client: ViaClient, clip: Path, shares_disk: bool
) -> None:
    fake.media_roots = ["/nowhere"]
    desk = MediaDesk(client, shares_disk=shares_disk)
    assert desk.source(clip).upload_id == desk.source(clip).upload_id
    assert len(fake.uploads) == 1


def test_media_below_a_root_is_named_by_path(
    fake: FakeServer, client: ViaClient, clip: Path
) -> None:
    desk = MediaDesk(client, shares_disk=True)
    assert desk.source(clip).absolute_path == str(clip)
    assert fake.uploads == {}
