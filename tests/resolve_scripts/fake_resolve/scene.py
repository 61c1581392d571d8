"""What is open in the fake Resolve, and how this build behaves: plain values, also as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

EDITIONS = {"free": "DaVinci Resolve", "studio": "DaVinci Resolve Studio"}


@dataclass(frozen=True, kw_only=True)
class ClipAt:
    """A clip of the scene's timeline.

    Attributes:
        media: path of its file; None for a title or a compound clip.
        start: timeline frames from the timeline's start.
        frame_count: its length on the timeline; None for as long as the media gives.
        source_start: first media picture shown.
        track: video track from 1; tracks are made as needed.
        kind: "clip", "title", "compound", "fusion", "transition" or "sequence".
        speed: 2.0 is twice as fast.
        markers: frame (in media offsets) -> name.
        properties: picture properties that differ from plain, such as ZoomX.
        media_rate, media_frames, media_timecode: facts of the media where no real file is probed.
    """

    media: str | None = None
    start: int = 0
    frame_count: int | None = None
    source_start: int = 0
    track: int = 1
    kind: str = "clip"
    name: str | None = None
    speed: float = 1.0
    color: str = ""
    markers: dict[str, str] = field(default_factory=dict)
    properties: dict[str, float] = field(default_factory=dict)
    is_selected: bool = False
    is_enabled: bool = True
    is_graded: bool = False
    has_fusion_comp: bool = False
    media_rate: str | None = None
    media_frames: int | None = None
    media_timecode: str | None = None


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A project with one timeline, in one edition and version of Resolve.

    Attributes:
        version: (major, minor, patch, build).
        frame_rate: as Resolve's settings say it, "23.976", "29.97".
        marks: in and out, relative to the start, out inclusive; None when not set.
        playhead: timeline frames from the start.
        locked_tracks, disabled_tracks: video tracks.
        rate_setting: "text", "float", or "floored" (older Lua: "23" for 23.976).
        start_counts_dropped: whether GetStartFrame leaves dropped numbers out (never measured).
        track_enable_lies: SetTrackEnable says True and does nothing (21.0.4.5).
        render_naming: "plain", "suffix" or "subfolder".
        render_error: what a render fails with.
        render_loses: pictures the render is short of.
        media_size: pictures rendered without a readable file have this size.
    """

    version: tuple[int, ...] = (21, 0, 4, 5)
    edition: str = "studio"
    language: str = "en"
    project: str = "Fake project"
    timeline: str | None = "Timeline 1"
    frame_rate: str = "24"
    drop_frame: bool = False
    start_timecode: str = "01:00:00:00"
    width: int = 320
    height: int = 180
    track_names: tuple[str, ...] = ("Video 1",)
    clips: tuple[ClipAt, ...] = ()
    marks: tuple[int, int] | None = None
    timeline_markers: dict[str, str] = field(default_factory=dict)
    playhead: int = 0
    locked_tracks: tuple[int, ...] = ()
    disabled_tracks: tuple[int, ...] = ()
    page: str = "edit"
    rate_setting: str = "text"
    start_counts_dropped: bool = True
    track_enable_lies: bool = False
    render_naming: str = "plain"
    render_error: str = ""
    render_loses: int = 0
    last_preset: str = "H.264 Master"
    codecs: tuple[str, ...] = ("ProRes422HQ", "H264", "DNxHRHQX", "ProRes422")

    def to_json(self) -> str:
        """JSON text."""
        return json.dumps(asdict(self))


def scene_from_json(text: str) -> Scene:
    """A scene from its JSON text."""
    values: dict[str, Any] = json.loads(text)
    values["clips"] = tuple(ClipAt(**clip) for clip in values.get("clips", ()))
    for name in (
        "version",
        "track_names",
        "locked_tracks",
        "disabled_tracks",
        "codecs",
    ):
        if name in values:
            values[name] = tuple(values[name])
    if values.get("marks"):
        values["marks"] = tuple(values["marks"])
    return Scene(**values)


def read_scene(path: Path) -> Scene:
    """A scene from a file."""
    return scene_from_json(path.read_text(encoding="utf-8"))
