"""Identity edits and image sequences at the server's door, done by the real engine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from via.v1 import adapt_pb2, edit_pb2, job_service_pb2, local_pb2, media_pb2

from tests.server.conftest import DEADLINE_S, Client, refusal

Start = Callable[..., Client]
SUCCEEDED = job_service_pb2.JOB_STATE_SUCCEEDED


@pytest.fixture
def pictures(shared_media: Path, media_folder: Path, tmp_path: Path) -> Path:
    """A writable copy of ten pictures of a real sequence below a media root."""
    folder = media_folder / tmp_path.name
    folder.mkdir()
    for number in range(1, 11):
        name = f"BART_2021-02-07.{number:04d}.jpg"
        shutil.copy(shared_media / "tlrender" / "Seq" / name, folder / name)
    return folder


def sequence(folder: Path, **changes: Any) -> media_pb2.MediaSource:
    plain = {
        "absolute_folder": str(folder),
        "name_prefix": "BART_2021-02-07.",
        "name_suffix": ".jpg",
        "zero_padding": 4,
        "first_number": 1,
        "frame_rate": media_pb2.Rational(num=24000, den=1001),
    }
    return media_pb2.MediaSource(sequence=media_pb2.ImageSequence(**{**plain, **changes}))


def identity(source: media_pb2.MediaSource, **fields: Any) -> edit_pb2.EditSpec:
    return edit_pb2.EditSpec(source=source, identity=True, **fields)


def plan(client: Client, spec: edit_pb2.EditSpec) -> edit_pb2.EditPlan:
    request = job_service_pb2.ValidateEditRequest(spec=spec)
    return client.jobs.ValidateEdit(request, timeout=DEADLINE_S).plan


def refused(client: Client, spec: edit_pb2.EditSpec) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as error:
        plan(client, spec)
    return refusal(error)[1], error.value.details()


def test_a_sequence_passes_through_the_real_engine(start: Start, pictures: Path) -> None:
    client = start(editor_factory="via_engine.editor:VideoEditor")
    frames = media_pb2.FrameRange(start_frame=2, end_frame_exclusive=7)
    spec = identity(sequence(pictures), frame_range=frames)
    # A few of the frames tell beforehand what passing them takes.
    planned = plan(client, spec)
    assert planned.estimated_duration.ToTimedelta().total_seconds() > 0
    assert planned.estimated_memory_bytes > 10 << 20
    assert not planned.is_measured
    resolved = planned.resolved_spec
    job = client.wait_for_end(client.create(resolved).name)
    assert (job.state, job.error.message) == (SUCCEEDED, "")
    assert (job.result.frame_count, job.result.width, job.result.height) == (5, 320, 180)
    assert (job.result.frame_rate.num, job.result.frame_rate.den) == (24000, 1001)
    assert job.result.file_name == "BART_2021-02-07_via.mov"
    assert (job.spec, job.spec.model) == (resolved, "")
    asked = job_service_pb2.ReadFrameRequest(source=sequence(pictures), frame=9, max_side_px=64)
    assert client.jobs.ReadFrame(asked, timeout=DEADLINE_S).width == 64


def test_a_single_picture_is_held_and_the_job_says_so(start: Start, pictures: Path) -> None:
    client = start(editor_factory="via_engine.editor:VideoEditor")
    name = {"name_prefix": "BART_2021-02-07.0003", "is_single": True, "first_number": 0}
    spec = identity(sequence(pictures, **name), hold_frames=30)
    resolved = plan(client, spec).resolved_spec
    assert (resolved.hold_frames, resolved.frame_range.end_frame_exclusive) == (30, 1)
    job = client.wait_for_end(client.create(resolved).name)
    assert (job.state, job.error.message) == (SUCCEEDED, "")
    assert (job.result.frame_count, job.progress.frames_total) == (30, 1)
    assert job.spec == resolved == client.get(job.name).spec
    for hold_frames in (-1, 216_001):
        told = refused(client, identity(sequence(pictures, **name), hold_frames=hold_frames))
        assert told[0] == "ARGUMENT_INVALID" and "spec.hold_frames" in told[1]


def test_missing_pictures_are_warned_of_and_refused_where_they_are_needed(
    client: Client, pictures: Path
) -> None:
    (pictures / "BART_2021-02-07.0005.jpg").unlink()
    told = refused(client, identity(sequence(pictures)))
    assert (told[0], "5 to 5" in told[1]) == ("MEDIA_NOT_FOUND", True)
    part = media_pb2.FrameRange(start_frame=5, end_frame_exclusive=10)
    fine = plan(client, identity(sequence(pictures), frame_range=part))
    (missing,) = fine.media.missing_ranges
    assert (missing.start_frame, missing.end_frame_exclusive) == (4, 5)
    assert fine.warnings == ["The sequence lacks 1 of its 10 pictures."]


def test_the_identity_of_media_follows_its_content(client: Client, pictures: Path) -> None:
    before = plan(client, identity(sequence(pictures))).media.identity
    assert before == plan(client, identity(sequence(pictures))).media.identity
    (pictures / "BART_2021-02-07.0004.jpg").write_bytes(b"new")
    assert before != plan(client, identity(sequence(pictures))).media.identity


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name_prefix": "../x"}, "ARGUMENT_INVALID"),
        ({"name_suffix": "/etc/x"}, "ARGUMENT_INVALID"),
        ({"first_number": -1}, "ARGUMENT_INVALID"),
        ({"zero_padding": 99}, "ARGUMENT_INVALID"),
        ({"frame_rate": None}, "ARGUMENT_INVALID"),
        ({"absolute_folder": "/etc"}, "MEDIA_OUTSIDE_ROOTS"),
        ({"absolute_folder": "seq"}, "ARGUMENT_INVALID"),
        ({"name_prefix": "gone."}, "MEDIA_NOT_FOUND"),
    ],
)
def test_sequences_that_cannot_be_named_so_are_refused(
    client: Client, pictures: Path, changes: dict[str, Any], reason: str
) -> None:
    assert refused(client, identity(sequence(pictures, **changes)))[0] == reason


def test_a_picture_that_links_out_of_the_roots_is_refused(
    client: Client, pictures: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.jpg"
    shutil.copy(pictures / "BART_2021-02-07.0001.jpg", outside)
    (pictures / "BART_2021-02-07.0003.jpg").unlink()
    (pictures / "BART_2021-02-07.0003.jpg").symlink_to(outside)
    assert refused(client, identity(sequence(pictures)))[0] == "MEDIA_OUTSIDE_ROOTS"


def test_what_makes_no_sense_without_a_model_is_refused(
    client: Client, make_spec: Callable[..., edit_pb2.EditSpec], pictures: Path
) -> None:
    plain = make_spec(identity=True, instruction="")
    box = local_pb2.BoxPrompt(left_px=1, top_px=1, right_px=9, bottom_px=9)
    for field in (
        {"adapt": adapt_pb2.AdaptSettings()},
        {"local": local_pb2.LocalSettings(own_mask=local_pb2.OwnMask(box=box))},
    ):
        assert refused(client, make_spec(identity=True, **field))[0] == "ARGUMENT_INVALID"
    with pytest.raises(grpc.RpcError):
        request = job_service_pb2.PreviewFrameRequest(spec=plain, frame=0)
        client.jobs.PreviewFrame(request, timeout=DEADLINE_S)
    matte = local_pb2.OwnMask(matte_clip=sequence(pictures))
    spec = make_spec(local=local_pb2.LocalSettings(own_mask=matte))
    assert refused(client, spec)[0] == "ARGUMENT_INVALID"
