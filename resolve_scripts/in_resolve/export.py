"""Out of Resolve: the file and the pictures in it that show a clip."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from resolve_scripts.in_resolve.clips import (
    Clip,
    Media,
    find_clip,
    media_frames,
    media_of,
    range_now,
)
from resolve_scripts.in_resolve.coordinates import overlap
from resolve_scripts.in_resolve.errors import ClipRefusedError, ExportError
from resolve_scripts.in_resolve.host import Host
from resolve_scripts.in_resolve.left_as_found import kept_playhead, on_page
from resolve_scripts.in_resolve.open_timeline import OpenTimeline, open_timeline
from resolve_scripts.in_resolve.render import render_range
from resolve_scripts.in_resolve.resolve_api import ask
from resolve_scripts.in_resolve.routes import check_editable, is_retimed, route_of

LOOK_AGAIN_STEP = "let Via look for clips again, then edit the clip as it is now"
ROUTES = ("auto", "media", "render")
PAGES_WITH_PLAYHEAD = ("cut", "edit", "color", "fairlight", "deliver")


def export_clip(
    resolve: Any,
    *,
    clip_id: str,
    folder: Path,
    frame_range: tuple[int, int] | None,
    anchor_frame: int | None,
    handles_frames: int,
    route: str,
    host: Host,
) -> dict[str, Any]:
    """Where the pictures of a clip are to be read; see messages.py.

    Raises:
        BridgeError: the clip cannot be edited, or its pictures do not come out.
    """
    opened = open_timeline(resolve)
    clip = find_clip(opened, clip_id)
    media = media_of(clip)
    check_editable(clip, media)
    if frame_range is not None and anchor_frame is not None:
        frame_range = range_now(clip, frame_range, anchor_frame, next_step=LOOK_AGAIN_STEP)
    wanted = _with_handles(clip, frame_range, handles_frames)
    way = route_of(clip, media, opened.frame_rate).way if route == "auto" else route
    if way == "media":
        return _from_media(opened, clip, media, wanted)
    _check_folder(folder)
    # Handles lie outside the cut: the timeline shows the neighbours there.
    shown = overlap(wanted, clip.place) or clip.place
    path = render_range(opened, clip, shown, folder, host)
    return {
        "route": "render",
        "path": str(path),
        "file_start_frame": 0,
        "frame_count": shown[1] - shown[0],
        "first_frame": shown[0],
        "frame_rate": str(opened.frame_rate),
    }


def export_still(resolve: Any, *, frame: int, folder: Path) -> dict[str, Any]:
    """A picture of what the viewer shows at an absolute frame.

    Raises:
        BridgeError: Resolve makes none.
    """
    opened = open_timeline(resolve)
    _check_folder(folder)
    path = folder / f"via_still_{frame}_{uuid.uuid4().hex[:8]}.png"
    page = resolve.GetCurrentPage()
    seen_on = page if page in PAGES_WITH_PLAYHEAD else "edit"
    with on_page(resolve, seen_on), kept_playhead(opened.timeline):
        opened.move_playhead(frame)
        ask(opened.project, "ExportCurrentFrameAsStill", str(path))
    if not path.is_file():
        raise ExportError(
            f"Resolve made no picture of frame {frame}",
            next_step="open the Edit page, then try again",
            reason="STILL_FAILED",
        )
    return {"path": str(path)}


def _with_handles(
    clip: Clip, frame_range: tuple[int, int] | None, handles_frames: int
) -> tuple[int, int]:
    """The range with its handles, as far as there is media for them.

    Raises:
        ClipRefusedError: the range lies outside the clip.
    """
    inside = overlap(frame_range or clip.place, clip.place)
    if inside is None:
        raise ClipRefusedError(
            f"{clip.name} lies at frames {clip.start_frame} to {clip.end_frame_exclusive}, not at "
            f"{frame_range}",
            next_step="choose frames inside the clip",
            reason="RANGE_OUTSIDE_CLIP",
        )
    first = max(inside[0] - handles_frames, clip.start_frame - clip.left_offset)
    last = min(inside[1] + handles_frames, clip.end_frame_exclusive + clip.right_offset)
    return first, last


def _from_media(
    opened: OpenTimeline, clip: Clip, media: Media, wanted: tuple[int, int]
) -> dict[str, Any]:
    if is_retimed(clip, media, opened.frame_rate):
        raise ClipRefusedError(
            f"the speed of {clip.name} is changed, so its media file has other frames",
            next_step="let Resolve render it instead of reading its source",
            reason="CLIP_IS_RETIMED",
        )
    frames = media_frames(clip, media, wanted, opened.frame_rate)
    if frames is None or media.path is None or media.is_compound or media.is_sequence:
        raise ClipRefusedError(
            f"{clip.name} is a compound clip or a run of pictures, not one media file",
            next_step="let Resolve render it instead of reading its source",
            reason="CLIP_IS_COMPOUND" if media.is_compound else "CLIP_IS_NO_MOVIE",
        )
    return {
        "route": "media",
        "path": media.path,
        "file_start_frame": frames[0],
        "frame_count": frames[1] - frames[0],
        "first_frame": wanted[0],
        "frame_rate": str(media.frame_rate),
    }


def _check_folder(folder: Path) -> None:
    if not folder.is_absolute() or not folder.is_dir():
        raise ExportError(
            f"there is no folder {folder} for the pictures",
            next_step="this is a fault of Via: please report it",
            reason="FOLDER_MISSING",
        )
