"""Masks that an editor brings: a still picture, a matte clip, a box or clicks in one frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from via_engine.edit_settings import BoxPrompt, PointPrompt
from via_engine.errors import MaskError
from via_engine.masks.likeness import look_of
from via_engine.masks.mask_track import MaskTrack
from via_engine.masks.matte_track import MatteTrack
from via_engine.masks.outline import without_specks
from via_engine.masks.propagate import REACH_FRAMES, Tracker, VideoFollower, stacked
from via_engine.masks.track import steadied
from via_engine.media_types import FrameRange

Frame = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Picture = NDArray[np.float32]

# A prompt reaches as far back as its frames fit into this.
_HELD_BYTES = 1 << 29


class PromptedSegmenter(Protocol):
    """Finds what boxes or clicks mean, as `segment.Segmenter` does."""

    def segment(
        self,
        frame: Frame,
        *,
        boxes_xyxy: NDArray[np.floating] | None = None,
        points_xy: NDArray[np.floating] | None = None,
        point_labels: NDArray[np.integer] | None = None,
    ) -> NDArray[np.bool_]:
        """(N, H, W) bool: one mask for each box, or one for all points together."""
        ...


def still_track(
    picture: Picture, frame_range: FrameRange, *, width: int, height: int
) -> MatteTrack:
    """The same matte for all frames of a range: white where the picture changes.

    Args:
        picture: (H, W) or (H, W, 3) float32, 0..1.
        frame_range: media frames to cover.
        width, height: of the media's upright picture.

    Raises:
        MaskError: the picture has another size.
    """
    one = MatteTrack.of(frame_range.start_frame, [_matte(picture, width, height, "the mask")])
    return one.held_for(frame_range.frame_count)


def matte_track(
    pictures: Iterable[Picture],
    frame_range: FrameRange,
    *,
    matte_frames: int,
    media_frames: int,
    width: int,
    height: int,
) -> MatteTrack:
    """The mattes of a range from a matte clip: white where the picture changes.

    Args:
        pictures: (H, W) or (H, W, 3) float32, 0..1: all frames of the matte, taken one by one.
        frame_range: media frames to cover.
        matte_frames: length of the matte. One as long as the range begins with the range, one
            as long as the media with the media.
        media_frames: length of the media.
        width, height: of the media's upright picture.

    Raises:
        MaskError: the matte has another length or size, or ends early.
    """
    if matte_frames not in (media_frames, frame_range.frame_count):
        raise MaskError(
            f"the matte clip has {matte_frames} frames; it must have as many as the media "
            f"({media_frames}) or as the range to edit ({frame_range.frame_count})"
        )
    start = frame_range.start_frame if matte_frames == media_frames else 0
    wanted = islice(pictures, start, start + frame_range.frame_count)
    track = MatteTrack.of(
        frame_range.start_frame,
        (_matte(picture, width, height, "the matte clip") for picture in wanted),
    )
    if track.frame_range != frame_range:
        raise MaskError(
            f"the matte clip ends after {start + len(track.packed)} frames, {matte_frames} were "
            "announced; export it again"
        )
    return track


def prompted_track(
    frames: Iterable[Frame],
    frame_range: FrameRange,
    prompt: BoxPrompt | PointPrompt,
    segmenter: PromptedSegmenter,
    check: Callable[[], None],
    *,
    width: int,
    height: int,
    video_tracker: VideoFollower | None = None,
) -> MaskTrack:
    """What a box or clicks mean in one frame, followed both ways through a range.

    Once it has left the frame or is hidden for good it is not found again; name it instead.

    Args:
        frames: (h, w, 3) uint8, RGB, of the range, of any one size; iterated over three times.
        frame_range: media frames of `frames`.
        prompt: in pixels of the media.
        check: called before every frame; raises to stop.
        width, height: of the media's upright picture.
        video_tracker: follows what was found; None follows it by motion and outline.

    Raises:
        MaskError: the prompt's frame is not in the range, its box or a point is outside the
            picture, or nothing is found there.
    """
    check_prompt(prompt, frame_range, width=width, height=height)
    index = prompt.frame - frame_range.start_frame
    frame = next(islice(frames, index, None))
    scale = np.array([frame.shape[1] / width, frame.shape[0] / height])
    mask = without_specks(_segmented(frame, prompt, segmenter, scale))
    if not mask.any():
        raise MaskError(
            f"nothing stands out where the mask was asked for in frame {prompt.frame}; draw the "
            "box closer or click in the middle of the subject"
        )
    if video_tracker is not None:
        masks = video_tracker.masks(stacked(frames), {index: mask}, check)
    else:
        tracker = Tracker(
            segmenter=segmenter,
            look=look_of(frame, mask),
            check=check,
            reach_frames=max(REACH_FRAMES, _HELD_BYTES // frame.nbytes),
        )
        masks = tracker.masks(frames, {index: mask})
    return MaskTrack.of(frame_range.start_frame, steadied(frames, masks))


def check_prompt(
    prompt: BoxPrompt | PointPrompt, frame_range: FrameRange, *, width: int, height: int
) -> None:
    """That a prompt can mean something in media of this size.

    Raises:
        MaskError: as `prompted_track`; also for a box without area, for points without one label
            each, and for clicks of which none is on the subject.
    """
    if not frame_range.start_frame <= prompt.frame < frame_range.end_frame_exclusive:
        raise MaskError(
            f"the mask was drawn in frame {prompt.frame}, the frames to edit are "
            f"{frame_range.start_frame} to {frame_range.end_frame_exclusive - 1}; draw it in one "
            "of them"
        )
    if isinstance(prompt, BoxPrompt):
        _check_box(prompt.box_xyxy, width, height)
    else:
        _check_points(prompt, width, height)


def _check_box(box: tuple[float, float, float, float], width: int, height: int) -> None:
    left, top, right, bottom = box
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise MaskError(
            f"the box {left:g},{top:g},{right:g},{bottom:g} is empty or reaches outside the "
            f"picture of {width}x{height} pixels; give left,top,right,bottom inside it"
        )


def _check_points(prompt: PointPrompt, width: int, height: int) -> None:
    if len(prompt.labels) != len(prompt.points_xy) or not set(prompt.labels) <= {0, 1}:
        raise MaskError(
            f"{len(prompt.points_xy)} points came with the labels {prompt.labels}; give each point "
            "1 for on the subject or 0 for beside it"
        )
    if 1 not in prompt.labels:
        raise MaskError("no point is on the subject; give one at least with label 1")
    for x, y in prompt.points_xy:
        if not (0 <= x < width and 0 <= y < height):
            raise MaskError(
                f"the point {x:g},{y:g} is outside the picture of {width}x{height} pixels; click "
                "inside it"
            )


def _segmented(
    frame: Frame,
    prompt: BoxPrompt | PointPrompt,
    segmenter: PromptedSegmenter,
    scale: NDArray[np.float64],
) -> Mask:
    if isinstance(prompt, BoxPrompt):
        box = np.array(prompt.box_xyxy) * np.tile(scale, 2)
        return np.asarray(segmenter.segment(frame, boxes_xyxy=box[np.newaxis])[0])
    found = segmenter.segment(
        frame,
        points_xy=np.array(prompt.points_xy) * scale,
        point_labels=np.array(prompt.labels),
    )
    return np.asarray(found[0])


def _matte(picture: Picture, width: int, height: int, what: str) -> Picture:
    if picture.shape[:2] != (height, width):
        raise MaskError(
            f"{what} is {picture.shape[1]}x{picture.shape[0]} pixels, the media {width}x{height}; "
            "export it in the media's size"
        )
    return picture.mean(axis=2) if picture.ndim == 3 else picture
