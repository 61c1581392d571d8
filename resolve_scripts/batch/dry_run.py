"""The plan of a batch, for people and for programs; nothing is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from resolve_scripts.batch.clip_plan import ClipPlan, Planned
from resolve_scripts.batch.found_clip import Refused
from resolve_scripts.batch.outcomes import need_values, plan_values
from resolve_scripts.batch.renders import Render
from resolve_scripts.errors import PartlyDoneError, ViaClientError
from resolve_scripts.timeline.media import named_media
from resolve_scripts.timeline.need import MediaNeed, needed_media

HEADINGS = (
    "clip",
    "media",
    "media frames",
    "record frames",
    "instruction",
    "model",
    "time",
    "memory",
    "state",
)
CELL_WIDTH = 36
UNKNOWN = "?"
ABOUT = "~"
MEBIBYTE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """What a batch would do.

    Attributes:
        clips: every clip that asks for an edit, by its name, with its plan or why it has none.
        renders: the jobs it would need.
        kept_keys: those of them that an earlier batch has made.
        handles: record frames beyond each end of a clip.
        seconds: time the planning took.
        memory_bytes: memory this program holds after it.
    """

    clips: tuple[tuple[str, Planned], ...]
    renders: tuple[Render, ...]
    kept_keys: frozenset[str]
    handles: int
    seconds: float
    memory_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; times and memory that nobody knows are null."""
        keys = self._keys()
        return {
            "clips": [self._values(name, planned, keys) for name, planned in self.clips],
            "jobs": [self._job_values(render) for render in self.renders],
            "estimated_s": self.estimated_s(),
            "planning_s": round(self.seconds, 3),
            "planning_memory_bytes": self.memory_bytes,
        }

    def estimated_s(self) -> float | None:
        """Expected run time of what is still to do; None when a job's is not known."""
        left = [each for each in self.renders if each.key not in self.kept_keys]
        known = [each.clips[0].estimated_s for each in left]
        seconds = [one for one in known if one is not None]
        return sum(seconds) if len(seconds) == len(known) else None

    def _is_measured(self) -> bool:
        left = (each for each in self.renders if each.key not in self.kept_keys)
        return all(each.clips[0].is_measured for each in left)

    def table(self) -> str:
        """A line a clip, under headings."""
        keys = self._keys()
        rows = [HEADINGS, *(self._cells(name, planned, keys) for name, planned in self.clips)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def summary(self) -> str:
        """The whole in a sentence."""
        frames = sum(render.frame_count for render in self.renders)
        kept = f", {len(self.kept_keys)} of them made already" if self.kept_keys else ""
        seconds = self.estimated_s()
        to_do = "time to render not known before the server has run the model once"
        if seconds is not None:
            to_do = f"{_time_text(seconds)} to render"
            if not self._is_measured():
                to_do = f"{ABOUT}{to_do} (estimated, not yet measured here)"
        return (
            f"{len(self.clips)} clips, {len(self.renders)} jobs{kept}, {frames} frames, {to_do}; "
            f"planned in {self.seconds:.1f} s with {self.memory_bytes // MEBIBYTE} MiB"
        )

    def error(self) -> ViaClientError | None:
        """What the command ends with; None when every clip can be edited."""
        refused = [each for _, each in self.clips if isinstance(each, Refused)]
        if not refused:
            return None
        if len(refused) < len(self.clips):
            return PartlyDoneError(
                f"{len(refused)} of {len(self.clips)} clips cannot be edited as they are"
            )
        return ViaClientError("no clip can be edited as they are", reason=refused[0].error.reason)

    def _keys(self) -> dict[ClipPlan, str]:
        return {plan: each.key for each in self.renders for plan in each.clips}

    def _need(self, refused: Refused) -> MediaNeed | None:
        """The frames that would be needed, as far as the timeline alone tells."""
        if refused.edit is None:
            return None
        try:
            return needed_media(refused.edit, handles=self.handles)
        except ViaClientError:
            return None

    def _values(self, name: str, planned: Planned, keys: dict[ClipPlan, str]) -> dict[str, Any]:
        if isinstance(planned, ClipPlan):
            return {
                "name": name,
                **plan_values(planned),
                "estimated_s": planned.estimated_s,
                "estimated_memory_bytes": planned.estimated_memory_bytes,
                "is_measured": planned.is_measured,
                "job": keys[planned],
            }
        error, need, edit = planned.error, self._need(planned), planned.edit
        values = {} if edit is None else {"instruction": edit.instruction}
        if edit is not None and need is not None:
            values |= {"media": named_media(edit.clip), **need_values(edit, need)}
        return {"name": name, **values, "error": {"reason": error.reason, "message": str(error)}}

    def _job_values(self, render: Render) -> dict[str, Any]:
        return {
            "key": render.key,
            "frames": render.frame_count,
            "clips": len(render.clips),
            "look_of": render.look_of,
            "is_made_already": render.key in self.kept_keys,
        }

    def _cells(self, name: str, planned: Planned, keys: dict[ClipPlan, str]) -> tuple[str, ...]:
        if isinstance(planned, Refused):
            return self._refused_cells(name, planned)
        memory, about = planned.estimated_memory_bytes, "" if planned.is_measured else ABOUT
        return _cut_short(
            name,
            planned.media_name.name,
            *_frame_cells(planned.need),
            planned.edit.instruction or "-",
            planned.model,
            UNKNOWN if planned.estimated_s is None else about + _time_text(planned.estimated_s),
            f"{about}{memory // MEBIBYTE} MiB" if memory else UNKNOWN,
            "made already" if keys[planned] in self.kept_keys else "to do",
        )

    def _refused_cells(self, name: str, refused: Refused) -> tuple[str, ...]:
        media, instruction = "", "-"
        if refused.edit is not None:
            media = PurePath(named_media(refused.edit.clip).replace("\\", "/")).name
            instruction = refused.edit.instruction or "-"
        frames = _frame_cells(self._need(refused))
        return _cut_short(name, media, *frames, instruction, "", "", "", refused.error.reason)


def _frame_cells(need: MediaNeed | None) -> tuple[str, str]:
    if need is None:
        return UNKNOWN, UNKNOWN
    frames, record = need.frames, need.record_frames
    media = f"{frames.start_frame}:{frames.end_frame_exclusive}"
    return media, f"{record.start}:{record.stop}"


def _cut_short(*cells: str) -> tuple[str, ...]:
    """Cells of one line each; of a long one both ends are kept, where names and times differ."""
    plain = (" ".join(cell.split()) for cell in cells)
    head = CELL_WIDTH // 2
    tail = CELL_WIDTH - head - 1
    return tuple(
        cell if len(cell) <= CELL_WIDTH else f"{cell[:head]}…{cell[-tail:]}" for cell in plain
    )


def _time_text(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
