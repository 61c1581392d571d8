"""The clips to edit, as the panel shows them."""

from __future__ import annotations

from typing import Any

from resolve_scripts.in_resolve.clips import Clip, Media, all_clips, media_frames, media_of
from resolve_scripts.in_resolve.errors import BridgeError
from resolve_scripts.in_resolve.find import (
    Found,
    clips_by,
    instruction_on,
    instructions_on_timeline,
)
from resolve_scripts.in_resolve.open_timeline import OpenTimeline, open_timeline
from resolve_scripts.in_resolve.routes import check_editable, is_retimed, route_of
from resolve_scripts.in_resolve.via_tracks import Version, all_versions, track_name, versions_of


def list_clips(resolve: Any, *, by: str, color: str | None) -> dict[str, Any]:
    """The clips to edit as the panel shows them; see messages.py.

    Raises:
        BridgeError: Resolve does not answer, nothing is open, or it cannot find clips that way.
    """
    opened = open_timeline(resolve)
    by, found = clips_by(opened, by=by, color=color)
    versions, instructions = all_versions(opened), instructions_on_timeline(opened)
    names = {index: track_name(opened, index) for index in opened.tracks()}
    known_ids = {clip.id for clip in all_clips(opened)}
    shown = []
    for one in found:
        shown.append(
            {
                **_place_shown(opened, one, names[one.clip.track_index]),
                **_media_shown(opened, one),
                "instruction": _instruction(one, instructions),
                "takes": round(one.clip.item.GetTakesCount() or 0),
                "versions": [_version(each) for each in versions_of(one.clip, versions, known_ids)],
            }
        )
    return {"by": by, "clips": shown}


def _instruction(one: Found, on_timeline: dict[int, str]) -> str | None:
    """Text of the clip's own marker, else of one on the timeline over it."""
    start, end = one.clip.place
    above = (text for frame, text in on_timeline.items() if start <= frame < end)
    return instruction_on(one.clip) or next(above, None)


def _place_shown(opened: OpenTimeline, one: Found, track: str) -> dict[str, Any]:
    clip = one.clip
    return {
        "id": clip.id,
        "name": clip.name,
        "track_index": clip.track_index,
        "track_name": track,
        "start_frame": clip.start_frame,
        "end_frame_exclusive": clip.end_frame_exclusive,
        "anchor_frame": clip.anchor_frame,
        "frame_range": list(one.frame_range),
        "start_timecode": opened.timecode_at(one.frame_range[0]),
    }


def _media_shown(opened: OpenTimeline, one: Found) -> dict[str, Any]:
    clip, media = one.clip, media_of(one.clip)
    frames = None
    if not is_retimed(clip, media, opened.frame_rate):
        frames = media_frames(clip, media, one.frame_range, opened.frame_rate)
    route = route_of(clip, media, opened.frame_rate) if clip.pool_item is not None else None
    return {
        "media_path": media.path,
        "media_frame_range": None if frames is None else list(frames),
        "media_frame_rate": None if media.frame_rate is None else str(media.frame_rate),
        "route": None if route is None else route.way,
        "route_reason": None if route is None else route.why,
        "refusal": _refusal(clip, media),
    }


def _refusal(clip: Clip, media: Media) -> dict[str, str] | None:
    try:
        check_editable(clip, media)
    except BridgeError as error:
        return error.to_json()
    return None


def _version(version: Version) -> dict[str, Any]:
    return {
        "job": version.tags.job,
        "instruction": version.tags.instruction,
        "seed": version.tags.seed,
        "version": version.tags.version,
        "item_id": version.clip.id,
        "take_index": version.take_index,
        "is_shown": version.is_shown,
    }
