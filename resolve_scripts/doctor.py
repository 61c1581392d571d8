"""`via doctor`: what works on this machine, and the remedy for what does not."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import typer

from resolve_scripts.client import ViaClient
from resolve_scripts.connect import ServerChoice, connect, running_server
from resolve_scripts.errors import ViaClientError
from resolve_scripts.parts import missing_packages, part_command
from resolve_scripts.progress import Reporter

WORKSTATION_PACKAGES = (
    "grpcio",
    "protobuf",
    "opentimelineio",
    "typer",
    "rich",
    "starlette",
    "uvicorn",
    "jinja2",
    "pydantic",
)
SERVER_PACKAGES = ("torch", "diffusers", "transformers", "av", "numpy")
LOW_DISK_BYTES = 10 << 30


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at.

    Attributes:
        name: what was looked at.
        found: what is there.
        remedy: what to do about it; empty when it is well.
        is_problem: whether edits fail without the remedy; else it is advice.
    """

    name: str
    found: str
    remedy: str = ""
    is_problem: bool = False

    def to_json(self) -> dict[str, str | bool]:
        """Plain JSON values."""
        return asdict(self)


def tell_findings(findings: list[Finding], *, as_json: bool) -> None:
    """Prints findings for people or for machines; exit code 1 when one of them is a problem."""
    if as_json:
        print(json.dumps([finding.to_json() for finding in findings], indent=2))
    for finding in [] if as_json else findings:
        sign = "!!" if finding.is_problem else "->" if finding.remedy else "ok"
        print(f"{sign} {finding.name:<16} {finding.found}")
        if finding.remedy:
            print(f"   {'':<16} {finding.remedy}")
    if any(finding.is_problem for finding in findings):
        raise typer.Exit(1)


def examine(choice: ServerChoice, reporter: Reporter) -> list[Finding]:
    """Looks at everything an edit needs; a server is started for it when none runs."""
    return [
        *_python(),
        *_packages(),
        _disk(choice.state_folder),
        *_server(choice, reporter),
        *_memory(choice),
    ]


def _python() -> Iterator[Finding]:
    yield Finding(name="python", found=f"{platform.python_version()} at {sys.executable}")
    yield Finding(name="via", found=_version("via-editor") or "running from its sources")


def _packages() -> Iterator[Finding]:
    for name in WORKSTATION_PACKAGES:
        version = _version(name)
        yield _finding(name, version or "missing", "" if version else "pip install via-editor")
    # A workstation that uses a server elsewhere is well without these.
    for name in SERVER_PACKAGES:
        yield Finding(name=name, found=_version(name) or "not installed (only a server needs it)")


def _finding(name: str, found: str, remedy: str) -> Finding:
    return Finding(name=name, found=found, remedy=remedy, is_problem=bool(remedy))


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _disk(state_folder: Path) -> Finding:
    existing = next(one for one in (state_folder, *state_folder.parents) if one.exists())
    free = shutil.disk_usage(existing).free
    found = f"{free / (1 << 30):.0f} GiB for jobs in {state_folder}"
    remedy = "free some space there, or set VIA_STATE_FOLDER to a larger disk"
    return Finding(name="free disk", found=found, remedy=remedy if free < LOW_DISK_BYTES else "")


def _server(choice: ServerChoice, reporter: Reporter) -> Iterator[Finding]:
    address = choice.address or running_server(choice)
    missing = [*missing_packages("server"), *missing_packages("via_engine")]
    if address is None and missing:
        found = f"none runs here, and none can: {', '.join(missing)} missing"
        remedy = "pip install 'via-editor[server]', or name one with --server or VIA_SERVER"
        yield _finding("server", found, remedy)
        return
    try:
        with connect(choice, reporter.note) as connection:
            yield from _served(connection.client, was_running=address is not None)
    except ViaClientError as error:
        yield _finding("server", f"{address or 'this machine'}: {error.reason}", str(error))


def _served(client: ViaClient, *, was_running: bool) -> Iterator[Finding]:
    info = client.server_info()
    found = f"Via {info.version} at {client.address}"
    yield Finding(name="server", found=found if was_running else f"{found} (started for this)")
    for model in client.list_models():
        kind = f"{model.kind}, {model.long_side_px} px, licence {model.licence}"
        is_default = model.name == info.default_model
        yield Finding(name=f"model {model.name}", found=f"{kind}, default" if is_default else kind)
    if not info.device and info.default_model:
        # The worker says its device once it has something to do.
        client.load_model(info.default_model)
        info = client.server_info()
    has_gpu = info.device.startswith("cuda")
    yield Finding(
        name="gpu",
        found=info.device if has_gpu else f"none; the server computes on {info.device or '?'}",
        remedy="" if has_gpu else "edits are slow without one: use a server that has a CUDA device",
    )


def _memory(choice: ServerChoice) -> Iterator[Finding]:
    """What stays in this machine's memory in an edit; of a server elsewhere it is not known."""
    if choice.address is not None or missing_packages("via_engine"):
        return
    command = part_command("via_engine.models", ["plan", "--json"])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        yield _finding("memory", "not known", f"look into it with: via models plan\n{done.stderr}")
        return
    found = json.loads(done.stdout)
    where = f"{found['total_bytes'] / 1e9:.0f} GB on {found['device']}"
    for name, plan in found["plans"].items():
        parts = [
            f"{part['name']} {part['size_bytes'] / 1e9:.1f} GB"
            for part in plan["parts"]
            if part["stay"] != "resident"
        ]
        told = f"{where}: " + (", ".join(parts) + " not resident" if parts else "all stays")
        remedy = "" if plan["fits"] else "use a larger device, or a lower long_side_px"
        yield Finding(name=f"memory {name}", found=told, remedy=remedy, is_problem=not plan["fits"])
