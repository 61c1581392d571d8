"""Single frames to look at, of media and of finished clips."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import grpc
import numpy as np
import pytest
from PIL import Image
from via.v1 import edit_pb2, job_service_pb2, media_pb2

from server.config import ServerConfig
from tests.conftest import require_program
from tests.server.conftest import DEADLINE_S, Client, MakeSpec, is_chunk, refusal

PNG = job_service_pb2.PICTURE_FORMAT_PNG


def read(client: Client, **fields: object) -> job_service_pb2.ReadFrameResponse:
    return client.jobs.ReadFrame(
        job_service_pb2.ReadFrameRequest(**fields), timeout=DEADLINE_S
    )  # fmt: skip


def refused(client: Client, **fields: object) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as error:
        read(client, **fields)
    return refusal(error)


def pixels(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(picture)).convert("RGB"), np.float64)


@pytest.fixture
def source(media_folder: Path) -> media_pb2.MediaSource:
    return media_pb2.MediaSource(absolute_path=str(media_folder / "clip.mp4"))


def test_the_frame_asked_for_is_shown_in_whatever_order(
    client: Client, source: media_pb2.MediaSource
) -> None:
    for frame in (0, 1, 2, 17, 19, 18, 18, 47, 46, 3):
        shown = read(client, source=source, frame=frame)
        assert Image.open(BytesIO(shown.picture)).format == "JPEG"
        assert (shown.width, shown.height, shown.media.frame_count) == (64, 48, 48)
        # The clip's shade rises by 4 with every frame.
        assert abs(pixels(shown.picture).mean() - 4 * frame) < 2


def test_a_frame_of_a_real_clip_is_the_one_ffmpeg_finds(
    start: Callable[..., Client], shared_media: Path
) -> None:
    path, frame = shared_media / "man-skiing.mp4", 67
    client = start(media_roots=(("shared", shared_media),))
    command = [require_program("ffmpeg"), "-v", "error", "-i", str(path), "-vf"]
    command += [f"select=eq(n\\,{frame})", "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-"]
    expected = pixels(subprocess.run(command, capture_output=True, check=True).stdout)
    source = media_pb2.MediaSource(absolute_path=str(path))
    shown = read(client, source=source, frame=frame, max_side_px=4096, format=PNG)
    assert pixels(shown.picture).shape == expected.shape
    assert np.sqrt(np.mean((pixels(shown.picture) - expected) ** 2)) < 4
    other = read(client, source=source, frame=frame - 1, max_side_px=4096, format=PNG)
    assert np.sqrt(np.mean((pixels(other.picture) - expected) ** 2)) > 8


def test_a_picture_is_made_no_larger_than_asked(
    client: Client, source: media_pb2.MediaSource
) -> None:
    shown = read(client, source=source, frame=1, max_side_px=32, format=PNG)
    assert pixels(shown.picture).shape == (24, 32, 3)
    assert (shown.width, shown.height) == (32, 24)
    assert (shown.upright_width, shown.upright_height) == (64, 48)


@pytest.mark.parametrize("frame", [-1, 48, 2**31 - 1])
def test_a_frame_the_media_does_not_have_is_refused(
    client: Client, source: media_pb2.MediaSource, frame: int
) -> None:
    expected = (grpc.StatusCode.INVALID_ARGUMENT, "RANGE_OUTSIDE_MEDIA")
    assert refused(client, source=source, frame=frame) == expected


def test_files_outside_the_roots_are_not_shown(client: Client, tmp_path: Path) -> None:
    outside = media_pb2.MediaSource(absolute_path=str(tmp_path / "clip.mp4"))
    expected = (grpc.StatusCode.PERMISSION_DENIED, "MEDIA_OUTSIDE_ROOTS")
    assert refused(client, source=outside) == expected
    assert refused(client) == (grpc.StatusCode.INVALID_ARGUMENT, "ARGUMENT_INVALID")


def test_the_finished_clip_is_read_once_there_is_one(
    client: Client, config: ServerConfig, make_spec: MakeSpec
) -> None:
    running = client.create(make_spec("slow", output_format=edit_pb2.OUTPUT_FORMAT_H264_MP4)).name
    client.wait_for(running, is_chunk)
    expected = (grpc.StatusCode.FAILED_PRECONDITION, "JOB_STATE_WRONG")
    assert refused(client, job_name=running) == expected
    client.cancel(running)
    # The fake engine's clips are text: what is opened is the finished file.
    done = client.wait_for_end(client.create(make_spec()).name)
    with pytest.raises(grpc.RpcError, match=r"edited\.mov"):
        read(client, job_name=done.name)
    assert refused(client, job_name="jobs/none")[0] is grpc.StatusCode.NOT_FOUND
