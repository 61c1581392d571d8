"""A source and somebody's edit of it: the figures that need no truth."""

from __future__ import annotations

from pathlib import Path

from via_engine.errors import RequestError
from via_engine.measure.metrics.clip_similarity import consecutive_consistency, frame_consistency
from via_engine.measure.metrics.fidelity import Clip, corner_masks, mean_change
from via_engine.measure.metrics.warp_error import clip_motion, warp_error
from via_engine.measure.quality.clips import read_clip
from via_engine.measure.rows import Row
from via_engine.media_types import FrameRange
from via_engine.models.critic import Critic
from via_engine.picture.probe import probe_media

PAIR_FRAMES = 150
CORNER_SHARE = 0.15


def pair_rows(source: Path, edit: Path, critic: Critic, *, frame_count: int) -> list[Row]:
    """Warp errors, CLIP consistency and what became of the corners, of the first frames.

    The edit is scaled to the size of the source; frame k of both belong together.

    Raises:
        RequestError: there are not two frames to compare.
        MediaError: a file cannot be read.
    """
    infos = [probe_media(path) for path in (source, edit)]
    taken = min(frame_count, *(info.frame_count for info in infos))
    if taken < 2:
        raise RequestError(
            f"{source.name} and {edit.name} have not two frames in common; motion needs two"
        )
    before = read_clip(source, FrameRange(0, taken))
    height, width = before.shape[1:3]
    after = read_clip(edit, FrameRange(0, taken), (width, height))
    motion = clip_motion(before)
    features = critic.image_features(list(after)).cpu().numpy()
    return [
        Row(name="warp error of the edit", value=1e3 * warp_error(after, motion), unit="1e-3"),
        Row(name="warp error of the source", value=1e3 * warp_error(before, motion), unit="1e-3"),
        Row(name="CLIP consistency, all pairs", value=frame_consistency(features), unit="cos"),
        Row(
            name="CLIP consistency, consecutive",
            value=consecutive_consistency(features),
            unit="cos",
        ),
        *_corner_rows(before, after),
        Row(name="frames compared", value=taken, unit="frames"),
    ]


def _corner_rows(before: Clip, after: Clip) -> list[Row]:
    corners = corner_masks(*before.shape[:3], share=CORNER_SHARE)
    return [
        Row(
            name=f"change of the {name} corner",
            value=mean_change(before, after, where),
            unit="/255",
        )
        for name, where in corners.items()
    ]
