"""What can go wrong between Via and Resolve.

    BridgeError
    ├── MessageError         a message that cannot be understood
    ├── NotAnsweringError    Resolve gives no answers: a dialog is open, or it has closed
    ├── FeatureMissingError  this edition or version of Resolve has no such call
    ├── NothingOpenError     no project or no timeline is open
    ├── ClipRefusedError     this clip cannot be edited; others can
    ├── ExportError          the pictures could not be taken out of Resolve
    └── PlaceError           the result could not be put on the timeline

Every error says what happened and, apart from it, what to do next; `reason` is a stable UPPER_SNAKE
word, the same on the wire.
"""

from __future__ import annotations


class BridgeError(Exception):
    """Base of all errors the bridge answers with; the words are meant for the editor."""

    reason = "BRIDGE_FAILED"

    def __init__(self, message: str, *, next_step: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.reason = reason or type(self).reason

    def to_json(self) -> dict[str, str]:
        """Plain JSON values."""
        return {"reason": self.reason, "message": self.message, "next_step": self.next_step}


class MessageError(BridgeError):
    """A message that cannot be understood."""

    reason = "MESSAGE_UNREADABLE"


class NotAnsweringError(BridgeError):
    """Resolve gives no answers."""

    reason = "RESOLVE_NOT_ANSWERING"


class FeatureMissingError(BridgeError):
    """This edition or version of Resolve has no such call."""

    reason = "RESOLVE_TOO_OLD"


class NothingOpenError(BridgeError):
    """No project or no timeline is open."""

    reason = "NO_TIMELINE"


class ClipRefusedError(BridgeError):
    """This clip cannot be edited; others can."""

    reason = "CLIP_NOT_SUPPORTED"


class ExportError(BridgeError):
    """The pictures could not be taken out of Resolve."""

    reason = "EXPORT_FAILED"


class PlaceError(BridgeError):
    """The result could not be put on the timeline."""

    reason = "PLACE_FAILED"
