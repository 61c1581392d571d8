"""`via jobs`: what the server's jobs are and do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf import json_format
from via.v1 import job_service_pb2

from resolve_scripts.client import ViaClient
from resolve_scripts.connect import connect
from resolve_scripts.errors import OutputError
from resolve_scripts.follow import detachable, follow_job
from resolve_scripts.options import ForceOption, JsonOption, ServerOption, ending, server_choice
from resolve_scripts.outputs import check_free, check_writable
from resolve_scripts.progress import Reporter, adapter_text, mask_text, progress_text, reporter
from resolve_scripts.transfer import download_result

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="jobs/ID, or the ID alone.")]

jobs_app = typer.Typer(no_args_is_help=True, help="The server's jobs.")


@jobs_app.command("ls")
def list_jobs(server: ServerOption = None, as_json: JsonOption = False) -> None:
    """All jobs, newest first."""
    with _session(server, as_json=as_json) as (client, _):
        jobs = list(client.list_jobs())
        if as_json:
            print(json.dumps([_values(job) for job in jobs]))
        for job in [] if as_json else jobs:
            print(f"{job.name}  {state_word(job):<10}  {_frames(job):>9}  {_what(job)}")


@jobs_app.command("show")
def show_job(job: JobArgument, server: ServerOption = None, as_json: JsonOption = False) -> None:
    """One job."""
    with _session(server, as_json=as_json) as (client, _):
        _print(client.get_job(_name(job)), as_json=as_json)


@jobs_app.command("watch")
def watch_job(
    job: JobArgument,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Fetch the finished clip to this file.")
    ] = None,
    force: ForceOption = False,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow a job to its end; with -o fetch its clip, also when it ended long ago."""
    with _session(server, as_json=as_json) as (client, told):
        if out is not None:
            check_free(out, force=force)
            check_writable(out.absolute().parent)
        with told, detachable(client, [_name(job)], told):
            finished = follow_job(client, _name(job), _name(job), told)
        if out is None:
            _print(finished, as_json=as_json)
            return
        try:
            download_result(client, finished, out.absolute(), replace=force)
        except FileExistsError as error:
            raise OutputError(f"{out} exists by now; name another file") from error
        path = str(out.absolute())
        print(json.dumps({"path": path, "job": _values(finished)}) if as_json else path)


@jobs_app.command("cancel")
def cancel_job(job: JobArgument, server: ServerOption = None, as_json: JsonOption = False) -> None:
    """Stop a job; what is finished is kept."""
    with _session(server, as_json=as_json) as (client, _):
        _print(client.cancel_job(_name(job)), as_json=as_json)


@jobs_app.command("retry")
def retry_job(job: JobArgument, server: ServerOption = None, as_json: JsonOption = False) -> None:
    """Queue a failed or cancelled job again; finished frames are not redone."""
    with _session(server, as_json=as_json) as (client, _):
        _print(client.retry_job(_name(job)), as_json=as_json)


@jobs_app.command("delete")
def delete_job(job: JobArgument, server: ServerOption = None, as_json: JsonOption = False) -> None:
    """Remove an ended job with its files."""
    with _session(server, as_json=as_json) as (client, _):
        client.delete_job(_name(job))
        print(json.dumps({"deleted": _name(job)}) if as_json else f"{_name(job)} deleted")


@contextmanager
def _session(server: str | None, *, as_json: bool) -> Iterator[tuple[ViaClient, Reporter]]:
    told = reporter()
    with ending(as_json=as_json), connect(server_choice(server), told.note) as connection:
        yield connection.client, told


def _name(job: str) -> str:
    return job if job.startswith("jobs/") else f"jobs/{job}"


def state_word(job: job_service_pb2.Job) -> str:
    """The job's state in lower case, such as "cancel requested"."""
    word = job_service_pb2.JobState.Name(job.state).removeprefix("JOB_STATE_")
    return word.lower().replace("_", " ")


def _what(job: job_service_pb2.Job) -> str:
    return job.spec.instruction or ("(identity)" if job.spec.identity else "")


def _frames(job: job_service_pb2.Job) -> str:
    return f"{job.progress.frames_done}/{job.progress.frames_total}"


def _values(job: job_service_pb2.Job) -> dict[str, object]:
    values: dict[str, object] = json_format.MessageToDict(job, preserving_proto_field_name=True)
    return values


def _print(job: job_service_pb2.Job, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_values(job)))
        return
    print(f"{job.name}: {state_word(job)}")
    print(f"  instruction  {job.spec.instruction}")
    print(f"  model        {job.spec.model}, seed {job.spec.seed}, {job.spec.steps} steps")
    print(f"  progress     {progress_text(job.progress)}")
    if job.HasField("mask"):
        print(f"  mask         {mask_text(job.mask)}")
    if job.HasField("adapter"):
        print(f"  adapter      {adapter_text(job.adapter)}")
    if job.error.reason:
        print(f"  error        {job.error.reason}: {job.error.message}")
    if job.result.file_name:
        print(f"  result       {job.result.file_name}, {job.result.size_bytes} bytes")
    for note in job.notes:
        print(f"  note         {note}")
