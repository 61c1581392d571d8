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


def test_pictures_sent_together_are_a_sequence(client: Client, shared_media: Path) -> None:
    paths = [
        shared_media / "tlrender" / "Seq" / f"BART_2021-02-07.{number:04d}.jpg"
        for number in (3, 4, 6)
    ]
    parts = [
        part for path in paths for part in (name_part(path.name), data_part(path.read_bytes()))
    ]
    answer = send(client, parts)
    assert answer.sha256 == hashlib.sha256(b"".join(map(Path.read_bytes, paths))).hexdigest()
    sequence = media_pb2.ImageSequence(
        upload_id=answer.upload_id,
        name_prefix="BART_2021-02-07.",
        name_suffix=".jpg",
        zero_padding=4,
        first_number=3,
        frame_rate=media_pb2.Rational(num=25, den=1),
    )
    source = media_pb2.MediaSource(sequence=sequence)
    asked = job_service_pb2.ReadFrameRequest(source=source, frame=3, max_side_px=64)
    media = client.jobs.ReadFrame(asked, timeout=DEADLINE_S).media
    assert (media.frame_count, media.width) == (4, 320)
    assert [each.start_frame for each in media.missing_ranges] == [2]
    with pytest.raises(grpc.RpcError) as error:
        one = media_pb2.MediaSource(upload_id=answer.upload_id)
        client.jobs.ReadFrame(job_service_pb2.ReadFrameRequest(source=one), timeout=DEADLINE_S)
    assert refusal(error)[1] == "MEDIA_UNREADABLE"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([], "ARGUMENT_INVALID"),
        ([data_part(b"x")], "ARGUMENT_INVALID"),
        ([name_part("a.png"), name_part("a.png")], "ARGUMENT_INVALID"),
        ([name_part("a.png"), data_part(b"x"), name_part("../b.png")], "ARGUMENT_INVALID"),
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
    async def parts() -> AsyncIterator[str | bytes]:
        yield "clip.mp4"
        yield b"half"
        assert len(list(tmp_path.iterdir())) == 1
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Uploads(tmp_path, max_bytes=100).receive(parts()))
    assert list(tmp_path.iterdir()) == []


def test_cleaning_keeps_what_jobs_name_and_what_is_young(tmp_path: Path) -> None:
    for name in ("used", "old", "young", "half.partial"):
        (tmp_path / name).mkdir()
    for name in ("used", "old"):
        os.utime(tmp_path / name, (0, 0))
    Uploads(tmp_path, max_bytes=1).clean(used={"used"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["used", "young"]
