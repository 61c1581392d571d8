"""What can go wrong in the server.

    ViaServerError
    ├── CallError                   the call cannot be served as it stands
    │   ├── ArgumentError           a field of the request is wrong
    │   ├── RequestIdReusedError    the same request_id came with another edit
    │   ├── PageTokenError          not a token this server gave
    │   ├── OffsetError             reading starts outside the result
    │   ├── UploadTooLargeError     more bytes than this server takes
    │   ├── JobNotFoundError        no job of that name
    │   ├── UploadNotFoundError     no upload of that id
    │   ├── ResultMissingError      the finished clip is no longer on disk
    │   ├── JobStateError           the job's state does not allow this
    │   └── QueueFullError          as many jobs wait as this server holds
    ├── AccessError                 the caller
    │   ├── TokenError              no token, or not this server's
    │   └── OutsideRootsError       the media lies outside the media roots
    ├── WorkerError                 the engine's process
    │   ├── WorkerDiedError         it ended while it worked
    │   └── EngineFaultError        the engine failed in a way it does not name
    ├── ServerStoppingError         the server is on its way down
    ├── ForbiddenTransitionError    a job was to take a step its states do not have
    ├── StateFolderError            the folder that holds jobs
    │   ├── StateFolderBusyError    another server uses it
    │   ├── StateDamagedError       its ledger fails its own check
    │   └── StateTooNewError        a newer Via wrote it
    └── StartError                  the server cannot start with these settings
        └── ListenError             the address cannot be listened on

Every message says what happened, where, and what to do next. `reason` is the stable UPPER_SNAKE
word that crosses the wire, `metadata` repeats the message's changing parts for programs.
"""

from __future__ import annotations

from collections.abc import Mapping


class ViaServerError(Exception):
    """Base of all server errors; the message is meant for the person who made the call."""

    reason = "SERVER_FAILED"

    def __init__(self, message: str, *, metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.metadata = dict(metadata or {})


class CallError(ViaServerError):
    """The call cannot be served as it stands."""

    reason = "CALL_INVALID"


class ArgumentError(CallError):
    """A field of the request is wrong; `field` is its path in the request message."""

    reason = "ARGUMENT_INVALID"

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(f"{field}: {message}", metadata={"field": field})
        self.field = field


class RequestIdReusedError(CallError):
    """The same request_id came with another edit."""

    reason = "REQUEST_ID_REUSED"


class PageTokenError(CallError):
    """The page token is not one this server gave."""

    reason = "PAGE_TOKEN_INVALID"


class OffsetError(CallError):
    """Reading was to start outside the result."""

    reason = "OFFSET_OUTSIDE_RESULT"


class UploadTooLargeError(CallError):
    """The upload holds more bytes than this server takes."""

    reason = "UPLOAD_TOO_LARGE"


class JobNotFoundError(CallError):
    """There is no job of that name."""

    reason = "JOB_NOT_FOUND"


class UploadNotFoundError(CallError):
    """There is no upload of that id."""

    reason = "UPLOAD_NOT_FOUND"


class ResultMissingError(CallError):
    """The finished clip is no longer on the server's disk."""

    reason = "RESULT_MISSING"


class JobStateError(CallError):
    """The job's state does not allow what was asked."""

    reason = "JOB_STATE_WRONG"


class QueueFullError(CallError):
    """As many calls or jobs wait as this server holds; `retry_after_s` is a guess in seconds."""

    reason = "QUEUE_FULL"
    retry_after_s = 30


class AccessError(ViaServerError):
    """The caller may not do this."""

    reason = "ACCESS_DENIED"


class TokenError(AccessError):
    """The call carries no token, or not this server's."""

    reason = "TOKEN_INVALID"


class OutsideRootsError(AccessError):
    """The media lies outside the folders in which this server accepts media."""

    reason = "MEDIA_OUTSIDE_ROOTS"


class WorkerError(ViaServerError):
    """The engine's process failed."""

    reason = "WORKER_FAILED"


class WorkerDiedError(WorkerError):
    """The engine's process ended while it worked."""

    reason = "WORKER_CRASHED"


class EngineFaultError(WorkerError):
    """The engine failed in a way it has no name for."""

    reason = "ENGINE_FAILED"


class ServerStoppingError(ViaServerError):
    """The server is on its way down."""

    reason = "SERVER_STOPPING"


class ForbiddenTransitionError(ViaServerError):
    """A job was to take a step that its states do not have."""

    reason = "TRANSITION_FORBIDDEN"


class StateFolderError(ViaServerError):
    """The folder that holds jobs cannot be used."""

    reason = "STATE_FOLDER_FAILED"


class StateFolderBusyError(StateFolderError):
    """Another server uses the state folder."""

    reason = "STATE_FOLDER_BUSY"


class StateDamagedError(StateFolderError):
    """The job ledger fails its own check."""

    reason = "STATE_DAMAGED"


class StateTooNewError(StateFolderError):
    """A newer Via wrote the job ledger."""

    reason = "STATE_TOO_NEW"


class StartError(ViaServerError):
    """The server cannot start with these settings."""

    reason = "START_REFUSED"


class ListenError(StartError):
    """The address cannot be listened on."""

    reason = "LISTEN_FAILED"
