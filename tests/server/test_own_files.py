"""Masks, root images and adapters of the caller's own, by every way they can be named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import grpc
import pytest
from PIL import Image
from via.v1 import adapt_pb2, edit_pb2, job_service_pb2, local_pb2, media_pb2

from server.config import ServerConfig
from tests.server.conftest import (
    CLIP_FRAMES,
    DEADLINE_S,
    Client,
    MakeSpec,
    is_chunk,
    refusal,
)

MakeField = Callable[[media_pb2.MediaSource], dict[str, Any]]


def png(width: int = 64, height: int = 48) -> bytes:
    buffer = BytesIO()
    Image.new("L", (width, height), 255).save(buffer, "PNG")
    return buffer.getvalue()


def matte(source: media_pb2.MediaSource) -> dict[str, Any]:
    return {"local": local_pb2.LocalSettings(own_mask=local_pb2.OwnMask(matte_clip=source))}


def still(source: media_pb2.MediaSource) -> dict[str, Any]:
    return {"local": local_pb2.LocalSettings(own_mask=local_pb2.OwnMask(still=source))}


def root(source: media_pb2.MediaSource) -> dict[str, Any]:
    image = adapt_pb2.RootImage(frame=5, file=source)
    return {"adapt": adapt_pb2.AdaptSettings(root_image=image)}


def adapter(source: media_pb2.MediaSource) -> dict[str, Any]:
    return {"adapt": adapt_pb2.AdaptSettings(adapter=source)}


def absolute(path: Path) -> media_pb2.MediaSource:
    return media_pb2.MediaSource(absolute_path=str(path))


def upload(client: Client, name: str, data: bytes) -> media_pb2.MediaSource:
    parts = [
        job_service_pb2.UploadMediaRequest(file_name=name),
        job_service_pb2.UploadMediaRequest(data=data),
    ]
    answer = client.jobs.UploadMedia(iter(parts), timeout=DEADLINE_S)
    return media_pb2.MediaSource(upload_id=answer.upload_id)


def refused(client: Client, spec: edit_pb2.EditSpec) -> tuple[grpc.StatusCode, str]:
    request = job_service_pb2.ValidateEditRequest(spec=spec)
    with pytest.raises(grpc.RpcError) as error:
        client.jobs.ValidateEdit(request, timeout=DEADLINE_S)
    return refusal(error)


def read_adapter(client: Client, name: str) -> bytes:
    request = job_service_pb2.ReadResultRequest(name=name, part=job_service_pb2.RESULT_PART_ADAPTER)
    pieces = client.jobs.ReadResult(request, timeout=DEADLINE_S)
    return b"".join(piece.data for piece in pieces)


def test_every_file_an_edit_names_is_checked_before_there_is_a_job(
    client: Client, make_spec: MakeSpec, media_folder: Path, tmp_path: Path
) -> None:
    for name, content in (("small.png", png(32, 48)), ("text.png", b"no picture")):
        (media_folder / name).write_bytes(content)
    (media_folder / "cut.png").write_bytes(png()[:50])
    outside = tmp_path / "outside.png"
    outside.write_bytes(png())
    names: tuple[MakeField, ...] = (matte, still, root, adapter)
    for fields in names:
        spec = make_spec(**fields(absolute(outside)))
        assert refused(client, spec)[1] == "MEDIA_OUTSIDE_ROOTS"
        spec = make_spec(**fields(absolute(media_folder / "gone.png")))
        assert refused(client, spec)[1] == "MEDIA_NOT_FOUND"
        spec = make_spec(**fields(media_pb2.MediaSource()))
        assert refused(client, spec)[1] == "ARGUMENT_INVALID"
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    for name in ("small.png", "text.png", "cut.png"):
        source = absolute(media_folder / name)
        assert refused(client, make_spec(**still(source))) == (invalid, "MASK_INVALID")
        assert refused(client, make_spec(**root(source))) == (invalid, "ROOT_INVALID")
    source = absolute(media_folder / "text.png")
    assert refused(client, make_spec(**matte(source))) == (invalid, "MASK_INVALID")
    empty = local_pb2.LocalSettings(own_mask=local_pb2.OwnMask())
    assert refused(client, make_spec(local=empty))[1] == "ARGUMENT_INVALID"


def test_a_mask_is_named_by_path_by_upload_or_sent_along(
    client: Client, config: ServerConfig, make_spec: MakeSpec, media_folder: Path
) -> None:
    (media_folder / "mask.png").write_bytes(png())
    sent_along = local_pb2.LocalSettings(own_mask=local_pb2.OwnMask(still_picture=png()))
    ways = [
        still(absolute(media_folder / "mask.png")),
        still(upload(client, "mask.png", png())),
        {"local": sent_along},
        matte(absolute(media_folder / "clip.mp4")),
    ]
    jobs = [client.create(make_spec(**way)).name for way in ways]
    for name in jobs:
        job = client.wait_for_end(name)
        assert job.state == job_service_pb2.JOB_STATE_SUCCEEDED
        assert (job.mask.frames_total, list(job.mask.phrases)) == (CLIP_FRAMES, [])
    # What came inside the message is an upload from then on.
    kept = client.get(jobs[2]).spec.local.own_mask.still.upload_id
    (path,) = (config.uploads_folder / kept).iterdir()
    assert path.read_bytes() == png()
    too_large = local_pb2.OwnMask(still_picture=bytes((3 << 20) + 1))
    spec = make_spec(local=local_pb2.LocalSettings(own_mask=too_large))
    assert refused(client, spec)[1] == "ARGUMENT_INVALID"


def test_an_adapter_is_read_and_serves_another_edit(client: Client, make_spec: MakeSpec) -> None:
    plain = client.wait_for_end(client.create(make_spec()).name)
    with pytest.raises(grpc.RpcError) as error:
        read_adapter(client, plain.name)
    assert refusal(error) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_STATE_WRONG")

    image = adapt_pb2.RootImage(frame=5, picture=png())
    asked = adapt_pb2.AdaptSettings(steps=20, root_image=image)
    job = client.wait_for_end(client.create(make_spec(adapt=asked)).name)
    told = [m.adapter for m in client.watch(job.name) if m.WhichOneof("event") == "adapter"]
    assert told == [job.adapter]
    assert (job.adapter.root_frame, job.adapter.steps) == (5, 20)
    assert job.adapter.duration.ToMilliseconds() == 1500
    data = read_adapter(client, job.name)
    assert hashlib.sha256(data).hexdigest() == job.adapter.sha256

    source = upload(client, job.adapter.file_name, data)
    again = client.wait_for_end(client.create(make_spec(**adapter(source))).name)
    assert again.state == job_service_pb2.JOB_STATE_SUCCEEDED
    assert not again.adapter.HasField("root_frame")
    broken = upload(client, "broken.safetensors", b"something else")
    failed = client.wait_for_end(client.create(make_spec(**adapter(broken))).name)
    assert (failed.state, failed.error.reason) == (
        job_service_pb2.JOB_STATE_FAILED,
        "ADAPTER_INVALID",
    )


def test_adaptation_is_off_until_it_is_asked_for(client: Client, make_spec: MakeSpec) -> None:
    def resolved(**fields: Any) -> adapt_pb2.AdaptSettings:
        request = job_service_pb2.ValidateEditRequest(spec=make_spec(**fields))
        plan = client.jobs.ValidateEdit(request, timeout=DEADLINE_S).plan
        return plan.resolved_spec.adapt

    off = adapt_pb2.AdaptSettings(enabled=False)
    assert resolved() == resolved(adapt=off) == off
    assert resolved(adapt=adapt_pb2.AdaptSettings()) == adapt_pb2.AdaptSettings(
        enabled=True, rank=16, candidates=8
    )


def test_a_mask_that_changed_while_a_job_waits_to_go_on_is_not_mixed(
    client: Client, make_spec: MakeSpec, media_folder: Path
) -> None:
    path = media_folder / "mask.png"
    path.write_bytes(png())
    failed = client.wait_for_end(client.create(make_spec("fail", **still(absolute(path)))).name)
    changed = Image.new("L", (64, 48), 128)
    changed.save(path)
    client.jobs.RetryJob(job_service_pb2.RetryJobRequest(name=failed.name), timeout=DEADLINE_S)
    again = client.wait_for_end(failed.name)
    assert any("mask.png changed meanwhile" in note for note in again.notes)
    first = [message.chunk.index for message in client.watch(failed.name) if is_chunk(message)]
    assert first == [0, 0]
