"""Into Resolve: a finished file onto the timeline, above its clip, at exactly its frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resolve_scripts.in_resolve.append import appended, pictures_shown
from resolve_scripts.in_resolve.clips import Clip, all_clips, clips_on, find_clip
from resolve_scripts.in_resolve.errors import BridgeError, PlaceError
from resolve_scripts.in_resolve.open_timeline import OpenTimeline, open_timeline
from resolve_scripts.in_resolve.placement import Placement
from resolve_scripts.in_resolve.result_media import result_pool_item
from resolve_scripts.in_resolve.tags import tag_item
from resolve_scripts.in_resolve.via_tracks import (
    all_versions,
    check_unlocked,
    free_via_track,
    is_via_track,
    track_name,
    versions_of,
)

WAYS = ("track", "new_track", "take")


def place_clip(resolve: Any, wanted: Placement) -> dict[str, Any]:
    """Puts a result on the timeline and says where it lies; the original is not touched.

    Raises:
        BridgeError: it could not be put there; the timeline is then as it was.
    """
    opened = open_timeline(resolve)
    source = find_clip(opened, wanted.clip_id)
    _check_file(wanted)
    earlier = _earlier_result(opened, source, wanted) if wanted.way == "take" else None
    if earlier is not None:
        return _as_take(opened, source, earlier, wanted)
    return _on_track(opened, source, wanted)


def _check_file(wanted: Placement) -> None:
    if not Path(wanted.path).is_file():
        raise PlaceError(
            f"the result is not at {wanted.path}",
            next_step="make it again, or put the file back there",
            reason="RESULT_MISSING",
        )


def _earlier_result(opened: OpenTimeline, source: Clip, wanted: Placement) -> Clip | None:
    """The result that a take can be added to: the topmost of this clip at this place."""
    known_ids = {clip.id for clip in all_clips(opened)}
    earlier = [
        version.clip
        for version in versions_of(source, all_versions(opened), known_ids)
        if version.clip.place == wanted.place
    ]
    return earlier[-1] if earlier else None


def _on_track(opened: OpenTimeline, source: Clip, wanted: Placement) -> dict[str, Any]:
    is_new = wanted.way == "new_track"
    with _no_track_left_behind(opened):
        index = free_via_track(opened, source, wanted.place, always_new=is_new)
        pool_item = result_pool_item(opened, source, wanted)
        shown = pictures_shown(opened, pool_item, wanted)
        clip = appended(opened, index, pool_item, wanted, shown)
    tag_item(clip.item, clip.left_offset, wanted.tags)
    return _told(opened, clip, None)


@contextmanager
def _no_track_left_behind(opened: OpenTimeline) -> Iterator[None]:
    """Takes away a track that was added for a result which then could not be placed."""
    before = len(opened.tracks())
    try:
        yield
    except BridgeError:
        for index in reversed(opened.tracks()):
            is_ours = is_via_track(opened, index) and not clips_on(opened, index)
            if is_ours and len(opened.tracks()) > before:
                opened.timeline.DeleteTrack("video", index)
        raise


def _as_take(
    opened: OpenTimeline, source: Clip, earlier: Clip, wanted: Placement
) -> dict[str, Any]:
    check_unlocked(opened, earlier.track_index)
    item = earlier.item
    before, selected = round(item.GetTakesCount() or 0), item.GetSelectedTakeIndex()
    pool_item = result_pool_item(opened, source, wanted)
    start, end = pictures_shown(opened, pool_item, wanted)
    item.AddTake(pool_item, start, end)
    # The clip itself becomes take 1, so the first added take is the second.
    count = round(item.GetTakesCount() or 0)
    if count > before:
        item.SelectTakeByIndex(count)
        if _shows(item, pool_item) and find_clip(opened, earlier.id).place == wanted.place:
            return _told(opened, find_clip(opened, earlier.id), count)
        item.SelectTakeByIndex(selected or 1)
        item.DeleteTakeByIndex(count)
    raise PlaceError(
        "Resolve did not add the result as a take",
        next_step="place it on a track instead",
        reason="TAKE_REFUSED",
    )


def _shows(item: Any, pool_item: Any) -> bool:
    """Whether an item shows a media pool clip; two handles to one clip differ, its id does not."""
    shown = item.GetMediaPoolItem()
    return shown is not None and shown.GetUniqueId() == pool_item.GetUniqueId()


def _told(opened: OpenTimeline, clip: Clip, take_index: int | None) -> dict[str, Any]:
    enabled = opened.timeline.GetIsTrackEnabled("video", clip.track_index)
    name = track_name(opened, clip.track_index)
    return {
        "track_index": clip.track_index,
        "track_name": name,
        "start_frame": clip.start_frame,
        "end_frame_exclusive": clip.end_frame_exclusive,
        "item_id": clip.id,
        "take_index": take_index,
        "note": None if enabled else f"the track {name} is switched off: switch it on to see it",
    }
