"""Every failure has its status, its reason, and nothing of the server's inside."""

from __future__ import annotations

import inspect
import re
from types import ModuleType

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from via.v1 import job_service_pb2, model_service_pb2

from server import errors as server_errors
from server.intake import Intake
from server.interceptor import STATUS_CODES, CallCount, status_code
from tests.server.conftest import DEADLINE_S, Client
from via_engine import errors as engine_errors


def errors_of(module: ModuleType) -> set[type[Exception]]:
    found = (kind for _, kind in inspect.getmembers(module, inspect.isclass))
    return {
        kind for kind in found if issubclass(kind, Exception) and kind.__module__ == module.__name__
    }


@pytest.mark.parametrize("module", [server_errors, engine_errors])
def test_every_error_has_a_status_a_reason_and_a_place_in_the_tree(module: ModuleType) -> None:
    errors = errors_of(module)
    assert errors - STATUS_CODES.keys() == set()
    reasons = [kind.reason for kind in errors]
    assert len(reasons) == len(set(reasons))
    assert all(re.fullmatch(r"[A-Z][A-Z_]{0,62}", reason) for reason in reasons)
    drawn = set(re.findall(r"\w+Error\b", module.__doc__ or ""))
    assert drawn == {kind.__name__ for kind in errors}


def test_the_table_holds_nothing_else() -> None:
    assert errors_of(server_errors) | errors_of(engine_errors) == STATUS_CODES.keys()


def test_an_error_made_later_takes_the_status_of_its_kin() -> None:
    class LaterError(engine_errors.MediaNotFoundError):
        pass

    assert status_code(LaterError()) is grpc.StatusCode.NOT_FOUND
    assert status_code(OSError()) is grpc.StatusCode.INTERNAL


def test_an_unnamed_fault_crosses_the_wire_as_an_incident_only(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("/secret/path")

    monkeypatch.setattr(Intake, "card", fail)
    with pytest.raises(grpc.RpcError) as error:
        client.models.GetServerInfo(model_service_pb2.GetServerInfoRequest(), timeout=DEADLINE_S)
    assert error.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(error.value)
    info = error_details_pb2.ErrorInfo()
    assert rpc_status.from_call(error.value).details[0].Unpack(info)
    assert (info.reason, info.domain) == ("INTERNAL", "via")
    assert info.metadata["incident"] in error.value.details()


def test_a_call_under_way_is_no_idleness() -> None:
    calls = CallCount(last_end_s=10.0)
    assert calls.idle_s(13.0) == 3.0
    calls.open_calls += 1
    assert calls.idle_s(13.0) == 0.0


def test_a_wrong_field_is_named_for_programs(client: Client) -> None:
    with pytest.raises(grpc.RpcError) as error:
        client.jobs.ListJobs(job_service_pb2.ListJobsRequest(page_size=-1), timeout=DEADLINE_S)
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    details = rpc_status.from_call(error.value).details
    assert details[0].Unpack(info) and details[1].Unpack(bad)
    assert info.metadata["field"] == bad.field_violations[0].field == "page_size"
