"""Which edits are accepted, and what their left-out settings become."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from via.v1 import adapt_pb2, edit_pb2, job_service_pb2, local_pb2, media_pb2

from server.edit_spec import EditSpec, Pace
from server.errors import ArgumentError
from server.planning import plan_edit, plan_identity
from tests.server.conftest import CATALOG, DEADLINE_S, Client, MakeSpec, refusal
from tests.server.values import MEDIA, SOURCE
from via_engine.errors import InstructionError, RangeError
from via_engine.media_types import FrameRange, OutputFormat

CARD = replace(CATALOG.cards[0], understands=("make it night",))


def planned(**changes: Any) -> Any:
    spec = EditSpec(**{"source": SOURCE, "instruction": "make it night", **changes})
    return plan_edit(spec, media=MEDIA, card=CARD, pace=None)


@settings(deadline=None)
@given(
    start=st.integers(0, 60),
    length=st.integers(1, 60),
    group_size=st.none() | st.integers(1, 64),
)
def test_a_plan_stays_inside_the_media(start: int, length: int, group_size: int | None) -> None:
    asked = FrameRange(start, start + length)
    if asked.end_frame_exclusive > MEDIA.frame_count:
        with pytest.raises(RangeError, match="48 frames"):
            planned(frame_range=asked)
        return
    plan = planned(frame_range=asked, group_range=asked, group_size=group_size)
    assert plan.spec.frame_range == asked
    assert plan.spec.group_size == min(group_size or 4, length)


@pytest.mark.parametrize("hold_frames", [-1, -(2**31), 216_001, 2**31 - 1])
def test_a_hold_that_cannot_be_meant_is_refused_by_name(hold_frames: int) -> None:
    with pytest.raises(ArgumentError) as error:
        planned(hold_frames=hold_frames)
    assert error.value.field == "spec.hold_frames"
    asked = EditSpec(source=SOURCE, instruction="", identity=True, hold_frames=hold_frames)
    with pytest.raises(ArgumentError, match="hold_frames"):
        plan_identity(asked, media=MEDIA)


def test_a_hold_costs_no_more_than_its_picture() -> None:
    frames, pace = FrameRange(3, 4), Pace(seconds_per_frame_step=2.0)
    held, plain = (
        plan_edit(
            EditSpec(source=SOURCE, instruction="x", frame_range=frames, hold_frames=hold),
            media=MEDIA,
            card=CARD,
            pace=pace,
        )
        for hold in (500, 0)
    )
    assert (held.spec.hold_frames, plain.spec.hold_frames) == (500, 0)
    assert held.estimated_seconds == plain.estimated_seconds
    assert held.spec.engine_request(MEDIA, work_folder=Path("work")).hold_frames == 500


@pytest.mark.parametrize("field", ["steps", "guidance_scale", "image_guidance_scale", "group_size"])
@pytest.mark.parametrize("value", [0, -1, 10_000, math.nan, math.inf])
def test_numbers_outside_their_limits_are_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ArgumentError, match=field):
        planned(**{field: value})


@pytest.mark.parametrize("instruction", ["", " \n\t", "x" * 2001])
def test_an_instruction_nobody_could_follow_is_refused(instruction: str) -> None:
    with pytest.raises(InstructionError):
        planned(instruction=instruction)


def test_an_instruction_of_the_greatest_length_is_taken() -> None:
    assert planned(instruction="ü" * 2000).spec.instruction == "ü" * 2000


def test_the_person_is_warned_of_what_may_surprise() -> None:
    media = replace(MEDIA, is_interlaced=True, is_variable_rate=True)
    spec = EditSpec(source=SOURCE, instruction="x", group_range=FrameRange(0, 2), group_size=3)
    warnings = plan_edit(spec, media=media, card=CARD, pace=None).warnings
    for word, warning in zip(
        ("2 frames", "interlaced", "variable", "small world"), warnings, strict=True
    ):
        assert word in warning
    calm = replace(CARD, understands=())
    quiet = EditSpec(source=SOURCE, instruction="x")
    assert plan_edit(quiet, media=MEDIA, card=calm, pace=None).warnings == ()


def test_a_rate_that_matroska_cannot_say_is_refused_before_the_work() -> None:
    spec = EditSpec(source=SOURCE, instruction="x", output_format=OutputFormat.FFV1_MKV)
    odd = replace(MEDIA, frame_rate=Fraction(45000, 1499))
    assert plan_edit(spec, media=MEDIA, card=CARD, pace=None).spec.output_format.suffix == ".mkv"
    for plan in (
        lambda: plan_edit(spec, media=odd, card=CARD, pace=None),
        lambda: plan_identity(replace(spec, identity=True), media=odd),
    ):
        with pytest.raises(ArgumentError, match="45000/1499"):
            plan()


def test_an_estimate_is_the_last_pace_for_these_frames_and_steps() -> None:
    pace = Pace(seconds_per_frame_step=0.5, peak_memory_bytes=1 << 30)
    asked = EditSpec(source=SOURCE, instruction="x", steps=3, frame_range=FrameRange(0, 4))
    plan = plan_edit(asked, media=MEDIA, card=CARD, pace=pace)
    assert (plan.estimated_seconds, plan.estimated_memory_bytes) == (6.0, 1 << 30)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"instruction": ""}, "INSTRUCTION_INVALID"),
        ({"instruction": "x" * 10_000}, "INSTRUCTION_INVALID"),
        ({"model": "no such"}, "MODEL_UNKNOWN"),
        ({"steps": 0}, "ARGUMENT_INVALID"),
        ({"output_format": 99}, "ARGUMENT_INVALID"),
        ({"frame_range": (5, 5)}, "RANGE_EMPTY"),
        ({"frame_range": (-1, 5)}, "RANGE_EMPTY"),
        ({"frame_range": (0, 49)}, "RANGE_OUTSIDE_MEDIA"),
        ({"group_range": (0, 49)}, "RANGE_OUTSIDE_MEDIA"),
    ],
)
def test_a_wrong_edit_is_refused_before_there_is_a_job(
    client: Client, make_spec: MakeSpec, fields: dict[str, Any], reason: str
) -> None:
    for name in fields.keys() & {"frame_range", "group_range"}:
        start, end = fields[name]
        frames = media_pb2.FrameRange(start_frame=start, end_frame_exclusive=end)
        fields = {**fields, name: frames}
    spec = make_spec(**fields)
    for call in (
        lambda: client.create(spec),
        lambda: client.jobs.ValidateEdit(
            job_service_pb2.ValidateEditRequest(spec=spec), timeout=DEADLINE_S
        ),
    ):
        with pytest.raises(grpc.RpcError) as error:
            call()
        assert refusal(error)[1] == reason
    request = job_service_pb2.ListJobsRequest()
    assert list(client.jobs.ListJobs(request, timeout=DEADLINE_S).jobs) == []


def test_every_chosen_setting_comes_back_as_it_was_asked(
    client: Client, make_spec: Callable[..., edit_pb2.EditSpec]
) -> None:
    frames = media_pb2.FrameRange(start_frame=3, end_frame_exclusive=11)
    spec = make_spec(
        "make it \u202eweird\x07; rm -rf / $(id) {x}",
        model="second",
        frame_range=frames,
        group_range=frames,
        seed=2**32 - 1,
        steps=3,
        guidance_scale=2.25,
        image_guidance_scale=1.0,
        group_size=2,
        attention=edit_pb2.ATTENTION_MODE_CROSS_FRAME,
        swap_layers=edit_pb2.SWAP_LAYERS_SELF,
        swap_steps=2,
        steady_frames=3,
        local=local_pb2.LocalSettings(
            scope=local_pb2.SCOPE_AUTO,
            phrase="the red ball",
            dilation_px=0,
            feather_px=12,
            schedule=local_pb2.BLEND_SCHEDULE_DELAYED,
            source_latents=local_pb2.SOURCE_LATENTS_INVERTED,
        ),
        adapt=adapt_pb2.AdaptSettings(
            enabled=True,
            steps=20,
            rank=4,
            learning_rate=0.001,
            full=True,
            candidates=3,
            root_choice=adapt_pb2.RootChoice(
                frame=47, seed=2**32 - 1, guidance_scale=2.5, image_guidance_scale=1.25
            ),
        ),
        output_format=edit_pb2.OUTPUT_FORMAT_H264_MP4,
    )
    job = client.wait_for_end(client.create(spec).name)
    assert job.spec == spec
    assert job.result.file_name == "clip_via.mp4"
