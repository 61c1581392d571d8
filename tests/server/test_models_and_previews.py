"""Models, single frames, and what the server says of itself."""

from __future__ import annotations

import os

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from via.v1 import job_service_pb2, model_service_pb2

from server.config import ServerConfig
from tests.server.conftest import DEADLINE_S, Client, MakeSpec, is_chunk, refusal


def loaded(client: Client) -> dict[str, bool]:
    models = client.models.ListModels(model_service_pb2.ListModelsRequest()).models
    return {model.name: model.is_loaded for model in models}


def preview(spec: object, frame: int) -> job_service_pb2.PreviewFrameRequest:
    return job_service_pb2.PreviewFrameRequest(spec=spec, frame=frame)


def test_models_are_loaded_and_freed_in_the_worker(client: Client) -> None:
    assert loaded(client) == {"first": False, "second": False}
    request = model_service_pb2.LoadModelRequest(name="second")
    assert client.models.LoadModel(request, timeout=DEADLINE_S).model.is_loaded
    assert loaded(client) == {"first": False, "second": True}
    unload = model_service_pb2.UnloadModelRequest(name="second")
    assert not client.models.UnloadModel(unload, timeout=DEADLINE_S).model.is_loaded
    assert loaded(client) == {"first": False, "second": False}


def test_a_model_tells_its_defaults(client: Client) -> None:
    model = client.models.GetModel(model_service_pb2.GetModelRequest(name="first")).model
    assert (model.default_steps, model.long_side_px, model.licence) == (10, 64, "CC0-1.0")


@pytest.mark.parametrize("method", ["GetModel", "LoadModel", "UnloadModel"])
def test_an_unknown_model_is_not_found(client: Client, method: str) -> None:
    request = getattr(model_service_pb2, f"{method}Request")(name="no such")
    with pytest.raises(grpc.RpcError) as error:
        getattr(client.models, method)(request, timeout=DEADLINE_S)
    assert refusal(error) == (grpc.StatusCode.NOT_FOUND, "MODEL_UNKNOWN")
    assert "first, second" in error.value.details()


def test_a_frame_is_previewed(client: Client, make_spec: MakeSpec) -> None:
    picture = client.jobs.PreviewFrame(preview(make_spec(), 47), timeout=DEADLINE_S)
    assert (picture.png, picture.source_png) == (b"make it night at 47", b"source")
    assert (picture.width, picture.height) == (64, 48)


@pytest.mark.parametrize("frame", [-1, 48])
def test_a_frame_outside_the_media_is_not_previewed(
    client: Client, make_spec: MakeSpec, frame: int
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        client.jobs.PreviewFrame(preview(make_spec(), frame), timeout=DEADLINE_S)
    assert refusal(error) == (grpc.StatusCode.INVALID_ARGUMENT, "RANGE_OUTSIDE_MEDIA")


def test_cancelling_a_preview_stops_the_work(client: Client, make_spec: MakeSpec) -> None:
    call = client.jobs.PreviewFrame.future(preview(make_spec("slow"), 0), timeout=DEADLINE_S)
    # The worker is at the preview once the job behind it, asked for later, does not begin.
    client.cancel(client.create(make_spec("slow")).name)
    call.cancel()
    job = client.wait_for_end(client.create(make_spec()).name)
    assert job.state == job_service_pb2.JOB_STATE_SUCCEEDED


def test_a_preview_that_waits_behind_a_job_comes_before_the_next(
    client: Client, config: ServerConfig, make_spec: MakeSpec
) -> None:
    running = client.create(make_spec("slow")).name
    client.wait_for(running, is_chunk)
    next_job = client.create(make_spec("slow")).name
    call = client.jobs.PreviewFrame.future(preview(make_spec(), 3), timeout=DEADLINE_S)
    client.cancel(running)
    assert call.result(DEADLINE_S).png == b"make it night at 3"
    client.cancel(next_job)


def test_the_server_says_what_it_is(
    client: Client, config: ServerConfig, make_spec: MakeSpec
) -> None:
    client.wait_for_end(client.create(make_spec()).name)
    info = client.models.GetServerInfo(model_service_pb2.GetServerInfoRequest())
    assert (info.api_version, info.device, info.default_model) == ("v1", "fake", "first")
    assert [(root.root_id, root.path) for root in info.media_roots] == [
        (name, os.path.realpath(path)) for name, path in config.media_roots
    ]
    assert (info.max_queued_jobs, info.queued_jobs, info.process_id) == (64, 0, os.getpid())
    assert info.max_instruction_characters == 2000


def test_health_and_reflection_name_both_services(client: Client) -> None:
    names = {"via.v1.JobService", "via.v1.ModelService"}
    health = health_pb2_grpc.HealthStub(client.channel)
    for name in ("", *names):
        answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=DEADLINE_S)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = stub.ServerReflectionInfo(iter([request]), timeout=DEADLINE_S)
    assert names <= {service.name for service in answer.list_services_response.service}
