"""A batch ready to be rendered: its clips planned by a server, its jobs known."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from resolve_scripts.batch.asked import Asked
from resolve_scripts.batch.clip_plan import ClipPlan, Planned, Planner
from resolve_scripts.batch.found_clip import FoundClip, Refused
from resolve_scripts.batch.renders import Render, held_alike, renders_of
from resolve_scripts.batch.request import BatchRequest
from resolve_scripts.client import ViaClient
from resolve_scripts.connect import ServerChoice, connect
from resolve_scripts.progress import Reporter
from resolve_scripts.timeline.place import PlaceMode
from resolve_scripts.transfer import MediaDesk


@dataclass(frozen=True, kw_only=True)
class Server:
    """A connected server, and how files are named to it."""

    client: ViaClient
    desk: MediaDesk


@dataclass(frozen=True, kw_only=True)
class PlannedBatch:
    """What a batch is going to do.

    Attributes:
        clips: every clip that asks for an edit by its name, with its plan or why it has none.
        renders: the jobs that takes.
        server: who does them; None when no clip can be edited.
        seconds: time the planning took, without reaching the server.
    """

    clips: tuple[tuple[str, Planned], ...]
    renders: tuple[Render, ...] = ()
    server: Server | None = None
    seconds: float = 0.0


@contextmanager
def planned_batch(
    choice: ServerChoice, asked: Asked, request: BatchRequest, reporter: Reporter
) -> Iterator[PlannedBatch]:
    """The batch, planned, for as long as the server is connected.

    Raises:
        ServerUnreachableError: no server was found or could be started, or it was lost.
    """
    refused = [(name, each) for name, each in asked.clips if isinstance(each, Refused)]
    if len(refused) == len(asked.clips):
        _tell(refused, reporter)
        yield PlannedBatch(clips=tuple(refused))
        return
    with connect(choice, reporter.note, media_folders=asked.folders) as connection:
        started = time.perf_counter()
        desk = MediaDesk(connection.client, shares_disk=connection.shares_disk)
        planner = Planner(
            connection.client,
            desk,
            handles=request.handles,
            in_place=request.place_mode is not PlaceMode.TRACK,
        )
        clips = held_alike([(name, _plan(planner, each)) for name, each in asked.clips])
        _tell(clips, reporter)
        plans = [each for _, each in clips if isinstance(each, ClipPlan)]
        renders = renders_of(plans, same_look=request.same_look)
        yield PlannedBatch(
            clips=clips,
            renders=renders,
            server=Server(client=connection.client, desk=desk),
            seconds=time.perf_counter() - started,
        )


def _plan(planner: Planner, clip: FoundClip | Refused) -> Planned:
    return clip if isinstance(clip, Refused) else planner.plan(clip)


def _tell(clips: Iterable[tuple[str, Planned]], reporter: Reporter) -> None:
    """Says what a person should know: of each clip its own, of media and model once."""
    warnings: dict[str, None] = {}
    for name, planned in clips:
        if isinstance(planned, Refused):
            reporter.note(f"{name}: {planned.error}")
            continue
        for note in planned.need.notes:
            reporter.note(f"{name}: {note}")
        warnings |= dict.fromkeys(planned.warnings)
    for warning in warnings:
        reporter.note(warning)
