"""What became of each clip that asked for an edit, and of the whole batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resolve_scripts.batch.clip_plan import ClipPlan
from resolve_scripts.batch.rendering import Outcome, Queued
from resolve_scripts.errors import PartlyDoneError, ViaClientError
from resolve_scripts.timeline.clip_edit import ClipEdit
from resolve_scripts.timeline.media import named_media
from resolve_scripts.timeline.need import MediaNeed

NAME_WIDTH = 40


@dataclass(frozen=True, kw_only=True)
class ClipOutcome:
    """One clip: what was done, or why nothing was.

    Attributes:
        name: the clip and its record time.
        plan: what was to be done; None when that was not even known.
        path: the rendered file; None when there is none.
        job: name of the job that was queued and left; empty otherwise.
        record: the edit as the timeline remembers it; empty when there is none.
        error: what went wrong; None when the clip is done, or its job is queued.
        is_new: whether this batch rendered it, not an earlier one.
    """

    name: str
    plan: ClipPlan | None = None
    path: Path | None = None
    job: str = ""
    record: dict[str, Any] = field(default_factory=dict)
    error: ViaClientError | None = None
    is_new: bool = True

    @property
    def is_done(self) -> bool:
        """Whether its edit is there."""
        return self.path is not None

    @property
    def state(self) -> str:
        """One word: "done", "kept" from an earlier batch, "queued" or "not"."""
        if self.error is not None:
            return "not"
        if self.job:
            return "queued"
        return "done" if self.is_new else "kept"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        values: dict[str, Any] = {"name": self.name, "done": self.is_done}
        if self.plan is not None:
            values |= plan_values(self.plan)
        if self.error is not None:
            problem = {"reason": self.error.reason, "message": str(self.error)}
            return {**values, "error": problem}
        if self.job:
            return {**values, "job": self.job}
        return {**values, "path": str(self.path), "reused": not self.is_new, **self.record}


@dataclass(frozen=True, kw_only=True)
class BatchReport:
    """A whole batch.

    Attributes:
        timeline: the new timeline; None when no clip is done.
        clips: every clip that asked for an edit, in timeline order.
        page: the report as a page to look at; None when there is none.
        is_left: whether jobs were only to be queued.
    """

    timeline: Path | None
    clips: tuple[ClipOutcome, ...]
    page: Path | None = None
    is_left: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "timeline": str(self.timeline) if self.timeline else None,
            "page": str(self.page) if self.page else None,
            "clips_done": sum(clip.is_done for clip in self.clips),
            "clips_queued": sum(bool(clip.job) for clip in self.clips),
            "clips_asked": len(self.clips),
            "clips": [clip.to_json() for clip in self.clips],
        }

    def error(self) -> ViaClientError | None:
        """What the whole command ends with; None when every clip is done, or queued."""
        errors = [clip.error for clip in self.clips if clip.error is not None]
        if not errors:
            return None
        if len(errors) < len(self.clips):
            done, word = len(self.clips) - len(errors), "queued" if self.is_left else "done"
            table = outcome_table(self.clips)
            return PartlyDoneError(f"{done} of {len(self.clips)} clips are {word}:\n{table}")
        first = errors[0]
        same = {error.exit_code for error in errors} == {first.exit_code}
        # A clip whose media is wrong does not make the command line wrong, so 2 is not passed on.
        kind = type(first) if same and first.exit_code != 2 else ViaClientError
        return kind(f"no clip is done:\n{outcome_table(self.clips)}", reason=first.reason)


def outcome_of(name: str, plan: ClipPlan, end: Outcome) -> ClipOutcome:
    """The line of the report for a clip whose render ended so."""
    if isinstance(end, ViaClientError):
        return ClipOutcome(name=name, plan=plan, error=end)
    if isinstance(end, Queued):
        return ClipOutcome(name=name, plan=plan, job=end.job)
    notes = list(dict.fromkeys([*plan.notes, *end.record["notes"]]))
    record = {**end.record, **source_values(plan), "notes": notes}
    return ClipOutcome(name=name, plan=plan, path=end.path, record=record, is_new=end.is_new)


def outcome_table(clips: tuple[ClipOutcome, ...]) -> str:
    """A line a clip: its state, its name, its file or what is wrong."""
    width = min(NAME_WIDTH, max(len(clip.name) for clip in clips))
    return "\n".join(f"  {clip.state:<7} {clip.name:<{width}}  {_end(clip)}" for clip in clips)


def source_values(plan: ClipPlan) -> dict[str, Any]:
    """Where the pictures of an edit come from, as plain JSON values."""
    return {
        "source_clip": plan.edit.clip.name,
        "source_url": named_media(plan.edit.clip),
        "source_hash": plan.source_hash,
    }


def need_values(edit: ClipEdit, need: MediaNeed) -> dict[str, Any]:
    """Which frames an edit needs and where they are seen, as plain JSON values."""
    frames, record = need.frames, need.record_frames
    return {
        "media_frames": [frames.start_frame, frames.end_frame_exclusive],
        "media_rate": str(frames.frame_rate),
        "record_frames": [record.start, record.stop],
        "record_timecode": edit.place.timecode,
    }


def plan_values(plan: ClipPlan) -> dict[str, Any]:
    """What is to be done with a clip, as plain JSON values."""
    return {
        "instruction": plan.edit.instruction,
        "media": str(plan.media_name),
        **need_values(plan.edit, plan.need),
        "model": plan.model,
        **source_values(plan),
        "notes": list(plan.notes),
    }


def _end(clip: ClipOutcome) -> str:
    if clip.error is not None:
        return str(clip.error)
    return clip.job or (clip.path.name if clip.path else "")
