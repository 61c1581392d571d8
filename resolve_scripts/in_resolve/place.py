"""Into Resolve: a finished file onto the timeline, above its clip, at exactly its frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from resolve_scripts.in_resolve.append import appended, pictures_shown
from resolve_scripts.in_resolve.clips import (
    Clip,
    all_clips,
    clips_on,
    find_clip,
    is_enabled,
    range_now,
)
from resolve_scripts.in_resolve.coordinates import overlap
from resolve_scripts.in_resolve.errors import BridgeError, PlaceError
from resolve_scripts.in_resolve.open_timeline import OpenTimeline, open_timeline
from resolve_scripts.in_resolve.placement import Placement
from resolve_scripts.in_resolve.result_media import result_pool_item
from resolve_scripts.in_resolve.routes import lets_through
from resolve_scripts.in_resolve.tags import tag_item
from resolve_scripts.in_resolve.via_tracks import (
    Version,
    all_versions,
    check_unlocked,
    covered_clips,
    free_via_track,
    is_via_track,
    track_name,
    versions_of,
)

WAYS = ("track", "new_track", "take")
PASTE = "(Edit > Paste Attributes)"


def place_clip(resolve: Any, wanted: Placement) -> dict[str, Any]:
    """Puts a result on the timeline and says where it lies; the original is not touched.

    Raises:
        BridgeError: it could not be put there; the timeline is then as it was.
    """
    opened = open_timeline(resolve)
    source = find_clip(opened, wanted.clip_id)
    _check_file(wanted)
    wanted = _where_it_lies_now(source, wanted)
    there = _already_there(opened, source, wanted)
    if there is not None:
        return _told(opened, source, there.clip, wanted, there.take_index)
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


def _where_it_lies_now(source: Clip, wanted: Placement) -> Placement:
    """The placement over the same pictures, wherever the editor has moved the clip meanwhile."""
    step = f"edit the clip as it is now, or lay {wanted.path} over it yourself"
    start, _ = range_now(source, wanted.place, wanted.anchor_frame, next_step=step)
    return replace(wanted, record_start_frame=start)


def _already_there(opened: OpenTimeline, source: Clip, wanted: Placement) -> Version | None:
    """The very result, where a call went through whose answer never arrived."""
    if wanted.way == "new_track" or not wanted.tags.job:
        return None
    is_take = wanted.way == "take"
    return next(
        (
            version
            for version in _versions_at(opened, source, wanted.place)
            if version.tags == wanted.tags and (version.take_index is not None) == is_take
        ),
        None,
    )


def _earlier_result(opened: OpenTimeline, source: Clip, wanted: Placement) -> Clip | None:
    """The result that a take can be added to: the topmost of this clip at this place."""
    earlier = [version.clip for version in _versions_at(opened, source, wanted.place)]
    return earlier[-1] if earlier else None


def _versions_at(opened: OpenTimeline, source: Clip, place: tuple[int, int]) -> list[Version]:
    known_ids = {clip.id for clip in all_clips(opened)}
    versions = versions_of(source, all_versions(opened), known_ids)
    return [version for version in versions if version.clip.place == place]


def _on_track(opened: OpenTimeline, source: Clip, wanted: Placement) -> dict[str, Any]:
    is_new = wanted.way == "new_track"
    with _no_track_left_behind(opened):
        index = free_via_track(opened, source, wanted.place, always_new=is_new)
        pool_item = result_pool_item(opened, source, wanted)
        shown = pictures_shown(opened, pool_item, wanted)
        clip = appended(opened, index, pool_item, wanted, shown)
    tag_item(clip.item, clip.left_offset, wanted.tags)
    return _told(opened, source, clip, wanted, None)


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
            shown = find_clip(opened, earlier.id)
            return _told(opened, source, shown, wanted, count)
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


def _told(
    opened: OpenTimeline, source: Clip, clip: Clip, wanted: Placement, take_index: int | None
) -> dict[str, Any]:
    return {
        "track_index": clip.track_index,
        "track_name": track_name(opened, clip.track_index),
        "start_frame": clip.start_frame,
        "end_frame_exclusive": clip.end_frame_exclusive,
        "item_id": clip.id,
        "take_index": take_index,
        "note": _note_on(opened, source, clip, is_source_colour=wanted.is_source_colour),
    }


def _note_on(
    opened: OpenTimeline, source: Clip, result: Clip, *, is_source_colour: bool
) -> str | None:
    """What to look at, each with the next step; None when all is well.

    Args:
        opened: the timeline.
        source: the clip the result was made from.
        result: where it lies.
        is_source_colour: whether its pictures are those of the media file.
    """
    notes = (
        _switched_off(opened, result),
        _covering(opened, source, result),
        _hiding(opened, source, result, is_source_colour=is_source_colour),
    )
    return "; ".join(note for note in notes if note) or None


def _switched_off(opened: OpenTimeline, result: Clip) -> str | None:
    if opened.timeline.GetIsTrackEnabled("video", result.track_index):
        return None
    name = track_name(opened, result.track_index)
    return f"the track {name} is switched off: switch it on to see it"


def _covering(opened: OpenTimeline, source: Clip, result: Clip) -> str | None:
    """What the editor laid over the clip, where the result could not go between."""
    covered = covered_clips(opened, source, result.track_index, result.place)
    if not covered:
        return None
    names = ", ".join(dict.fromkeys(one.name or "a clip" for one in covered))
    tracks = ", ".join(dict.fromkeys(track_name(opened, one.track_index) for one in covered))
    own = track_name(opened, result.track_index)
    return f"it covers {names} on the track {tracks}: move the track {own} below"


def _hiding(
    opened: OpenTimeline, source: Clip, result: Clip, *, is_source_colour: bool
) -> str | None:
    """What was seen beside the clip or through it is hidden: results have no alpha."""
    # A take has the attributes of the item it was added to.
    is_alike = not lets_through(source.item) or lets_through(result.item)
    if is_alike or not _shows_below(opened, source, result.place):
        return None
    hidden = "it fills the whole frame and hides the tracks below, which its clip does not"
    if is_source_colour:
        return f"{hidden}: copy the clip's attributes onto it {PASTE}"
    return (
        f"{hidden}: edit the clip again with “Read the media file itself” under Settings, and "
        f"copy its attributes onto that result {PASTE}"
    )


def _shows_below(opened: OpenTimeline, source: Clip, place: tuple[int, int]) -> bool:
    return any(
        overlap(clip.place, place) and is_enabled(clip)
        for index in range(1, source.track_index)
        if opened.timeline.GetIsTrackEnabled("video", index)
        for clip in clips_on(opened, index)
    )
