"""Into Resolve: a finished file onto the timeline, above its clip, at exactly its frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from resolve_scripts.in_resolve.clips import Clip, clips_on, find_clip, pool_media
from resolve_scripts.in_resolve.coordinates import pictures_for
from resolve_scripts.in_resolve.errors import BridgeError, PlaceError
from resolve_scripts.in_resolve.resolve_api import (
    OpenTimeline,
    explained,
    in_folder,
    on_page,
    open_timeline,
    version,
)
from resolve_scripts.in_resolve.tags import Tags, tag_item, tag_pool_item
from resolve_scripts.in_resolve.via_tracks import (
    TRACK_NAME,
    all_versions,
    free_via_track,
    is_via_track,
    track_name,
    versions_of,
    via_bin,
)

WAYS = ("track", "new_track", "take")
# 19.1 refuses an endFrame equal to the clip's frame count; later and earlier builds want it.
REFUSES_LAST_FRAME = (19, 1)
PICTURE_ONLY = 1


@dataclass(frozen=True)
class Placement:
    """What to put where.

    Attributes:
        clip_id: the clip it was made from.
        path: the finished file.
        record_start_frame: absolute timeline frame of its first picture.
        frame_count: its length on the timeline.
        file_start_frame: the file's picture that comes first.
        way: "track", "new_track" or "take".
        tags: how it came about.
    """

    clip_id: str
    path: str
    record_start_frame: int
    frame_count: int
    file_start_frame: int
    way: str
    tags: Tags

    @property
    def place(self) -> tuple[int, int]:
        """Its half-open range on the timeline."""
        return self.record_start_frame, self.record_start_frame + self.frame_count


def place_clip(resolve: Any, wanted: Placement) -> dict[str, Any]:
    """Puts a result on the timeline and says where it lies; the original is not touched.

    Raises:
        BridgeError: it could not be put there; the timeline is then as it was.
    """
    opened = open_timeline(resolve)
    source = find_clip(opened, wanted.clip_id)
    _check_file(wanted)
    try:
        earlier = _earlier_result(opened, source, wanted) if wanted.way == "take" else None
        if earlier is not None:
            return _as_take(opened, earlier, wanted)
        return _on_track(opened, source, wanted)
    except BridgeError as error:
        raise explained(error, resolve) from error


def _check_file(wanted: Placement) -> None:
    if not Path(wanted.path).is_file():
        raise PlaceError(
            f"the result is not at {wanted.path}",
            next_step="make it again, or put the file back there",
            reason="RESULT_MISSING",
        )


def _earlier_result(opened: OpenTimeline, source: Clip, wanted: Placement) -> Clip | None:
    """The result that a take can be added to: the topmost of this clip at this place."""
    earlier = [
        version.clip
        for version in versions_of(source, all_versions(opened))
        if version.clip.place == wanted.place
    ]
    return earlier[-1] if earlier else None


def _on_track(opened: OpenTimeline, source: Clip, wanted: Placement) -> dict[str, Any]:
    is_new = wanted.way == "new_track"
    with _no_track_left_behind(opened):
        index = free_via_track(opened, source, wanted.place, always_new=is_new)
        pool_item = _imported(opened, wanted.path)
        tag_pool_item(pool_item, wanted.tags)
        bounds = _bounds(opened, pool_item, wanted)
        clip = _appended(opened, index, pool_item, wanted, bounds)
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


def _as_take(opened: OpenTimeline, earlier: Clip, wanted: Placement) -> dict[str, Any]:
    if opened.timeline.GetIsTrackLocked("video", earlier.track_index):
        name = track_name(opened, earlier.track_index)
        raise PlaceError(
            f"the track {name} is locked",
            next_step=f"unlock the track {name} with its padlock, then place again",
            reason="TRACK_LOCKED",
        )
    item = earlier.item
    before = round(item.GetTakesCount() or 0)
    pool_item = _imported(opened, wanted.path)
    tag_pool_item(pool_item, wanted.tags)
    start, end = _bounds(opened, pool_item, wanted)
    item.AddTake(pool_item, start, end)
    # The clip itself becomes take 1, so the first added take is the second.
    count = round(item.GetTakesCount() or 0)
    if count <= before or not item.SelectTakeByIndex(count):
        raise PlaceError(
            "Resolve did not add the result as a take",
            next_step="place it on a track instead",
            reason="TAKE_REFUSED",
        )
    return _told(opened, find_clip(opened, earlier.id), count)


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


def _imported(opened: OpenTimeline, path: str) -> Any:
    """The file's clip in the bin VIA; one that is there already is used again.

    Raises:
        PlaceError: Resolve cannot read the file.
    """
    folder = via_bin(opened.media_pool)
    known = _in_bin(folder, path)
    if known is not None:
        return known
    with in_folder(opened.media_pool, folder):
        opened.media_pool.ImportMedia([path])
    # The call may return nothing for a file it knows; what lies in the bin counts.
    imported = _in_bin(folder, path)
    if imported is None:
        raise PlaceError(
            f"Resolve cannot import {path}",
            next_step="open the file in Resolve's media pool yourself to see why",
            reason="IMPORT_FAILED",
        )
    return imported


def _in_bin(folder: Any, path: str) -> Any:
    for pool_item in folder.GetClipList() or []:
        if _same_path(pool_item.GetClipProperty("File Path"), path):
            return pool_item
    return None


def _same_path(one: Any, other: str) -> bool:
    return bool(one) and Path(str(one)) == Path(other)


def _bounds(opened: OpenTimeline, pool_item: Any, wanted: Placement) -> tuple[int, int]:
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


def _appended(
    opened: OpenTimeline, index: int, pool_item: Any, wanted: Placement, bounds: tuple[int, int]
) -> Clip:
    """The new item, found again on its track at the very place that was asked for.

    Raises:
        PlaceError: Resolve put it elsewhere, at another length, or not at all.
    """
    before = {clip.id for clip in clips_on(opened, index)}
    with _on_this_timeline(opened):
        for info in _clip_infos(opened, index, pool_item, wanted, bounds):
            opened.media_pool.AppendToTimeline([info])
            new = [clip for clip in clips_on(opened, index) if clip.id not in before]
            exact = [clip for clip in new if clip.place == wanted.place]
            if exact and len(new) == 1:
                return exact[0]
            _take_back(opened, new)
    raise PlaceError(
        f"Resolve did not put the result at {opened.timecode_at(wanted.record_start_frame)} on "
        f"the track {track_name(opened, index)} with its {wanted.frame_count} frames",
        next_step=f"drag it there from the bin {TRACK_NAME} yourself, or place it again",
        reason="PLACED_WRONG",
    )


@contextmanager
def _on_this_timeline(opened: OpenTimeline) -> Iterator[None]:
    """AppendToTimeline knows the current timeline only, and edits belong on the Edit page."""
    opened.project.SetCurrentTimeline(opened.timeline)
    with on_page(opened.resolve, "edit"):
        yield


def _clip_infos(
    opened: OpenTimeline, index: int, pool_item: Any, wanted: Placement, bounds: tuple[int, int]
) -> Iterator[dict[str, Any]]:
    """What to ask for, best first. All integers: one float spoils the call."""
    start, end = bounds
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


def _take_back(opened: OpenTimeline, clips: list[Clip]) -> None:
    if clips:
        opened.timeline.DeleteClips([clip.item for clip in clips])
