"""Resolve is left as it was found: page, bin, timeline, playhead and marks, also on error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from resolve_scripts.in_resolve.resolve_api import can, whole


@contextmanager
def on_page(resolve: Any, name: str) -> Iterator[None]:
    """Works on a page and goes back to the editor's own."""
    before = resolve.GetCurrentPage()
    if before != name:
        resolve.OpenPage(name)
    try:
        yield
    finally:
        if before and resolve.GetCurrentPage() != before:
            resolve.OpenPage(before)


@contextmanager
def in_folder(media_pool: Any, folder: Any) -> Iterator[None]:
    """Makes a bin the current one, where imports land, and goes back to the editor's own."""
    before = media_pool.GetCurrentFolder()
    media_pool.SetCurrentFolder(folder)
    try:
        yield
    finally:
        if before is not None:
            media_pool.SetCurrentFolder(before)


@contextmanager
def kept_timeline(project: Any, timeline: Any) -> Iterator[None]:
    """Leaves `timeline` the current one, whatever happens inside."""
    try:
        yield
    finally:
        project.SetCurrentTimeline(timeline)


@contextmanager
def kept_playhead(timeline: Any) -> Iterator[None]:
    """Leaves the playhead where it is."""
    before = timeline.GetCurrentTimecode()
    try:
        yield
    finally:
        if before:
            timeline.SetCurrentTimecode(before)


@contextmanager
def kept_marks(timeline: Any) -> Iterator[None]:
    """Leaves the in and out marks as they are, on builds that show them to scripts."""
    if not can(timeline, "GetMarkInOut"):
        yield
        return
    before = timeline.GetMarkInOut() or {}
    try:
        yield
    finally:
        if (timeline.GetMarkInOut() or {}) != before:
            timeline.ClearMarkInOut("all")
            for kind, marks in before.items():
                if marks:
                    _set_marks(timeline, marks, kind)


def _set_marks(timeline: Any, marks: dict[str, Any], kind: str) -> None:
    """Sets marks again; in place of one that was not set, the timeline's end says the same."""
    out = marks.get("out")
    if out is None:
        end = whole(timeline.GetEndFrame(), "where the timeline ends")
        out = end - whole(timeline.GetStartFrame(), "where the timeline starts") - 1
    timeline.SetMarkInOut(round(marks.get("in", 0)), round(out), kind)
