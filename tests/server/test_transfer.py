"""Media sent to the server, and what becomes of bad sendings."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import pytest
from via.v1 import job_service_pb2, media_pb2

from server.config import ServerConfig
from server.uploads import Uploads
from tests.server.conftest import DEADLINE_S, Client, MakeSpec, refusal

Parts = list[job_service_pb2.UploadMediaRequest]


def name_part(name: str) -> job_service_pb2.UploadMediaRequest:
    return job_service_pb2.UploadMediaRequest(file_name=name)


def data_part(data: bytes) -> job_service_pb2.UploadMediaRequest:
    return job_service_pb2.UploadMediaRequest(data=data)


def send(client: Client, parts: Parts) -> job_service_pb2.UploadMediaResponse:
    return client.jobs.UploadMedia(iter(parts), timeout=DEADLINE_S)


def clip_parts(media_folder: Path, name: str = "my clip.mp4") -> Parts:
    content = (media_folder / "clip.mp4").read_bytes()
    pieces = (content[start : start + 500] for start in range(0, len(content), 500))
    return [name_part(name), *map(data_part, pieces)]


def test_an_uploaded_clip_is_edited(
    client: Client, make_spec: MakeSpec, media_folder: Path
) -> None:
    content = (media_folder / "clip.mp4").read_bytes()
    answer = send(client, clip_parts(media_folder))
    assert answer.size_bytes == len(content)
    assert answer.sha256 == hashlib.sha256(content).hexdigest()
    source = media_pb2.MediaSource(upload_id=answer.upload_id)
    job = client.wait_for_end(client.create(make_spec(source=source)).name)
    assert job.state == job_service_pb2.JOB_STATE_SUCCEEDED
    assert (job.result.file_name, job.spec.source) == ("my clip_via.mov", source)


def test_the_same_clip_sent_again_is_the_same_upload(
    client: Client, config: ServerConfig, media_folder: Path
) -> None:
    first, again = (send(client, clip_parts(media_folder)) for _ in range(2))
    other = send(client, clip_parts(media_folder, "other.mp4"))
    assert first == again
    assert other.upload_id != first.upload_id
    assert len(list(config.uploads_folder.iterdir())) == 2


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([], "ARGUMENT_INVALID"),
        ([data_part(b"x")], "ARGUMENT_INVALID"),
        ([name_part("a.mp4"), name_part("b.mp4")], "ARGUMENT_INVALID"),
        ([name_part("../a.mp4"), data_part(b"x")], "ARGUMENT_INVALID"),
        ([name_part("a/b.mp4"), data_part(b"x")], "ARGUMENT_INVALID"),
        ([name_part("a\\b.mp4"), data_part(b"x")], "ARGUMENT_INVALID"),
        ([name_part(".."), data_part(b"x")], "ARGUMENT_INVALID"),
        ([name_part("a\n.mp4"), data_part(b"x")], "ARGUMENT_INVALID"),
        ([name_part("a" * 201), data_part(b"x")], "ARGUMENT_INVALID"),
        ([name_part(""), data_part(b"x")], "ARGUMENT_INVALID"),
        ([name_part("a.mp4"), data_part(bytes((1 << 20) + 1))], "ARGUMENT_INVALID"),
        ([name_part("a.mp4"), data_part(bytes(600)), data_part(bytes(600))], "UPLOAD_TOO_LARGE"),
    ],
)
def test_a_bad_sending_is_refused_and_leaves_nothing(
    start: Callable[..., Client], config: ServerConfig, parts: Parts, reason: str
) -> None:
    client = start(max_upload_bytes=1000)
    with pytest.raises(grpc.RpcError) as error:
        send(client, parts)
    assert refusal(error) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert list(config.uploads_folder.iterdir()) == []


def test_a_sending_broken_off_leaves_nothing(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"half"
        assert len(list(tmp_path.iterdir())) == 1
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Uploads(tmp_path, max_bytes=100).receive("clip.mp4", pieces()))
    assert list(tmp_path.iterdir()) == []


def test_cleaning_keeps_what_jobs_name_and_what_is_young(tmp_path: Path) -> None:
    for name in ("used", "old", "young", "half.partial"):
        (tmp_path / name).mkdir()
    for name in ("used", "old"):
        os.utime(tmp_path / name, (0, 0))
    Uploads(tmp_path, max_bytes=1).clean(used={"used"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["used", "young"]
