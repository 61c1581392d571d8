"""The plan of a batch, for people and for programs; nothing is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from resolve_scripts.batch.clip_plan import ClipPlan, Planned
from resolve_scripts.batch.outcomes import ClipOutcome, plan_values
from resolve_scripts.batch.renders import Render
from resolve_scripts.errors import PartlyDoneError, ViaClientError

HEADINGS = (
    "clip",
    "media",
    "media frames",
    "record range",
    "instruction",
    "model",
    "time",
    "memory",
)
CELL_WIDTH = 36
UNKNOWN = "?"


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """What a batch would do.

    Attributes:
        clips: every clip that asks for an edit, by its name, with its plan or why it has none.
        renders: the jobs it would need.
        kept_keys: those of them that an earlier batch has made.
        seconds: time the planning took.
        memory_bytes: memory the planning took.
    """

    clips: tuple[tuple[str, Planned], ...]
    renders: tuple[Render, ...]
    kept_keys: frozenset[str]
    seconds: float
    memory_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; times and memory are null until the server has measured the model."""
        jobs = {
            id(plan): number for number, each in enumerate(self.renders, 1) for plan in each.clips
        }
        return {
            "clips": [_values(name, planned, jobs) for name, planned in self.clips],
            "jobs": [_job_values(render, render.key in self.kept_keys) for render in self.renders],
            "estimated_s": self.estimated_s(),
            "planning_s": round(self.seconds, 3),
            "planning_memory_bytes": self.memory_bytes,
        }

    def estimated_s(self) -> float | None:
        """Expected run time of what is still to do; None when a job's is not known."""
        left = [
            each.clips[0].estimated_s for each in self.renders if each.key not in self.kept_keys
        ]
        known = [seconds for seconds in left if seconds is not None]
        return sum(known) if len(known) == len(left) else None

    def table(self) -> str:
        """A line a clip under headings, then the refusals."""
        plans = [(name, each) for name, each in self.clips if isinstance(each, ClipPlan)]
        rows = [HEADINGS, *(_cells(name, plan) for name, plan in plans)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        refused = [
            f"not: {name}: {each}" for name, each in self.clips if isinstance(each, ViaClientError)
        ]
        return "\n".join([*lines, *refused])

    def summary(self) -> str:
        """The whole in a sentence."""
        frames = sum(render.frame_count for render in self.renders)
        kept = f", {len(self.kept_keys)} of them made already" if self.kept_keys else ""
        seconds = self.estimated_s()
        return (
            f"{len(self.clips)} clips, {len(self.renders)} jobs{kept}, {frames} frames, "
            f"{_time_text(seconds)} to render; planned in {self.seconds:.1f} s with "
            f"{self.memory_bytes >> 20} MiB"
        )

    def error(self) -> ViaClientError | None:
        """What the command ends with; None when every clip can be edited."""
        errors = [each for _, each in self.clips if isinstance(each, ViaClientError)]
        if not errors:
            return None
        if len(errors) < len(self.clips):
            return PartlyDoneError(
                f"{len(errors)} of {len(self.clips)} clips cannot be edited; the plan says why"
            )
        return ViaClientError("no clip can be edited; the plan says why", reason=errors[0].reason)


def _values(name: str, planned: Planned, jobs: dict[int, int]) -> dict[str, Any]:
    if isinstance(planned, ViaClientError):
        return ClipOutcome(name=name, error=planned).to_json()
    return {
        "name": name,
        **plan_values(planned),
        "estimated_s": planned.estimated_s,
        "estimated_memory_bytes": planned.estimated_memory_bytes,
        "job": jobs[id(planned)],
    }


def _job_values(render: Render, is_kept: bool) -> dict[str, Any]:
    return {
        "key": render.key,
        "frames": render.frame_count,
        "clips": len(render.clips),
        "look_of": render.look_of,
        "is_made_already": is_kept,
    }


def _cells(name: str, plan: ClipPlan) -> tuple[str, ...]:
    frames, record = plan.need.frames, plan.need.record_frames
    memory = plan.estimated_memory_bytes
    cells = (
        name,
        plan.media_name.name,
        f"{frames.start_frame}:{frames.end_frame_exclusive}",
        f"{record.start}:{record.stop}",
        plan.edit.instruction or "-",
        plan.model,
        _time_text(plan.estimated_s),
        f"{memory >> 20} MiB" if memory else UNKNOWN,
    )
    return tuple(_shortened(cell) for cell in cells)


def _shortened(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= CELL_WIDTH else f"{plain[: CELL_WIDTH - 1]}…"


def _time_text(seconds: float | None) -> str:
    if seconds is None:
        return UNKNOWN
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
