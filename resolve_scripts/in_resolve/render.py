"""Out of Resolve by its Deliver page: one clip's range as a movie file, all settings put back."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resolve_scripts.in_resolve.clips import Clip, clips_on
from resolve_scripts.in_resolve.coordinates import render_marks
from resolve_scripts.in_resolve.errors import ExportError
from resolve_scripts.in_resolve.movie_frames import movie_frames
from resolve_scripts.in_resolve.resolve_api import (
    OPEN_DIALOG_STEP,
    OpenTimeline,
    can,
    kept_marks,
    kept_playhead,
    kept_timeline,
    on_page,
    whole,
)

KNOWN_PRESETS = ("ProRes 422 HQ", "H.264 Master", "YouTube - 1080p", "YouTube 1080p")
KEPT_PRESET = "VIA keeps your Deliver settings"
# Format and beginnings of codec ids, best first; ids stay the same in every language and version.
CODECS = (
    ("mov", "ProRes422HQ"),
    ("mov", "DNxHRHQX"),
    ("mov", "DNxHR"),
    ("mov", "ProRes"),
    ("mp4", "H264"),
    ("mov", "H264"),
)
SINGLE_CLIP_MODE = 1
SUFFIX_STYLE = 1
POLL_S = 0.2
# A whole render may take long; no sign of progress for so long means that it hangs.
STUCK_S = 600.0


@dataclass(frozen=True)
class Watch:
    """How a long call waits.

    Attributes:
        sleep: waits for seconds.
        tell: takes the percentage done.
        is_cancelled: whether the editor wants it no longer.
    """

    sleep: Callable[[float], None]
    tell: Callable[[int], None]
    is_cancelled: Callable[[], bool]


def render_range(
    opened: OpenTimeline, clip: Clip, frame_range: tuple[int, int], folder: Path, watch: Watch
) -> Path:
    """Renders what a clip alone shows in a range of its frames; page and settings are put back.

    Raises:
        ExportError: Resolve would not render, or the file is not what was asked for.
    """
    name = f"via_{uuid.uuid4().hex[:12]}"
    with kept_timeline(opened.project, opened.timeline), _alone(opened, clip) as timeline:
        opened.project.SetCurrentTimeline(timeline)
        with ExitStack() as kept:
            kept.enter_context(kept_playhead(timeline))
            kept.enter_context(kept_marks(timeline))
            kept.enter_context(on_page(opened.resolve, "deliver"))
            kept.enter_context(_kept_render_settings(opened.project))
            _set_up(opened, timeline, frame_range, folder, name)
            _run_job(opened.project, watch)
    return _checked_file(folder, name, frame_range)


@contextmanager
def _alone(opened: OpenTimeline, clip: Clip) -> Iterator[Any]:
    """A timeline that shows this clip's track only: the editor's with the others switched off.

    Some builds only say that they switch tracks off; there it is a copy without the others' clips.
    """
    timeline = opened.timeline
    others = [
        index
        for index in opened.tracks()
        if index != clip.track_index and timeline.GetIsTrackEnabled("video", index)
    ]
    try:
        with on_page(opened.resolve, "edit"):
            for index in others:
                timeline.SetTrackEnable("video", index, False)
        if not any(timeline.GetIsTrackEnabled("video", index) for index in others):
            yield timeline
            return
    finally:
        with on_page(opened.resolve, "edit"):
            for index in others:
                timeline.SetTrackEnable("video", index, True)
    with _copy_without(opened, others) as copy:
        yield copy


@contextmanager
def _copy_without(opened: OpenTimeline, others: list[int]) -> Iterator[Any]:
    copy = opened.timeline.DuplicateTimeline(f"VIA render {uuid.uuid4().hex[:6]}")
    if not copy:
        raise ExportError(
            "Resolve can neither switch tracks off nor copy the timeline",
            next_step="switch the other video tracks off yourself, then try again",
            reason="CLIP_NOT_ISOLATED",
        )
    try:
        copied = OpenTimeline(**{**opened.__dict__, "timeline": copy})
        opened.project.SetCurrentTimeline(copy)
        with on_page(opened.resolve, "edit"):
            items = [one.item for index in others for one in clips_on(copied, index)]
            if items:
                copy.DeleteClips(items)
        yield copy
    finally:
        opened.project.SetCurrentTimeline(opened.timeline)
        opened.media_pool.DeleteTimelines([copy])


@contextmanager
def _kept_render_settings(project: Any) -> Iterator[None]:
    """Puts format, codec and mode back, and, where a preset can keep them, all other settings."""
    mode = project.GetCurrentRenderMode()
    before = project.GetCurrentRenderFormatAndCodec() or {}
    is_kept = can(project, "DeleteRenderPreset") and project.SaveAsNewRenderPreset(KEPT_PRESET)
    try:
        yield
    finally:
        if is_kept:
            project.LoadRenderPreset(KEPT_PRESET)
            project.DeleteRenderPreset(KEPT_PRESET)
        if before.get("format") and before.get("codec"):
            project.SetCurrentRenderFormatAndCodec(before["format"], before["codec"])
        if mode is not None:
            project.SetCurrentRenderMode(mode)


def _set_up(
    opened: OpenTimeline, timeline: Any, frame_range: tuple[int, int], folder: Path, name: str
) -> None:
    """Every setting that matters, on top of a preset whose contents are known."""
    project = opened.project
    _load_known_preset(project)
    codec = _choose_codec(project)
    mark_in, mark_out = render_marks(frame_range)
    settings = {
        "SelectAllFrames": False,
        "MarkIn": mark_in,
        "MarkOut": mark_out,
        "TargetDir": str(folder),
        "CustomName": name,
        "UniqueFilenameStyle": SUFFIX_STYLE,
        "ExportVideo": True,
        "ExportAudio": False,
        **_size(timeline, codec),
    }
    is_set = project.SetCurrentRenderMode(SINGLE_CLIP_MODE)
    if not is_set or not project.SetRenderSettings(settings):
        raise ExportError(
            "Resolve did not accept Via's render settings",
            next_step=OPEN_DIALOG_STEP,
            reason="RENDER_SETTINGS_REFUSED",
        )


def _load_known_preset(project: Any) -> None:
    """Settings merge onto the last preset: after "Audio Only" there would be no picture."""
    listed = project.GetRenderPresetList() or []
    names = [one.get("PresetName") if isinstance(one, dict) else one for one in listed]
    for preset in KNOWN_PRESETS:
        if preset in names and project.LoadRenderPreset(preset):
            return


def _choose_codec(project: Any) -> str:
    """Sets the best format and codec that this machine has; asking for codecs wakes Deliver up."""
    for container, beginning in CODECS:
        ids = (project.GetRenderCodecs(container) or {}).values()
        for codec in sorted(str(one) for one in ids if str(one).startswith(beginning)):
            if project.SetCurrentRenderFormatAndCodec(container, codec):
                return codec
    raise ExportError(
        "Resolve offers none of the codecs Via can use (ProRes, DNxHR, H.264)",
        next_step="open the Deliver page once, look whether QuickTime is offered, then try again",
        reason="RENDER_CODEC_MISSING",
    )


def _size(timeline: Any, codec: str) -> dict[str, int]:
    """The timeline's own size; H.264 takes even numbers only."""
    width = whole(timeline.GetSetting("timelineResolutionWidth"), "the timeline's width")
    height = whole(timeline.GetSetting("timelineResolutionHeight"), "the timeline's height")
    if codec.startswith("H26"):
        width, height = width - width % 2, height - height % 2
    return {"FormatWidth": width, "FormatHeight": height}


def _run_job(project: Any, watch: Watch) -> None:
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
        _wait(project, job, watch)
    finally:
        project.DeleteRenderJob(job)


def _wait(project: Any, job: str, watch: Watch) -> None:
    """Until the job ends; its status word is translated, so error and percentage decide."""
    percent, quiet_s = -1, 0.0
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
        if now >= 100 or not is_running:
            return
        if watch.is_cancelled():
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
            watch.tell(now)
        percent = now
        watch.sleep(POLL_S)


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
