"""The shots an edit touches, and for each the frames its attention group is gathered from."""

from __future__ import annotations

from dataclasses import dataclass

from via_engine.edit_request import EditRequest
from via_engine.edit_settings import AttentionMode, StillMask
from via_engine.media_types import FrameRange, MediaInfo
from via_engine.picture.shots import shots_touching
from via_engine.schedule import group_frames


@dataclass(frozen=True, kw_only=True)
class ShotPart:
    """Frames of the request that lie in one shot, and the group frames of the clip it looks at.

    `group_frames` is empty where every frame is edited on its own.
    """

    frame_range: FrameRange
    group_range: FrameRange
    group_frames: tuple[int, ...]


def shot_parts(request: EditRequest, media: MediaInfo, look: MediaInfo) -> tuple[ShotPart, ...]:
    """The parts in order; one when the request or another clip says where the group lies.

    Args:
        request: what was asked for; its ranges lie inside the media.
        media: the clip to edit.
        look: the clip the groups come from, mostly the same.

    Raises:
        MediaError: the media cannot be read while its cuts are looked for.
    """
    if request.look_source is not None:
        given = request.look_source.group_range
        shots = [given or shots_touching(look, request.look_source.frame_range)[0]]
    elif request.group_range is not None:
        shots = [request.group_range]
    else:
        shots = [
            _maskable(request, shot, shot.common_with(request.frame_range))
            for shot in shots_touching(media, request.frame_range)
        ]
    ranges = [request.frame_range]
    if len(shots) > 1:
        ranges = [shot.common_with(request.frame_range) for shot in shots]
    is_gathered = request.attention is not AttentionMode.INDEPENDENT
    return tuple(
        ShotPart(
            frame_range=frame_range,
            group_range=shot,
            group_frames=group_frames(shot, request.group_size) if is_gathered else (),
        )
        for frame_range, shot in zip(ranges, shots, strict=True)
    )


def _maskable(request: EditRequest, shot: FrameRange, part: FrameRange) -> FrameRange:
    """Where the group may lie: masks drawn for moving pictures are known in the range only."""
    own = request.local.own_mask
    return shot if own is None or isinstance(own, StillMask) else part
