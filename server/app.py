"""Builds the server from its parts and runs it until it is asked to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import grpc
import structlog
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from via.v1 import job_service_pb2, model_service_pb2
from via.v1.job_service_pb2_grpc import add_JobServiceServicer_to_server
from via.v1.model_service_pb2_grpc import add_ModelServiceServicer_to_server

from server.access import Access
from server.config import ServerConfig
from server.dispatch import Dispatcher
from server.edit_spec import SourceKind
from server.errors import ListenError
from server.estimating import Estimator
from server.intake import Intake
from server.interceptor import CallInterceptor
from server.jobs import JobState
from server.ledger import JobLedger
from server.model_service import ModelServicer
from server.probing import MediaProber
from server.service import JobServicer
from server.state_folder import LOOPBACK, Ports, held_state_folder, local_address, server_note
from server.store import JobStore
from server.uploads import Uploads
from server.viewing import FrameViewer
from server.watching import JobWatcher
from server.worker import Worker
from via_engine.models.catalog import ModelCatalog

LEDGER_NAME = "jobs.sqlite3"
SERVICE_NAMES = tuple(
    service.full_name
    for file in (job_service_pb2.DESCRIPTOR, model_service_pb2.DESCRIPTOR)
    for service in file.services_by_name.values()
)
MAX_OPEN_CALLS = 512
IDLE_CHECKS = 10
OPTIONS = (
    # Otherwise a second server on the same port gets half of the calls.
    ("grpc.so_reuseport", 0),
    # Clients that look after silent connections are welcome to.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
)

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the services and the life of the server are made of."""

    store: JobStore
    ledger: JobLedger
    worker: Worker
    dispatcher: Dispatcher
    prober: MediaProber
    uploads: Uploads
    intake: Intake
    interceptor: CallInterceptor


async def serve(
    config: ServerConfig,
    catalog: ModelCatalog,
    *,
    stopping: asyncio.Event,
    on_ready: Callable[[dict[str, object]], None],
) -> None:
    """Runs a server until `stopping` is set, or it was idle for as long as the settings allow.

    Args:
        config: the settings.
        catalog: the models.
        stopping: the wish to stop; running work gets the grace period.
        on_ready: called once calls are answered, with the content of `server.json`.

    Raises:
        StartError: the settings are refused or the address is taken.
        StateFolderError: the state folder is in use, damaged, or cannot be written.
    """
    access = Access(config)
    async with AsyncExitStack() as stack:
        stack.enter_context(held_state_folder(config.state_folder))
        parts = await stack.enter_async_context(_open_parts(config, catalog, access))
        ports = await stack.enter_async_context(_listening(config, parts, stopping))
        note = server_note(config.state_folder, host=config.listen_host, ports=ports)
        content = stack.enter_context(note)
        log.info("ready", **content)
        on_ready(content)
        await _wait_until(stopping, config, parts)
        stopping.set()


@asynccontextmanager
async def _open_parts(
    config: ServerConfig, catalog: ModelCatalog, access: Access
) -> AsyncIterator[Parts]:
    parts = _build(config, catalog, access)
    try:
        parts.ledger.recover()
        parts.uploads.clean(used=_used_uploads(parts.store))
        parts.prober.start()
        yield parts
    finally:
        parts.prober.close()
        parts.store.close()


def _build(config: ServerConfig, catalog: ModelCatalog, access: Access) -> Parts:
    store = JobStore(config.state_folder / LEDGER_NAME)
    ledger = JobLedger(
        store,
        folder=config.jobs_folder,
        max_queued_jobs=config.max_queued_jobs,
        clock=time.time,
    )
    worker = Worker(editor_factory=config.editor_factory, config=config.engine)
    dispatcher = Dispatcher(ledger, store, worker)
    prober = MediaProber(timeout_s=config.probe_timeout_s)
    intake = Intake(
        access=access,
        catalog=catalog,
        prober=prober,
        ledger=ledger,
        store=store,
        dispatcher=dispatcher,
        estimator=Estimator(worker=worker, prober=prober, config=config.engine),
        preview_folder=config.jobs_folder,
    )
    return Parts(
        store=store,
        ledger=ledger,
        worker=worker,
        dispatcher=dispatcher,
        prober=prober,
        uploads=Uploads(config.uploads_folder, max_bytes=config.max_upload_bytes),
        intake=intake,
        interceptor=CallInterceptor(access),
    )


