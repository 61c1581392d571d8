"""What can go wrong on the workstation.

    ViaClientError                  exit 1
    ├── UsageError                  exit 2: the command as given cannot be carried out
    │   ├── MissingMediaError       no media file where the command or the timeline says
    │   ├── OutputError             the result could not be written there
    │   ├── TimelineError           the timeline cannot be read
    │   ├── NoClipsError            nothing in the timeline asks for an edit
    │   ├── PartMissingError        a part of Via that is not installed on this machine
    │   ├── RootNotChosenError      there are roots to choose from, and nobody who does
    │   ├── NotKnownError           the server knows no job, model or media of that name
    │   └── InvalidEditError        the server checked the edit and found it wrong
    ├── ClipNotSupportedError       this clip cannot be edited yet; the others can
    ├── ServerUnreachableError      exit 3
    │   └── ServerStartError        no server runs here and none could be started
    ├── ServerRefusedError          the server answered with an error
    │   └── ServerBusyError         its queue is full for the moment
    ├── JobFailedError              the job ended with an error
    ├── JobCancelledError           exit 130
    ├── TransferError               the bytes that arrived are not those that were sent
    ├── ResolveRefusedError         Resolve could not do what it was asked for
    │   └── ResolveClosedError      Resolve, or the script inside it, is gone
    └── PartlyDoneError             exit 4: some clips are done, some are not

Every message says what happened, where, and what to do next. `reason` is a stable UPPER_SNAKE
word; where the server refused, it is the server's own.
"""

from __future__ import annotations

# The options against a failure; the server's own words cannot know them.
NEXT_STEPS = {"SUBJECT_NOT_FOUND": "the options for that are --find PHRASE, --global, --mask FILE"}


def with_next_step(message: str, reason: str) -> str:
    """The server's words for a failure, with the options this command line has against it."""
    step = NEXT_STEPS.get(reason)
    return f"{message}; {step}" if step else message


class ViaClientError(Exception):
    """Base of all workstation errors; the message is meant for the person at the keyboard."""

    exit_code = 1
    reason = "CLIENT_FAILED"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason or type(self).reason


class UsageError(ViaClientError):
    """The command as given cannot be carried out."""

    exit_code = 2
    reason = "USAGE"


class MissingMediaError(UsageError):
    """No media file lies where the command or the timeline says."""

    reason = "MEDIA_NOT_FOUND"


class OutputError(UsageError):
    """The result could not be written there."""

    reason = "OUTPUT_UNUSABLE"


class TimelineError(UsageError):
    """The timeline cannot be read."""

    reason = "TIMELINE_UNREADABLE"


class NoClipsError(UsageError):
    """Nothing in the timeline asks for an edit."""

    reason = "NO_CLIPS"


class PartMissingError(UsageError):
    """A part of Via is not installed on this machine."""

    reason = "PART_NOT_INSTALLED"


class RootNotChosenError(UsageError):
    """There are roots to choose from, and nobody at a terminal who does."""

    reason = "ROOT_NOT_CHOSEN"


class NotKnownError(UsageError):
    """The server knows no job, model or media of that name."""

    reason = "NOT_KNOWN"


class InvalidEditError(UsageError):
    """The server checked the edit and found it wrong: media, range, instruction or numbers."""

    reason = "EDIT_INVALID"


class ClipNotSupportedError(ViaClientError):
    """This clip cannot be edited yet; the others can."""

    reason = "CLIP_NOT_SUPPORTED"


class ServerUnreachableError(ViaClientError):
    """No server answers."""

    exit_code = 3
    reason = "SERVER_UNREACHABLE"


class ServerStartError(ServerUnreachableError):
    """No server runs on this machine and none could be started."""

    reason = "SERVER_NOT_STARTED"


class ServerRefusedError(ViaClientError):
    """The server answered with an error."""

    reason = "SERVER_REFUSED"


class ServerBusyError(ServerRefusedError):
    """The server's queue is full for the moment."""

    reason = "SERVER_BUSY"


class JobFailedError(ViaClientError):
    """The job ended with an error."""

    reason = "JOB_FAILED"


class JobCancelledError(ViaClientError):
    """The job was cancelled."""

    exit_code = 130
    reason = "JOB_CANCELLED"


class TransferError(ViaClientError):
    """The bytes that arrived are not those that were sent."""

    reason = "TRANSFER_DAMAGED"


class ResolveRefusedError(ViaClientError):
    """Resolve could not do what it was asked for; `next_step` is what a person can do."""

    reason = "RESOLVE_REFUSED"

    def __init__(self, message: str, *, reason: str | None = None, next_step: str = "") -> None:
        super().__init__(f"{message}; {next_step}" if next_step else message, reason=reason)
        self.what = message
        self.next_step = next_step


class ResolveClosedError(ResolveRefusedError):
    """Resolve, or the script inside it, is gone."""

    reason = "RESOLVE_CLOSED"


class PartlyDoneError(ViaClientError):
    """Some clips are done, some are not."""

    exit_code = 4
    reason = "PARTLY_DONE"
