"""Questions to Resolve's own objects.

They are remote proxies with manners of their own: no failure raises, `hasattr` is always true, an
unknown method is None, numbers come as int, float or text. Here every answer is looked at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resolve_scripts.in_resolve.errors import (
    BridgeError,
    FeatureMissingError,
    NotAnsweringError,
)

OPEN_DIALOG_STEP = "close any dialog that is open in Resolve, then try again"


def can(handle: Any, method: str) -> bool:
    """Whether an object has a method on this build; `hasattr` would always say yes."""
    if handle is None:
        return False
    # Only the class tells the truth about what an object can do; from afar it knows how to ask.
    far = getattr(type(handle), "has_method", None)
    return bool(far(handle, method)) if far is not None else method in dir(handle)


def ask(handle: Any, method: str, *arguments: Any) -> Any:
    """Calls a method that newer builds have.

    Raises:
        FeatureMissingError: this build has it not.
    """
    if not can(handle, method):
        raise FeatureMissingError(
            f"this version of Resolve cannot do that (it has no {method})",
            next_step="update DaVinci Resolve, or choose another way in the panel",
        )
    return getattr(handle, method)(*arguments)


def read_all(handles: Sequence[Any], methods: Sequence[str]) -> list[list[Any]]:
    """The answers of many objects to the same questions; from afar, one message for all."""
    if not handles:
        return []
    far = getattr(type(handles[0]), "read_all", None)
    if far is not None:
        return list(far(handles, methods))
    return [[getattr(one, method)() for method in methods] for one in handles]


def whole(value: Any, what: str) -> int:
    """A number from Resolve, which may be float or text, as an integer.

    Raises:
        NotAnsweringError: it is no number.
    """
    try:
        return round(float(value))
    except (TypeError, ValueError) as error:
        raise NotAnsweringError(
            f"Resolve does not say {what}", next_step=OPEN_DIALOG_STEP
        ) from error


def check_awake(resolve: Any) -> None:
    """Makes sure that Resolve answers at all.

    Raises:
        NotAnsweringError: it does not: a dialog is open, or it has closed.
    """
    if not resolve.GetProductName():
        raise NotAnsweringError(
            "Resolve does not answer; most likely one of its dialogs is open",
            next_step=OPEN_DIALOG_STEP,
            reason="MODAL_OPEN",
        )


def explained(error: BridgeError, resolve: Any) -> BridgeError:
    """The error, or, when Resolve does not answer at all, that."""
    try:
        check_awake(resolve)
    except NotAnsweringError as silent:
        return silent
    except Exception:  # proxies fail in ways of their own; what went wrong first is the news
        return error
    return error


def edition(resolve: Any) -> str:
    """ "studio" or "free"."""
    return "studio" if "studio" in str(resolve.GetProductName()).lower() else "free"


def version(resolve: Any) -> tuple[int, int]:
    """Major and minor version."""
    parts = resolve.GetVersion()
    return (int(parts[0]), int(parts[1])) if parts and len(parts) > 1 else (0, 0)
