"""Roots to choose from, subjects that are not there, and looks shared between jobs."""

from __future__ import annotations

from io import BytesIO

import grpc
import pytest
from PIL import Image
from via.v1 import adapt_pb2, edit_pb2, job_service_pb2, local_pb2, media_pb2

from server.convert_settings import choice_message
from server.root_sheet import COLUMNS, root_sheet
from tests.server.conftest import DEADLINE_S, Client, MakeSpec, refusal
from via_engine.edit_events import RootCandidate
from via_engine.edit_settings import RootChoice


def proposal(
    client: Client, spec: edit_pb2.EditSpec, count: int = 0
) -> list[job_service_pb2.ProposeRootsResponse]:
    request = job_service_pb2.ProposeRootsRequest(spec=spec, count=count)
    return list(client.jobs.ProposeRoots(request, timeout=DEADLINE_S))


def candidate(shade: int, *, size: tuple[int, int] = (64, 48), fault: str = "") -> RootCandidate:
    buffer = BytesIO()
    Image.new("RGB", size, (shade, 0, 0)).save(buffer, "PNG")
    return RootCandidate(
        choice=RootChoice(frame=1, seed=shade, guidance_scale=2.0, image_guidance_scale=1.5),
        png=buffer.getvalue(),
        source_png=b"",
        score=0.5,
        is_sound=not fault,
        fault=fault,
    )


def test_roots_are_proposed_and_one_of_them_is_taken(client: Client, make_spec: MakeSpec) -> None:
    *candidates, last = proposal(client, make_spec(seed=7), 3)
    assert [part.candidate.choice.seed for part in candidates] == [7, 8, 9]
    assert [part.candidate.is_sound for part in candidates] == [True, True, False]
    assert candidates[2].candidate.fault == "it is the source"
    with Image.open(BytesIO(last.sheet_png)) as sheet:
        assert sheet.format == "PNG"
    spec = make_spec(seed=7)
    spec.adapt.root_choice.CopyFrom(candidates[1].candidate.choice)
    job = client.wait_for_end(client.create(spec).name)
    assert job.spec.adapt.root_choice == candidates[1].candidate.choice
    assert job.adapter.root_frame == candidates[1].candidate.choice.frame == 24
    assert len(proposal(client, make_spec())) == 6 + 1
    for count in (-1, 25):
        with pytest.raises(grpc.RpcError) as error:
            proposal(client, make_spec(), count)
        assert refusal(error)[1] == "ARGUMENT_INVALID"


def test_leaving_a_proposal_stops_the_work(client: Client, make_spec: MakeSpec) -> None:
    request = job_service_pb2.ProposeRootsRequest(spec=make_spec("slow"), count=2)
    parts = client.jobs.ProposeRoots(request, timeout=DEADLINE_S)
    # The worker is at the proposal once the job behind it, asked for later, does not begin.
    client.cancel(client.create(make_spec("slow")).name)
    parts.cancel()
    job = client.wait_for_end(client.create(make_spec()).name)
    assert job.state == job_service_pb2.JOB_STATE_SUCCEEDED


def test_a_sheet_shows_every_candidate_in_its_place() -> None:
    shades = [40 * number for number in range(1, 6)]
    tall = {"size": (48, 96)}
    data = root_sheet([candidate(shade, **tall) for shade in shades])
    with Image.open(BytesIO(data)) as opened:
        sheet = opened.convert("RGB")
    found = {colour[0] for _, colour in sheet.getcolors(1 << 24) if colour[1:] == (0, 0)}
    assert found >= set(shades)
    first, second = (
        next(x for x in range(sheet.width) if sheet.getpixel((x, 40)) == (shade, 0, 0))
        for shade in shades[:2]
    )
    assert second - first == sheet.width // COLUMNS - 3


def test_a_sheet_of_the_most_candidates_crosses_the_wire() -> None:
    noise = Image.effect_noise((768, 432), 200).convert("RGB")
    buffer = BytesIO()
    noise.save(buffer, "PNG")
    one = candidate(0, fault="the background changed far more than the instruction asked for")
    loud = RootCandidate(
        choice=one.choice, png=buffer.getvalue(), source_png=b"", score=-1.0, is_sound=False,
        fault=one.fault,
    )  # fmt: skip
    assert len(root_sheet([loud] * 24)) < 3 << 20


