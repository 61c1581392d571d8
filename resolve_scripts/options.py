"""What all commands share: the options that find a server, and how a command ends."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import platformdirs
import typer

from resolve_scripts.connect import ServerChoice
from resolve_scripts.errors import UsageError, ViaClientError

INTERRUPTED_EXIT_CODE = 130

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="VIA_SERVER",
        metavar="ADDR",
        help="Server to use, host:port or tls://host:port. Without it: one on this machine, "
        "started when none runs.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Results as JSON on stdout, errors as JSON on stderr.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace an existing output.")]


def server_choice(address: str | None) -> ServerChoice:
    """How to find the server, from the option and the environment.

    Raises:
        UsageError: the certificates that VIA_TLS_CA names cannot be read.
    """
    folder = os.environ.get("VIA_STATE_FOLDER")
    return ServerChoice(
        address=address or None,
        state_folder=Path(folder).absolute() if folder else platformdirs.user_state_path("via"),
        token=os.environ.get("VIA_TOKEN") or None,
        trusted=_trusted(os.environ.get("VIA_TLS_CA")),
    )


def _trusted(path: str | None) -> bytes | None:
    try:
        return Path(path).read_bytes() if path else None
    except OSError as error:
        raise UsageError(
            f"VIA_TLS_CA names {path}, which cannot be read ({error.strerror}); name the PEM file "
            "of the certificates to trust"
        ) from error


@contextmanager
def ending(*, as_json: bool) -> Iterator[None]:
    """Turns what goes wrong inside into words on stderr and the exit code."""
    try:
        yield
    except ViaClientError as error:
        tell(error, as_json=as_json)
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(INTERRUPTED_EXIT_CODE) from error


def tell(error: ViaClientError, *, as_json: bool) -> None:
    """Writes an error to stderr, for people or for machines."""
    text = f"via: {error}"
    if as_json:
        problem = {"reason": error.reason, "message": str(error), "exit_code": error.exit_code}
        text = json.dumps({"error": problem})
    print(text, file=sys.stderr, flush=True)


def frame_range(text: str | None, option: str) -> tuple[int, int] | None:
    """ "A:B" as a half-open range of media frames.

    Raises:
        UsageError: it is not two whole numbers with A below B.
    """
    if text is None:
        return None
    start, colon, end = text.partition(":")
    if not (colon and start.isdecimal() and end.isdecimal() and len(end) < 10):
        raise UsageError(
            f"{option} {text!r} is no frame range; give START:END in frames, such as 0:24",
            reason="RANGE_INVALID",
        )
    if int(start) >= int(end):
        raise UsageError(
            f"{option} {text} holds no frame; END is the first frame after the range and must be "
            "greater than START",
            reason="RANGE_EMPTY",
        )
    return int(start), int(end)
