"""What the page is told: plain JSON values of clips, edits, the server and Resolve."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from via.v1 import job_service_pb2

from resolve_scripts.panel.bridge_link import Bridge
from resolve_scripts.panel.clip_list import ClipList
from resolve_scripts.panel.clips import Clip
from resolve_scripts.panel.edit_book import EditBook, PanelEdit, Problem
from resolve_scripts.panel.keeper import Keeper
from resolve_scripts.panel.materials import Materials
from resolve_scripts.panel.problems import problem_of, told_problem
from resolve_scripts.panel.server_link import ServerLink
from resolve_scripts.progress import STAGE_WORDS, mask_text

States = job_service_pb2.JobState
GONE = Problem(
    reason="JOB_GONE",
    message="the server does not know this edit any more",
    next_step="remove it from the list, and edit the clip again",
)
SILENT = Problem(
    reason="SERVER_UNREACHABLE",
    message="the server does not answer",
    next_step="start it; the edit goes on where it stopped",
)


def clip_values(clip: Clip, *, has_picture: bool) -> dict[str, Any]:
    """A clip in the list."""
    return {
        "id": clip.id,
        "name": clip.name,
        "where": "" if clip.spot is None else f"{clip.spot.track_name} · {clip.spot.label}",
        "frame_count": clip.frame_count,
        "route": clip.route,
        "route_reason": clip.route_reason,
        "has_media": clip.has_own_media,
        "has_picture": has_picture,
        "refusal": None if clip.refusal is None else asdict(clip.refusal),
        "instruction": clip.instruction or "",
        "path": str(clip.media or ""),
        "is_on_timeline": clip.spot is not None,
    }


def edit_values(edit: PanelEdit, keeper: Keeper, *, is_served: bool) -> dict[str, Any]:
    """An edit in the list."""
    job = keeper.job(edit)
    state = edit_state(edit, job, keeper)
    problem = _problem(edit, job, keeper, is_served=is_served)
    values = {
        "id": edit.id,
        "clip_id": edit.clip.id,
        "clip": edit.clip.name,
        "where": "" if edit.clip.spot is None else edit.clip.spot.label,
        "is_on_timeline": edit.clip.spot is not None,
        "instruction": edit.draft.instruction,
        "seed": edit.draft.seed,
        "version": edit.version,
        "shot": "/".join(edit.clip.shot),
        "state": state,
        "result": None if edit.result is None else str(edit.result),
        "placed": _placed_text(edit),
        "note": None if edit.placed is None else edit.placed.note,
        "problem": None if problem is None else asdict(problem),
        "is_left_over": state == "finished" and keeper.is_left_over(edit),
    }
    return values | ({} if job is None else _progress_values(job))


def edit_state(edit: PanelEdit, job: job_service_pb2.Job | None, keeper: Keeper) -> str:
    """One word for where an edit is in its life."""
    if keeper.is_gone(edit):
        return "gone"
    if job is None:
        return "unknown"
    if job.state == job_service_pb2.JOB_STATE_SUCCEEDED:
        return "placing" if keeper.is_being_placed(edit) else "finished"
    if job.state in (job_service_pb2.JOB_STATE_QUEUED, job_service_pb2.JOB_STATE_INTERRUPTED):
        return "waiting"
    words = {
        job_service_pb2.JOB_STATE_FAILED: "failed",
        job_service_pb2.JOB_STATE_CANCELLED: "cancelled",
        job_service_pb2.JOB_STATE_CANCEL_REQUESTED: "cancelling",
    }
    return words.get(job.state, "running")


def snapshot(
    *,
    server: ServerLink,
    bridge: Bridge | None,
    clips: ClipList,
    materials: Materials,
    book: EditBook,
    keeper: Keeper,
) -> dict[str, Any]:
    """Everything on the page that changes by itself."""
    is_served = server.is_connected
    edits = [edit_values(edit, keeper, is_served=is_served) for edit in reversed(book.all())]
    return {
        "server": server_values(server, keeper),
        "resolve": resolve_values(bridge, clips),
        "rendering": materials.rendering,
        "edits": edits,
    }


def server_values(server: ServerLink, keeper: Keeper) -> dict[str, Any]:
    """The server as far as the page shows it."""
    trouble = server.trouble
    models = [
        {
            "name": model.name,
            "steps": model.default_steps,
            "understands": list(model.understands),
        }
        for model in server.models
    ]
    return {
        "is_connected": server.is_connected,
        "can_start": server.can_start,
        "problem": None if trouble is None else asdict(problem_of(trouble)),
        "models": models,
        "other_jobs": keeper.other_jobs,
    }


def resolve_values(bridge: Bridge | None, clips: ClipList) -> dict[str, Any]:
    """Resolve and its timeline."""
    timeline = clips.timeline
    state = "absent" if bridge is None else "open" if bridge.is_open else "closed"
    if timeline is None:
        return {"state": state}
    return {
        "state": state,
        "product": f"{timeline.product} {timeline.version_string}".strip(),
        "project": timeline.project,
        "timeline": timeline.timeline,
        "frame_rate": timeline.frame_rate,
        "can": timeline.can,
    }


def _progress_values(job: job_service_pb2.Job) -> dict[str, Any]:
    progress = job.progress
    rate = job.result.frame_rate if job.HasField("result") else job.media.frame_rate
    return {
        "stage": STAGE_WORDS.get(progress.stage, "working"),
        "frames_done": progress.frames_done,
        "frames_total": progress.frames_total,
        "eta_s": round(progress.eta.ToTimedelta().total_seconds())
        if progress.HasField("eta")
        else None,
        "seconds_per_frame": round(progress.seconds_per_frame, 2) or None,
        "mask": mask_text(job.mask) if job.HasField("mask") else None,
        "notes": list(job.notes),
        "frame_count": job.result.frame_count,
        "width": job.result.width,
        "height": job.result.height,
        "frame_rate": f"{rate.num}/{rate.den}",
    }


def _problem(
    edit: PanelEdit, job: job_service_pb2.Job | None, keeper: Keeper, *, is_served: bool
) -> Problem | None:
    if keeper.is_gone(edit):
        return GONE
    if job is not None and job.HasField("error"):
        return told_problem(job.error.reason, job.error.message)
    has_ended = job is not None and job.state == job_service_pb2.JOB_STATE_SUCCEEDED
    return edit.problem if is_served or has_ended else edit.problem or SILENT


def _placed_text(edit: PanelEdit) -> str | None:
    if edit.placed is None:
        return None
    if edit.placed.take_index is not None:
        return f"take {edit.placed.take_index} on track {edit.placed.track_name}"
    return f"on track {edit.placed.track_name}"