def test_a_subject_that_is_nowhere_fails_the_job_and_renders_nothing(
    client: Client, make_spec: MakeSpec
) -> None:
    found = client.wait_for_end(client.create(make_spec("find the ball")).name)
    assert list(found.mask.phrases) == ["the ball"]
    assert (found.mask.frames_with_subject, found.mask.frames_total) == (24, 48)
    local = local_pb2.LocalSettings(phrase=" the red box ")
    named = client.wait_for_end(client.create(make_spec("find the ball", local=local)).name)
    assert list(named.mask.phrases) == ["the red box"]
    job = client.wait_for_end(client.create(make_spec("find nothing")).name)
    assert (job.state, job.error.reason) == (
        job_service_pb2.JOB_STATE_FAILED,
        "SUBJECT_NOT_FOUND",
    )
    assert '"nothing"' in job.error.message and "--global" in job.error.message
    assert job.progress.stage == job_service_pb2.JOB_STAGE_MASK
    assert (job.progress.frames_done, job.HasField("result")) == (0, False)


def test_a_look_is_shared_with_a_job_on_the_same_model(client: Client, make_spec: MakeSpec) -> None:
    frames = media_pb2.FrameRange(start_frame=2, end_frame_exclusive=5)
    lender = client.create(make_spec(model="second", group_range=frames)).name
    borrower = client.create(make_spec(group_from=lender))
    # The lender decides the model, and how many frames there are to gather from.
    assert (borrower.spec.model, borrower.spec.group_size) == ("second", 3)
    assert borrower.spec.group_from == lender
    again = client.create(make_spec(group_from=borrower.name))
    assert again.spec.group_size == 3
    with pytest.raises(grpc.RpcError) as error:
        proposal(client, make_spec(group_from=lender))
    assert refusal(error)[1] == "ARGUMENT_INVALID"
    for fields, found in (
        ({"group_from": lender, "model": "first"}, "ARGUMENT_INVALID"),
        ({"group_from": lender, "group_range": frames}, "ARGUMENT_INVALID"),
        ({"group_from": "jobs/0000"}, "JOB_NOT_FOUND"),
        ({"group_from": "0000"}, "JOB_NOT_FOUND"),
    ):
        with pytest.raises(grpc.RpcError) as error:
            client.create(make_spec(**fields))
        assert refusal(error)[1] == found


def test_a_look_brings_its_tuning_along(client: Client, make_spec: MakeSpec) -> None:
    root = RootChoice(frame=7, seed=3, guidance_scale=2.0, image_guidance_scale=1.5)
    asked = make_spec(seed=5)
    asked.adapt.root_choice.CopyFrom(choice_message(root))
    lender = client.wait_for_end(client.create(asked).name)
    borrower = client.wait_for_end(client.create(make_spec(group_from=lender.name)).name)
    # The engine's stand-in counts no steps for an adapter it was given.
    assert (lender.adapter.steps, borrower.adapter.steps) == (200, 0)
    assert not borrower.adapter.HasField("root_frame")
    assert (borrower.spec.seed, borrower.spec.adapt.enabled) == (5, True)
    third = client.wait_for_end(client.create(make_spec(group_from=borrower.name)).name)
    assert (third.state, third.adapter.steps) == (job_service_pb2.JOB_STATE_SUCCEEDED, 0)


def test_a_look_that_was_never_tuned_is_not_shared(client: Client, make_spec: MakeSpec) -> None:
    blocker = client.create(make_spec("slow"))
    lender = client.create(make_spec(adapt=adapt_pb2.AdaptSettings()))
    borrower = client.create(make_spec(group_from=lender.name))
    client.jobs.CancelJob(job_service_pb2.CancelJobRequest(name=lender.name), timeout=DEADLINE_S)
    client.jobs.CancelJob(job_service_pb2.CancelJobRequest(name=blocker.name), timeout=DEADLINE_S)
    failed = client.wait_for_end(borrower.name)
    assert (failed.state, failed.error.reason) == (
        job_service_pb2.JOB_STATE_FAILED,
        "JOB_STATE_WRONG",
    )
    assert lender.name in failed.error.message and "retry" in failed.error.message
