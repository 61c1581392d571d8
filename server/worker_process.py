"""What runs in the worker's own process: the engine, and the messages it and the server exchange.

Importing this module loads no engine; `run_worker` does, in the process it runs in.
"""

from __future__ import annotations

import importlib
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from operator import contains
from types import MappingProxyType

from server.child import Inbox
from server.errors import EngineFaultError, ViaServerError
from server.jobs import Editor
from via_engine import errors as engine_errors
from via_engine.config import EngineConfig
from via_engine.edit_events import EditEvent, RootCandidate
from via_engine.edit_request import EditRequest
from via_engine.errors import EditCancelledError, ViaEngineError
from via_engine.models.estimate import DeviceFacts

# Set before torch is loaded: the same request gives the same pixels, and nothing is downloaded.
ENVIRONMENT = MappingProxyType(
    {
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "OMP_DYNAMIC": "FALSE",
        "MKL_DYNAMIC": "FALSE",
        # Threads that wait by spinning are several times slower beside a busy editing program.
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_OFFLINE": "1",
    }
)


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Carry out an edit; answered by events, then `Finished`."""

    request: EditRequest


@dataclass(frozen=True, kw_only=True)
class PreviewEdit:
    """Edit one media frame; answered by `Finished` with a `FramePicture`."""

    request: EditRequest
    frame: int


@dataclass(frozen=True, kw_only=True)
class ProposeRoots:
    """Edit root frames in `count` ways; answered by `Finished` with a `RootProposal`."""

    request: EditRequest
    count: int


@dataclass(frozen=True, kw_only=True)
class Load:
    """Make a model resident."""

    model: str


@dataclass(frozen=True, kw_only=True)
class Unload:
    """Free a model."""

    model: str


Command = Edit | PreviewEdit | ProposeRoots | Load | Unload


@dataclass(frozen=True, kw_only=True)
class Order:
    """A command and its number, rising from 1."""

    number: int
    command: Command


@dataclass(frozen=True, kw_only=True)
class CancelOrder:
    """The order of that number is no longer wanted."""

    number: int


@dataclass(frozen=True, kw_only=True)
class FramePicture:
    """A previewed frame: PNG files of equal size, in pixels."""

    png: bytes
    source_png: bytes
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class RootProposal:
    """Edited root frames to choose from, the best first."""

    candidates: tuple[RootCandidate, ...]


Answer = FramePicture | RootProposal


@dataclass(frozen=True, kw_only=True)
class Ready:
    """The engine is there; `facts` are None for one that cannot tell them."""

    device: str
    facts: DeviceFacts | None = None


@dataclass(frozen=True, kw_only=True)
class Finished:
    """An order is over: with an answer when it asked for one, with an error when it failed."""

    answer: Answer | None = None
    error: ViaEngineError | ViaServerError | None = None
    loaded_models: tuple[str, ...]


Reply = Ready | EditEvent | Finished


def run_worker(connection: Connection, editor_factory: str, config: EngineConfig) -> None:
    """Serves orders until the server is gone.

    Args:
        connection: pipe to the server; replies are `Reply`.
        editor_factory: "module:attribute" of what makes an `Editor` from `config`.
    """
    cancelled_numbers = set[int]()

    def note_cancel(message: object) -> bool:
        if isinstance(message, CancelOrder):
            cancelled_numbers.add(message.number)
        return isinstance(message, CancelOrder)

    inbox = Inbox(connection, note_cancel)
    os.environ.update(ENVIRONMENT)
    editor = _make_editor(editor_factory, config)
    connection.send(Ready(device=editor.device, facts=editor.device_facts()))
    while isinstance(order := inbox.next_message(), Order):
        cancelled = partial(contains, cancelled_numbers, order.number)
        connection.send(_carry_out(editor, order.command, connection, cancelled))


def _make_editor(factory: str, config: EngineConfig) -> Editor:
    module, _, attribute = factory.partition(":")
    made: Editor = getattr(importlib.import_module(module), attribute)(config)
    return made


def _carry_out(
    editor: Editor, command: Command, connection: Connection, cancelled: Callable[[], bool]
) -> Finished:
    answer: Answer | None = None
    error: ViaEngineError | ViaServerError | None = None
    try:
        answer = _answer(editor, command, connection, cancelled)
    except ViaEngineError as named:
        error = _portable(named)
    except Exception as fault:  # whatever the engine has no name for
        if _is_device_fault(fault):
            raise
        traceback.print_exc()
        error = EngineFaultError(
            f"the engine failed: {type(fault).__name__}: {fault}. This is a fault of Via, please "
            "report it with the server's log; retrying the job keeps what is finished"
        )
    return Finished(answer=answer, error=error, loaded_models=editor.loaded_models())


def _answer(
    editor: Editor, command: Command, connection: Connection, cancelled: Callable[[], bool]
) -> Answer | None:
    if cancelled():
        raise EditCancelledError("cancelled before it began")
    match command:
        case Edit():
            for event in editor.edit(command.request, cancelled):
                connection.send(event)
        case PreviewEdit():
            preview = editor.preview(command.request, command.frame, cancelled)
            return FramePicture(
                png=preview.png,
                source_png=preview.source_png,
                width=preview.width,
                height=preview.height,
            )
        case ProposeRoots():
            candidates = editor.propose_roots(command.request, command.count, cancelled)
            return RootProposal(candidates=candidates)
        case Load():
            editor.load(command.model)
        case Unload():
            editor.unload(command.model)
    return None


def _portable(error: ViaEngineError) -> ViaEngineError:
    """The error as one the server can read without loading the engine."""
    for kind in type(error).__mro__:
        if kind.__module__ == engine_errors.__name__:
            portable: ViaEngineError = kind(str(error))
            return portable
    raise TypeError(f"{type(error).__name__} is no engine error") from error


def _is_device_fault(error: Exception) -> bool:
    """Whether the device context is lost, so that only a new process can go on."""
    return type(error).__name__ == "AcceleratorError" or "CUDA error" in str(error)
