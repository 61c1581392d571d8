"""What is open in Resolve, and what this edition and version can do."""

from __future__ import annotations

from typing import Any

from resolve_scripts.in_resolve.errors import NothingOpenError
from resolve_scripts.in_resolve.open_timeline import OpenTimeline, open_timeline
from resolve_scripts.in_resolve.resolve_api import can, check_awake, edition, version
from resolve_scripts.in_resolve.via_tracks import INSERTS_TRACKS_SINCE


def describe(resolve: Any) -> dict[str, Any]:
    """The open project and timeline as the panel shows them; see messages.py.

    Raises:
        NotAnsweringError: Resolve does not answer.
    """
    check_awake(resolve)
    facts = {
        "product": resolve.GetProductName(),
        "edition": edition(resolve),
        "version": list(resolve.GetVersion() or []),
        "version_string": str(resolve.GetVersionString() or ""),
        "page": resolve.GetCurrentPage(),
    }
    try:
        opened = open_timeline(resolve)
    except NothingOpenError:
        project = resolve.GetProjectManager().GetCurrentProject()
        name = project.GetName() if project is not None else None
        return {**facts, "project": name, "timeline": None, "can": {}}
    return {**facts, **_timeline_facts(opened), "can": _abilities(opened)}


def _timeline_facts(opened: OpenTimeline) -> dict[str, Any]:
    timeline = opened.timeline
    return {
        "project": opened.project.GetName(),
        "timeline": timeline.GetName(),
        "frame_rate": str(opened.frame_rate),
        "drop_frame": opened.drop_frame,
        "start_frame": opened.start_frame,
        "end_frame_exclusive": opened.end_frame_exclusive,
        "start_timecode": opened.start_timecode,
        "playhead_frame": opened.playhead_frame(),
        "width": _number(timeline.GetSetting("timelineResolutionWidth")),
        "height": _number(timeline.GetSetting("timelineResolutionHeight")),
    }


def _abilities(opened: OpenTimeline) -> dict[str, bool]:
    timeline, project = opened.timeline, opened.project
    return {
        "selection": can(timeline, "GetSelectedClips"),
        "marks": can(timeline, "GetMarkInOut"),
        "takes": True,
        "third_party_metadata": version(opened.resolve) >= (19, 1),
        "insert_track": version(opened.resolve) >= INSERTS_TRACKS_SINCE,
        "stills": can(project, "ExportCurrentFrameAsStill"),
        "render": can(project, "AddRenderJob"),
    }


def _number(text: Any) -> int | None:
    try:
        return int(float(text))
    except (TypeError, ValueError):
        return None
