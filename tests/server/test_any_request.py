"""Whatever a caller sends, the answer is a canonical refusal or an answer, never a fault."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from via.v1 import job_service_pb2, model_service_pb2

from tests.server.conftest import DEADLINE_S, Client

REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
}
SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1) | st.integers(-1, 60),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats() | st.floats(1, 10),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_ENUM: st.integers(-1, 9),
}
# Words that mean something here, so that the depths are reached too.
WORDS = st.sampled_from(["jobs/x", "clips", "clip.mp4", "../clip.mp4", "first", "make it night"])
METHODS = [
    (service.name, method)
    for file in (job_service_pb2.DESCRIPTOR, model_service_pb2.DESCRIPTOR)
    for service in file.services_by_name.values()
    for method in service.methods
]


def values(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        one: st.SearchStrategy[Any] = messages(field.message_type)
    elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        is_text = field.type == FieldDescriptor.TYPE_STRING
        one = WORDS | st.text(max_size=30) if is_text else st.binary(max_size=30)
    else:
        one = SCALARS[field.cpp_type]
    return st.lists(one, max_size=3) if field.is_repeated else one


def messages(descriptor: Any) -> st.SearchStrategy[Message]:
    fields = {field.name: values(field) for field in descriptor.fields}
    return st.fixed_dictionaries({}, optional=fields).map(
        lambda chosen: GetMessageClass(descriptor)(**chosen)
    )


@pytest.mark.parametrize(("service", "method"), METHODS, ids=lambda part: getattr(part, "name", ""))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_request_is_answered_or_refused(
    client: Client, service: str, method: Any, data: st.DataObject
) -> None:
    request = data.draw(messages(method.input_type))
    call = getattr(client.jobs if service == "JobService" else client.models, method.name)
    try:
        answer = call(iter([request]) if method.client_streaming else request, timeout=DEADLINE_S)
        if method.server_streaming:
            list(answer)
    except grpc.RpcError as error:
        assert error.code() in REFUSALS, error
