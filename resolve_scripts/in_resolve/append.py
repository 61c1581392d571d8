"""One item onto a track at an exact place, found again and verified there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

from resolve_scripts.in_resolve.clips import Clip, clips_on, delete_clips, pool_media
from resolve_scripts.in_resolve.coordinates import pictures_for
from resolve_scripts.in_resolve.errors import PlaceError
from resolve_scripts.in_resolve.left_as_found import on_page
from resolve_scripts.in_resolve.open_timeline import OpenTimeline
from resolve_scripts.in_resolve.placement import Placement
from resolve_scripts.in_resolve.resolve_api import version
from resolve_scripts.in_resolve.result_media import BIN_NAME
from resolve_scripts.in_resolve.via_tracks import track_name

# 19.1 refuses an endFrame equal to the clip's frame count; later and earlier builds want it.
REFUSES_LAST_FRAME = (19, 1)
PICTURE_ONLY = 1


def pictures_shown(opened: OpenTimeline, pool_item: Any, wanted: Placement) -> tuple[int, int]:
    """Half-open range of the file's pictures that fills the place exactly.

    Raises:
        PlaceError: the file has too few pictures, or its rate cannot give this length.
    """
    media = pool_media(pool_item)
    rate = media.frame_rate or opened.frame_rate
    needed = pictures_for(wanted.frame_count, opened.frame_rate, rate)
    if needed is None:
        raise _unreachable(wanted.frame_count, rate, opened.frame_rate)
    end = wanted.file_start_frame + needed
    if media.frame_count is not None and end > media.frame_count:
        raise PlaceError(
            f"the result has {media.frame_count} pictures, but {end} are needed to fill "
            f"{wanted.frame_count} frames of the timeline",
            next_step="make it again; if it stays so, please report it",
            reason="RESULT_TOO_SHORT",
        )
    return wanted.file_start_frame, end


def _unreachable(frames: int, rate: Fraction, timeline_rate: Fraction) -> PlaceError:
    return PlaceError(
        f"pictures at {float(rate):.6g} fps cannot fill exactly {frames} frames of a timeline at "
        f"{float(timeline_rate):.6g} fps",
        next_step="edit the clip again with the pictures rendered by Resolve",
        reason="LENGTH_NOT_REACHABLE",
    )


def appended(
    opened: OpenTimeline, index: int, pool_item: Any, wanted: Placement, shown: tuple[int, int]
) -> Clip:
    """The new item, found again on its track at the very place that was asked for.

    Raises:
        PlaceError: Resolve put it elsewhere, at another length, or not at all.
    """
    before = {clip.id for clip in clips_on(opened, index)}
    with _on_this_timeline(opened):
        for info in _clip_infos(opened, index, pool_item, wanted, shown):
            opened.media_pool.AppendToTimeline([info])
            new = [clip for clip in clips_on(opened, index) if clip.id not in before]
            exact = [clip for clip in new if clip.place == wanted.place]
            if exact and len(new) == 1:
                return exact[0]
            delete_clips(opened.timeline, new)
    raise PlaceError(
        f"Resolve did not put the result at {opened.timecode_at(wanted.record_start_frame)} on "
        f"the track {track_name(opened, index)} with its {wanted.frame_count} frames",
        next_step=f"drag it there from the bin {BIN_NAME} yourself, or place it again",
        reason="PLACED_WRONG",
    )


@contextmanager
def _on_this_timeline(opened: OpenTimeline) -> Iterator[None]:
    """AppendToTimeline knows the current timeline only, and edits belong on the Edit page."""
    opened.project.SetCurrentTimeline(opened.timeline)
    with on_page(opened.resolve, "edit"):
        yield


def _clip_infos(
    opened: OpenTimeline, index: int, pool_item: Any, wanted: Placement, shown: tuple[int, int]
) -> Iterator[dict[str, Any]]:
    """What to ask for, best first. All integers: one float spoils the call."""
    start, end = shown
    place = {
        "mediaPoolItem": pool_item,
        "mediaType": PICTURE_ONLY,
        "trackIndex": index,
        "recordFrame": wanted.record_start_frame,
    }
    is_all_of_it = start == 0 and end == pool_media(pool_item).frame_count
    if version(opened.resolve) == REFUSES_LAST_FRAME and is_all_of_it:
        yield place
    yield {**place, "startFrame": start, "endFrame": end}
    if is_all_of_it:
        yield place
