"""A timeline that shows one clip's track only, for the length of a render."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from resolve_scripts.in_resolve.clips import Clip, clips_on, delete_clips, is_enabled
from resolve_scripts.in_resolve.errors import ExportError
from resolve_scripts.in_resolve.left_as_found import on_page
from resolve_scripts.in_resolve.open_timeline import OpenTimeline


@contextmanager
def alone(opened: OpenTimeline, clip: Clip) -> Iterator[Any]:
    """A timeline that shows this clip's track only: the editor's with the others switched off.

    Some builds only say that they switch tracks off; there it is a copy without the others' clips.
    A clip or track that is switched off is switched on meanwhile.
    """
    with _switched_on(opened, clip), _others_off(opened, clip) as timeline:
        yield timeline


@contextmanager
def _switched_on(opened: OpenTimeline, clip: Clip) -> Iterator[None]:
    timeline, index = opened.timeline, clip.track_index
    wakes_track = not timeline.GetIsTrackEnabled("video", index)
    wakes_clip = not is_enabled(clip)
    if not wakes_track and not wakes_clip:
        yield
        return
    try:
        with on_page(opened.resolve, "edit"):
            if wakes_track:
                timeline.SetTrackEnable("video", index, True)
            if wakes_clip:
                clip.item.SetClipEnabled(True)
        if not timeline.GetIsTrackEnabled("video", index) or not is_enabled(clip):
            raise ExportError(
                f"{clip.name or 'the clip'} is switched off, and Resolve does not switch it on",
                next_step="enable the clip and its track yourself, then try again",
                reason="CLIP_SWITCHED_OFF",
            )
        yield
    finally:
        with on_page(opened.resolve, "edit"):
            if wakes_clip:
                clip.item.SetClipEnabled(False)
            if wakes_track:
                timeline.SetTrackEnable("video", index, False)


@contextmanager
def _others_off(opened: OpenTimeline, clip: Clip) -> Iterator[Any]:
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
        copied = replace(opened, timeline=copy)
        opened.project.SetCurrentTimeline(copy)
        with on_page(opened.resolve, "edit"):
            delete_clips(copy, [one for index in others for one in clips_on(copied, index)])
        yield copy
    finally:
        opened.project.SetCurrentTimeline(opened.timeline)
        opened.media_pool.DeleteTimelines([copy])
