"""Out of Resolve by its Deliver page: one clip's range as a movie file, all settings put back."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from resolve_scripts.in_resolve.clips import Clip
from resolve_scripts.in_resolve.deliver import kept_render_settings, set_up
from resolve_scripts.in_resolve.errors import ExportError
from resolve_scripts.in_resolve.host import Host
from resolve_scripts.in_resolve.isolate import alone
from resolve_scripts.in_resolve.left_as_found import (
    kept_marks,
    kept_playhead,
    kept_timeline,
    on_page,
)
from resolve_scripts.in_resolve.movie_frames import movie_frames
from resolve_scripts.in_resolve.open_timeline import OpenTimeline
from resolve_scripts.in_resolve.resolve_api import OPEN_DIALOG_STEP

POLL_S = 0.2
# Right after the start Resolve may not say yet that it renders.
ENDED_S = 3.0
# A whole render may take long; no sign of progress for so long means that it hangs.
STUCK_S = 600.0


def render_range(
    opened: OpenTimeline, clip: Clip, frame_range: tuple[int, int], folder: Path, host: Host
) -> Path:
    """Renders what a clip alone shows in a range of its frames; page and settings are put back.

    Raises:
        ExportError: Resolve would not render, or the file is not what was asked for.
    """
    name = f"via_{uuid.uuid4().hex[:12]}"
    with kept_timeline(opened.project, opened.timeline), alone(opened, clip) as timeline:
        opened.project.SetCurrentTimeline(timeline)
        with ExitStack() as kept:
            kept.enter_context(kept_playhead(timeline))
            kept.enter_context(kept_marks(timeline))
            kept.enter_context(on_page(opened.resolve, "deliver"))
            kept.enter_context(kept_render_settings(opened.project))
            set_up(opened.project, timeline, frame_range, folder, name)
            _run_job(opened.project, host)
    return _checked_file(folder, name, frame_range)


def _run_job(project: Any, host: Host) -> None:
    job = project.AddRenderJob()
    if not job:
        raise ExportError(
            "Resolve did not add the render job",
            next_step=OPEN_DIALOG_STEP,
            reason="RENDER_REFUSED",
        )
    try:
        if not project.StartRendering([job], False):
            raise ExportError(
                "Resolve did not start rendering",
                next_step="wait until other renders are done, then try again",
                reason="RENDER_REFUSED",
            )
        _wait(project, job, host)
    finally:
        project.DeleteRenderJob(job)


def _wait(project: Any, job: str, host: Host) -> None:
    """Until the job ends; its status word is translated, so error and percentage decide."""
    percent, quiet_s, ended_s = -1, 0.0, 0.0
    while True:
        is_running = project.IsRenderingInProgress()
        status = project.GetRenderJobStatus(job) or {}
        now = round(float(status.get("CompletionPercentage") or 0))
        if status.get("Error"):
            raise ExportError(
                f"Resolve could not render the clip: {status['Error']}",
                next_step="render the range once on the Deliver page to see the same error",
                reason="RENDER_FAILED",
            )
        ended_s = 0.0 if is_running else ended_s + POLL_S
        if not is_running and (now >= 100 or ended_s > ENDED_S):
            return
        if host.is_cancelled():
            project.StopRendering()
            raise ExportError(
                "the export was cancelled", next_step="start it again", reason="CANCELLED"
            )
        quiet_s = 0.0 if now != percent else quiet_s + POLL_S
        if quiet_s > STUCK_S:
            project.StopRendering()
            raise ExportError(
                f"the render stands at {now} % for {STUCK_S / 60:.0f} minutes",
                next_step="look at the Deliver page, then try again",
                reason="RENDER_STUCK",
            )
        if now != percent:
            host.tell(now)
        percent = now
        host.sleep(POLL_S)


def _checked_file(folder: Path, name: str, frame_range: tuple[int, int]) -> Path:
    """The rendered file, found wherever Resolve put it, with as many pictures as asked for."""
    found = sorted(path for path in folder.rglob(f"{name}*") if path.is_file())
    wanted = frame_range[1] - frame_range[0]
    for path in found:
        frames = movie_frames(path)
        if frames is not None and frames.frame_count == wanted:
            return path
    counts = [movie_frames(path) for path in found]
    told = ", ".join(str(one.frame_count) if one else "no" for one in counts) or "no file, no"
    raise ExportError(
        f"Resolve rendered {told} pictures instead of {wanted}",
        next_step="try again; if it stays so, render the range yourself and use that file",
        reason="RENDER_INCOMPLETE",
    )
