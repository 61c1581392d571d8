"""The Deliver page's settings: what a render of Via needs, and the editor's own put back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resolve_scripts.in_resolve.coordinates import render_marks
from resolve_scripts.in_resolve.errors import ExportError
from resolve_scripts.in_resolve.resolve_api import OPEN_DIALOG_STEP, can, whole

KNOWN_PRESETS = ("ProRes 422 HQ", "H.264 Master", "YouTube - 1080p", "YouTube 1080p")
# With a name of its own each time: one that a crash left behind would refuse the next.
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


@contextmanager
def kept_render_settings(project: Any) -> Iterator[None]:
    """Puts format, codec and mode back, and, where a preset can keep them, all other settings."""
    mode = project.GetCurrentRenderMode()
    before = project.GetCurrentRenderFormatAndCodec() or {}
    name = f"{KEPT_PRESET} {uuid.uuid4().hex[:6]}"
    is_kept = can(project, "DeleteRenderPreset") and project.SaveAsNewRenderPreset(name)
    try:
        yield
    finally:
        if is_kept:
            project.LoadRenderPreset(name)
            project.DeleteRenderPreset(name)
        if before.get("format") and before.get("codec"):
            project.SetCurrentRenderFormatAndCodec(before["format"], before["codec"])
        if mode is not None:
            project.SetCurrentRenderMode(mode)


def set_up(
    project: Any, timeline: Any, frame_range: tuple[int, int], folder: Path, name: str
) -> None:
    """Every setting that matters, on top of a preset whose contents are known."""
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
