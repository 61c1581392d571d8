"""Around every call: the caller is admitted, and what goes wrong becomes a status of gRPC.

Errors with a name are told as they are, with google.rpc.ErrorInfo. Anything else is a fault of
the server: it is logged under an incident id, and only that id crosses the wire.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode, aio
from grpc_status import rpc_status

from server import errors as server_errors
from server.access import Access
from via_engine import errors as engine_errors

ERROR_DOMAIN = "via"
OPEN_SERVICES = ("/grpc.health.v1.",)
"""Services that answer anybody: whether a server lives is no secret."""

STATUS_CODES: dict[type[Exception], StatusCode] = {
    engine_errors.ViaEngineError: StatusCode.INTERNAL,
    engine_errors.RequestError: StatusCode.INVALID_ARGUMENT,
    engine_errors.EmptyRangeError: StatusCode.INVALID_ARGUMENT,
    engine_errors.RangeError: StatusCode.INVALID_ARGUMENT,
    engine_errors.InstructionError: StatusCode.INVALID_ARGUMENT,
    engine_errors.UnknownModelError: StatusCode.NOT_FOUND,
    engine_errors.SubjectNotFoundError: StatusCode.FAILED_PRECONDITION,
    engine_errors.MaskError: StatusCode.INVALID_ARGUMENT,
    engine_errors.RootError: StatusCode.INVALID_ARGUMENT,
    engine_errors.MediaError: StatusCode.INVALID_ARGUMENT,
    engine_errors.MediaNotFoundError: StatusCode.NOT_FOUND,
    engine_errors.MediaUnreadableError: StatusCode.INVALID_ARGUMENT,
    engine_errors.MediaChangedError: StatusCode.FAILED_PRECONDITION,
    engine_errors.ModelError: StatusCode.FAILED_PRECONDITION,
    engine_errors.ModelIntegrityError: StatusCode.FAILED_PRECONDITION,
    engine_errors.LicenceError: StatusCode.FAILED_PRECONDITION,
    engine_errors.DownloadError: StatusCode.UNAVAILABLE,
    engine_errors.AdapterError: StatusCode.FAILED_PRECONDITION,
    engine_errors.VisionLanguageError: StatusCode.FAILED_PRECONDITION,
    engine_errors.OutputError: StatusCode.FAILED_PRECONDITION,
    engine_errors.DiskFullError: StatusCode.RESOURCE_EXHAUSTED,
    engine_errors.EditCancelledError: StatusCode.CANCELLED,
    server_errors.ViaServerError: StatusCode.INTERNAL,
    server_errors.CallError: StatusCode.INVALID_ARGUMENT,
    server_errors.ArgumentError: StatusCode.INVALID_ARGUMENT,
    server_errors.RequestIdReusedError: StatusCode.INVALID_ARGUMENT,
    server_errors.PageTokenError: StatusCode.INVALID_ARGUMENT,
    server_errors.OffsetError: StatusCode.OUT_OF_RANGE,
    server_errors.UploadTooLargeError: StatusCode.INVALID_ARGUMENT,
    server_errors.JobNotFoundError: StatusCode.NOT_FOUND,
    server_errors.UploadNotFoundError: StatusCode.NOT_FOUND,
    server_errors.ResultMissingError: StatusCode.NOT_FOUND,
    server_errors.JobStateError: StatusCode.FAILED_PRECONDITION,
    server_errors.QueueFullError: StatusCode.RESOURCE_EXHAUSTED,
    server_errors.AccessError: StatusCode.PERMISSION_DENIED,
    server_errors.TokenError: StatusCode.UNAUTHENTICATED,
    server_errors.OutsideRootsError: StatusCode.PERMISSION_DENIED,
    server_errors.WorkerError: StatusCode.UNAVAILABLE,
    server_errors.WorkerDiedError: StatusCode.UNAVAILABLE,
    server_errors.EngineFaultError: StatusCode.INTERNAL,
    server_errors.ServerStoppingError: StatusCode.UNAVAILABLE,
    server_errors.ForbiddenTransitionError: StatusCode.INTERNAL,
    server_errors.StateFolderError: StatusCode.INTERNAL,
    server_errors.StateFolderBusyError: StatusCode.INTERNAL,
    server_errors.StateDamagedError: StatusCode.INTERNAL,
    server_errors.StateTooNewError: StatusCode.INTERNAL,
    server_errors.StartError: StatusCode.INTERNAL,
    server_errors.ListenError: StatusCode.INTERNAL,
}

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Context = aio.ServicerContext[Any, Any]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


@dataclass(kw_only=True)
class CallCount:
    """Calls under way, and when the newest one ended (monotonic time in seconds)."""

    open_calls: int = 0
    last_end_s: float

    def idle_s(self, now_s: float) -> float:
        """Seconds without any call; 0 while one is under way."""
        return 0.0 if self.open_calls else now_s - self.last_end_s


class CallInterceptor(aio.ServerInterceptor):
    """Admits callers, counts calls, and translates errors, for all four kinds of calls."""

    def __init__(self, access: Access, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._access = access
        self._clock = clock
        self.calls = CallCount(last_end_s=clock())

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler of the call, wrapped."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(OPEN_SERVICES):
            return handler
        return self._wrapped(handler, method)

    def _wrapped(self, handler: Handler, method: str) -> Handler:
        inner: Any = (
            handler.unary_unary
            or handler.unary_stream
            or handler.stream_unary
            or handler.stream_stream
        )

        async def answer(request: Any, context: Context) -> Any:
            async with self._call(context, method):
                return await inner(request, context)

        async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
            async with self._call(context, method), aclosing(inner(request, context)) as responses:
                async for response in responses:
                    yield response

        makers = {
            (False, False): (grpc.unary_unary_rpc_method_handler, answer),
            (False, True): (grpc.unary_stream_rpc_method_handler, stream),
            (True, False): (grpc.stream_unary_rpc_method_handler, answer),
            (True, True): (grpc.stream_stream_rpc_method_handler, stream),
        }
        make, behaviour = makers[handler.request_streaming, handler.response_streaming]
        return make(behaviour, handler.request_deserializer, handler.response_serializer)

    @asynccontextmanager
    async def _call(self, context: Context, method: str) -> AsyncIterator[None]:
        self.calls.open_calls += 1
        try:
            self._access.admit(context.invocation_metadata() or ())
            yield
        except (asyncio.CancelledError, aio.AbortError, GeneratorExit):
            raise
        except Exception as error:
            status = rpc_status.to_status(_status(error, method))
            await context.abort(status.code, status.details, status.trailing_metadata)
        finally:
            self.calls.open_calls -= 1
            self.calls.last_end_s = self._clock()


def status_code(error: Exception) -> StatusCode:
    """The code of the error's nearest named class; INTERNAL when it has none."""
    named = (kind for kind in type(error).__mro__ if kind in STATUS_CODES)
    return STATUS_CODES[next(named, server_errors.ViaServerError)]


