"""Who is let in, and which files they can name."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from via.v1 import edit_pb2, job_service_pb2, media_pb2, model_service_pb2

from resolve_scripts.client import ViaClient
from resolve_scripts.connect import is_loopback
from resolve_scripts.errors import ServerUnreachableError
from server.config import ServerConfig
from server.errors import StartError
from tests.conftest import require_program
from tests.server.conftest import DEADLINE_S, Client, MakeSpec, refusal, server_thread

TOKEN = "0123456789abcdef-secret"


def refused(client: Client, spec: edit_pb2.EditSpec) -> tuple[grpc.StatusCode, str]:
    """How the server refuses to even look at an edit."""
    request = job_service_pb2.ValidateEditRequest(spec=spec)
    with pytest.raises(grpc.RpcError) as error:
        client.jobs.ValidateEdit(request, timeout=DEADLINE_S)
    return refusal(error)


def absolute(path: Path | str) -> media_pb2.MediaSource:
    return media_pb2.MediaSource(absolute_path=str(path))


def rooted(root_id: str, relative_path: str) -> media_pb2.MediaSource:
    path = media_pb2.RootedPath(root_id=root_id, relative_path=relative_path)
    return media_pb2.MediaSource(rooted_path=path)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that exists and lies outside the media roots."""
    path = tmp_path / "outside.mp4"
    path.write_bytes(b"private")
    return path


def test_a_file_below_a_root_is_named_by_either_path(client: Client, make_spec: MakeSpec) -> None:
    for source in (make_spec().source, rooted("clips", "clip.mp4")):
        request = job_service_pb2.ValidateEditRequest(spec=make_spec(source=source))
        plan = client.jobs.ValidateEdit(request, timeout=DEADLINE_S).plan
        assert (plan.media.frame_count, plan.resolved_spec.source) == (48, source)


def test_files_outside_the_roots_are_refused_whether_they_exist_or_not(
    client: Client, make_spec: MakeSpec, media_folder: Path, outside: Path
) -> None:
    link = media_folder / "link.mp4"
    if not link.is_symlink():
        link.symlink_to("/etc/hostname")
    climbing = os.path.relpath(outside, media_folder)
    for source in (
        absolute(outside),
        absolute(outside.with_name("missing.mp4")),
        absolute(media_folder / climbing),
        absolute(f"{media_folder}-beside/clip.mp4"),
        absolute(link),
        rooted("clips", climbing),
        rooted("clips", str(outside)),
    ):
        found = refused(client, make_spec(source=source))
        assert found == (grpc.StatusCode.PERMISSION_DENIED, "MEDIA_OUTSIDE_ROOTS"), source


def test_what_is_no_media_file_is_refused_with_its_reason(
    client: Client, make_spec: MakeSpec, media_folder: Path
) -> None:
    (media_folder / "text.mp4").write_text("not a video " * 100)
    pipe = media_folder / "pipe.mp4"
    if not pipe.exists():
        os.mkfifo(pipe)
    invalid, missing = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
    for source, expected in (
        (absolute(media_folder / "none.mp4"), (missing, "MEDIA_NOT_FOUND")),
        (absolute(media_folder / "text.mp4"), (invalid, "MEDIA_UNREADABLE")),
        (absolute(pipe), (invalid, "MEDIA_UNREADABLE")),
        (absolute(media_folder), (invalid, "MEDIA_UNREADABLE")),
        (absolute("clip.mp4"), (invalid, "ARGUMENT_INVALID")),
        (absolute(f"{media_folder}/clip\0.mp4"), (invalid, "ARGUMENT_INVALID")),
        (rooted("elsewhere", "clip.mp4"), (invalid, "ARGUMENT_INVALID")),
        (media_pb2.MediaSource(upload_id="f" * 32), (missing, "UPLOAD_NOT_FOUND")),
        (media_pb2.MediaSource(upload_id="../jobs"), (missing, "UPLOAD_NOT_FOUND")),
        (media_pb2.MediaSource(), (invalid, "ARGUMENT_INVALID")),
    ):
        assert refused(client, make_spec(source=source)) == expected, source


def test_with_a_token_only_its_bearers_are_admitted(start: Callable[..., Client]) -> None:
    client = start(token=TOKEN)
    request = model_service_pb2.GetServerInfoRequest()
    for metadata in ((), (("authorization", "Bearer wrong"),), (("authorization", TOKEN),)):
        with pytest.raises(grpc.RpcError) as error:
            client.models.GetServerInfo(request, metadata=metadata, timeout=DEADLINE_S)
        assert refusal(error) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")
        assert TOKEN not in error.value.details()
    bearer = (("authorization", f"Bearer {TOKEN}"),)
    assert client.models.GetServerInfo(request, metadata=bearer, timeout=DEADLINE_S).version
    # Whether a server lives is no secret: a service manager asks without a token.
    stub = health_pb2_grpc.HealthStub(client.channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=DEADLINE_S)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_stream_wants_the_token_too(start: Callable[..., Client]) -> None:
    client = start(token=TOKEN)
    with pytest.raises(grpc.RpcError) as error:
        list(client.watch("jobs/0"))
    assert refusal(error) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")


@pytest.mark.parametrize(
    "changes",
    [
        {"listen_host": "0.0.0.0"},
        {"listen_host": "::"},
        {"listen_host": "192.0.2.1"},
        {"listen_host": "0.0.0.0", "token": "short"},
        {"listen_host": "0.0.0.0", "token": TOKEN},
        {"listen_host": "127.0.0.1", "tls": (b"no certificate", b"no key")},
        {"media_roots": (("gone", Path("/no/such/folder")),)},
    ],
)
def test_a_server_that_would_be_open_to_strangers_does_not_start(
    config: ServerConfig, changes: dict[str, object]
) -> None:
    with pytest.raises(StartError), server_thread(replace(config, **changes)):
        pass


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """Certificate of "localhost" that nobody else has signed, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    name = ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [require_program("openssl"), *made, *name, *files], check=True, capture_output=True
    )
    return (folder / "certificate.pem").read_bytes(), (folder / "key.pem").read_bytes()


def test_pictures_and_token_cross_the_network_under_tls(
    start: Callable[..., Client], certificate: tuple[bytes, bytes], config: ServerConfig
) -> None:
    here = start(listen_host="0.0.0.0", token=TOKEN, tls=certificate)
    port = json.loads((config.state_folder / "server.json").read_text())["tls_port"]
    address = f"tls://localhost:{port}"
    with ViaClient(address, token=TOKEN, trusted=certificate[0]) as client:
        assert client.server_info().process_id == os.getpid()
    assert is_loopback(address)
    # Commands on this machine need no certificate; a stranger's is not believed.
    with ViaClient(here.address, token=TOKEN) as client:
        client.server_info()
    for wrong in (address, f"localhost:{port}"):
        with ViaClient(wrong, token=TOKEN) as client, pytest.raises(ServerUnreachableError):
            client.server_info(deadline_s=2.0)


def test_a_server_for_other_machines_starts_with_a_token(start: Callable[..., Client]) -> None:
    client = start(listen_host="0.0.0.0", token=TOKEN, is_clear_text_allowed=True)
    assert client.address.startswith("127.0.0.1:")
    bearer = (("authorization", f"Bearer {TOKEN}"),)
    request = model_service_pb2.ListModelsRequest()
    assert client.models.ListModels(request, metadata=bearer, timeout=DEADLINE_S).models


def test_the_token_is_not_shown_with_the_settings(config: ServerConfig) -> None:
    assert TOKEN not in repr(replace(config, token=TOKEN))


def test_a_name_no_file_system_takes_is_no_fault_of_the_server(
    client: Client, make_spec: MakeSpec, media_folder: Path
) -> None:
    spec = make_spec(source=absolute(media_folder / ("n" * 300)))
    code, reason = refused(client, spec)
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MEDIA_UNREADABLE")
