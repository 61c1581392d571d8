"""What became of each clip that asked for an edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import opentimelineio as otio

from resolve_scripts.errors import PartlyDoneError, ViaClientError
from resolve_scripts.timeline.clip_edit import ClipEdit
from resolve_scripts.timeline.via_clip import PlacedEdit


@dataclass(frozen=True, kw_only=True)
class ClipOutcome:
    """One clip: the edit as the timeline remembers it, or why there is none.

    Attributes:
        name: the clip and its record time.
        path: the rendered file; None when there is none.
        record: `PlacedEdit.record`; empty when there is none.
        error: what went wrong; None when the clip is done.
    """

    name: str
    path: Path | None
    record: dict[str, Any]
    error: ViaClientError | None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        if self.error is not None:
            problem = {"reason": self.error.reason, "message": str(self.error)}
            return {"name": self.name, "done": False, "error": problem}
        return {"name": self.name, "done": True, "path": str(self.path), **self.record}


@dataclass(frozen=True, kw_only=True)
class BatchReport:
    """The new timeline, None when no clip is done, and every clip that asked for an edit."""

    timeline: Path | None
    clips: tuple[ClipOutcome, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "timeline": str(self.timeline) if self.timeline else None,
            "clips_done": sum(clip.error is None for clip in self.clips),
            "clips_asked": len(self.clips),
            "clips": [clip.to_json() for clip in self.clips],
        }

    def error(self) -> ViaClientError | None:
        """What the whole command ends with; None when every clip is done."""
        errors = [clip.error for clip in self.clips if clip.error is not None]
        if not errors:
            return None
        listed = "".join(f"\n  {clip.name}: {clip.error}" for clip in self.clips if clip.error)
        if len(errors) < len(self.clips):
            done = len(self.clips) - len(errors)
            return PartlyDoneError(f"{done} of {len(self.clips)} clips are done; not:{listed}")
        first = errors[0]
        same = {error.exit_code for error in errors} == {first.exit_code}
        # A clip whose media is wrong does not make the command line wrong, so 2 is not passed on.
        kind = type(first) if same and first.exit_code != 2 else ViaClientError
        return kind(f"no clip is done:{listed}", reason=first.reason)


def clip_outcome(name: str, result: PlacedEdit | ViaClientError) -> ClipOutcome:
    """The line of the report for a clip."""
    if isinstance(result, PlacedEdit):
        return ClipOutcome(name=name, path=result.rendered, record=result.record, error=None)
    return ClipOutcome(name=name, path=None, record={}, error=result)


def place_notes(edit: ClipEdit) -> tuple[str, ...]:
    """What the place of a clip means for its edit, a sentence each."""
    clip = edit.clip
    neighbours = clip.parent().neighbors_of(clip)
    notes = []
    if any(isinstance(one, otio.schema.Transition) for one in neighbours):
        notes.append(
            "beside a transition: the edit covers the clip's own range, without the transition's "
            "overlap"
        )
    if _is_covered(edit):
        notes.append("lies under another video track, which the edit now covers")
    return tuple(notes)


def _is_covered(edit: ClipEdit) -> bool:
    """Whether a clip of a higher video track overlaps this one in time."""
    track = edit.clip.parent()
    stack = track.parent()
    here = track.transformed_time_range(track.range_of_child(edit.clip), stack)
    above = stack[edit.track_index + 1 :]
    video: Sequence[otio.schema.Track] = [
        one
        for one in above
        if isinstance(one, otio.schema.Track) and one.kind == otio.schema.TrackKind.Video
    ]
    return any(
        isinstance(child, otio.schema.Clip)
        for one in video
        for child in one.children_in_range(stack.transformed_time_range(here, one))
    )