@asynccontextmanager
async def _listening(
    config: ServerConfig, parts: Parts, stopping: asyncio.Event
) -> AsyncIterator[Ports]:
    """Works and answers calls; gives the ports. At the end clients hear NOT_SERVING first."""
    server = aio.server(
        interceptors=(parts.interceptor,), options=OPTIONS, maximum_concurrent_rpcs=MAX_OPEN_CALLS
    )
    health_servicer = health.aio.HealthServicer()
    _add_services(server, config, parts, stopping)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    names = (*SERVICE_NAMES, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    ports = _bind(server, config)
    for name in ("", *SERVICE_NAMES):
        await health_servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    parts.dispatcher.start()
    await server.start()
    try:
        yield ports
    finally:
        await health_servicer.enter_graceful_shutdown()
        # Together: calls that wait for the worker end when it does.
        await asyncio.gather(
            server.stop(config.grace_period_s),
            asyncio.to_thread(parts.dispatcher.stop, config.grace_period_s),
        )


def _add_services(
    server: aio.Server, config: ServerConfig, parts: Parts, stopping: asyncio.Event
) -> None:
    watcher = JobWatcher(
        parts.ledger, parts.store, heartbeat_s=config.heartbeat_s, stopping=stopping
    )
    viewer = FrameViewer(access=parts.intake.access, ledger=parts.ledger, prober=parts.prober)
    jobs = JobServicer(intake=parts.intake, watcher=watcher, uploads=parts.uploads, viewer=viewer)
    models = ModelServicer(config=config, intake=parts.intake, worker=parts.worker)
    # The generated functions carry no types.
    add_JobServiceServicer_to_server(jobs, server)  # type: ignore[no-untyped-call]
    add_ModelServiceServicer_to_server(models, server)  # type: ignore[no-untyped-call]


def _bind(server: aio.Server, config: ServerConfig) -> Ports:
    host = f"[{config.listen_host}]" if ":" in config.listen_host else config.listen_host
    address = f"{host}:{config.listen_port}"
    try:
        if config.tls is None:
            return Ports(plain=server.add_insecure_port(address))
        certificate, key = config.tls
        credentials = grpc.ssl_server_credentials([(key, certificate)])
        # Commands on this machine find the server by itself, whatever name its certificate has.
        return Ports(
            tls=server.add_secure_port(address, credentials),
            plain=server.add_insecure_port(f"{LOOPBACK}:0"),
        )
    except RuntimeError as error:
        raise ListenError(
            f"cannot listen on {local_address(config.listen_host, config.listen_port)}; another "
            "program holds the port, the name is not one of this machine, or --tls-cert and "
            "--tls-key are no pair of PEM files. Choose another with --listen HOST:PORT, or mend "
            "the files"
        ) from error


async def _wait_until(stopping: asyncio.Event, config: ServerConfig, parts: Parts) -> None:
    """Returns when `stopping` is set, or nobody wanted anything for `idle_exit_s` seconds."""
    if config.idle_exit_s is None:
        await stopping.wait()
        return
    while not stopping.is_set():
        try:
            await asyncio.wait_for(stopping.wait(), config.idle_exit_s / IDLE_CHECKS)
        except TimeoutError:
            idle_s = parts.interceptor.calls.idle_s(time.monotonic())
            if idle_s >= config.idle_exit_s and not await asyncio.to_thread(
                parts.ledger.open_count
            ):
                log.info("idle", idle_s=round(idle_s))
                return


def _used_uploads(store: JobStore) -> set[str]:
    jobs = store.queue(frozenset(JobState))
    sources = (source for job in jobs for source in job.spec.sources())
    return {source.location for source in sources if source.kind is SourceKind.UPLOAD}