def _status(error: Exception, method: str) -> status_pb2.Status:
    if not isinstance(error, engine_errors.ViaEngineError | server_errors.ViaServerError):
        return _incident(error, method)
    code = status_code(error)
    if code is StatusCode.INTERNAL:
        log.error("call failed", method=method, exc_info=error)
    metadata = error.metadata if isinstance(error, server_errors.ViaServerError) else {}
    return _rich_status(code, str(error), error.reason, metadata, _extra_detail(error))


def _incident(error: Exception, method: str) -> status_pb2.Status:
    incident = secrets.token_hex(4)
    log.error("call failed", method=method, incident=incident, exc_info=error)
    message = (
        f"the server failed in a way it has no name for (incident {incident}); please report it "
        "with the lines of the server's log that carry this id"
    )
    return _rich_status(StatusCode.INTERNAL, message, "INTERNAL", {"incident": incident}, None)


def _rich_status(
    code: StatusCode,
    message: str,
    reason: str,
    metadata: dict[str, str],
    extra: Any,
) -> status_pb2.Status:
    info = error_details_pb2.ErrorInfo(reason=reason, domain=ERROR_DOMAIN, metadata=metadata)
    details = [_packed(detail) for detail in (info, extra) if detail is not None]
    return status_pb2.Status(code=code.value[0], message=message, details=details)


def _extra_detail(error: Exception) -> Any:
    if isinstance(error, server_errors.QueueFullError):
        return error_details_pb2.RetryInfo(retry_delay=Duration(seconds=error.retry_after_s))
    if isinstance(error, server_errors.ArgumentError):
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=str(error)
        )
        return error_details_pb2.BadRequest(field_violations=[violation])
    return None


def _packed(detail: Any) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed
