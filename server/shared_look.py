"""The look one job lends to another edit: what it was made with, and the tuning it leaves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from server.edit_spec import ResolvedSpec
from server.errors import JobStateError
from server.jobs import Job
from via_engine.edit_request import LookSource
from via_engine.edit_settings import ADAPTER_FILE_NAME


@dataclass(frozen=True, kw_only=True)
class SharedLook:
    """`source` says where the engine finds the look, `settings` what the lender was made with."""

    source: LookSource
    settings: ResolvedSpec


def shared_look(lender: Job, work_folder: Path) -> SharedLook:
    """The look of a job that works in `work_folder`; if it borrowed it, that of the first lender.

    A tuning of its own goes with it, once there is one: see `check_lent_adapter`.
    """
    spec = lender.spec
    source = spec.look_source or LookSource(
        media_path=lender.media.path,
        sequence=lender.media.sequence,
        media_identity=lender.media.identity,
        frame_range=spec.frame_range,
        group_range=spec.group_range,
    )
    adapter = None if spec.adapt is None else work_folder / ADAPTER_FILE_NAME
    return SharedLook(source=replace(source, adapter=adapter), settings=spec)


def check_lent_adapter(spec: ResolvedSpec) -> None:
    """Refuses to begin an edit whose look was never tuned.

    Raises:
        JobStateError: the lender has left no adapter.
    """
    if spec.lent_adapter is not None and not spec.lent_adapter.exists():
        raise JobStateError(
            f"{spec.group_from}, whose look this edit shares, has not tuned the editor: it still "
            "waits, failed, was cancelled or deleted; let it end and retry this edit, or edit "
            "without its look",
            metadata={"job": spec.group_from},
        )
