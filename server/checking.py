"""What an edit's numbers, masks and roots must keep to, before any model runs. Pure."""

from __future__ import annotations

import math

from server.edit_spec import AdaptSpec, Attachments, LocalSpec
from server.errors import ArgumentError
from via_engine.edit_settings import BoxPrompt, PointPrompt, RootChoice, Scope
from via_engine.errors import MaskError, RangeError, RootError
from via_engine.media_types import FrameRange, MediaInfo

MAX_SCALE = 100.0
MAX_PHRASE_CHARACTERS = 200
MAX_MASK_PX = 4_096
MAX_CLICKS = 64
MAX_TUNING_STEPS = 10_000
MAX_RANK = 256
MAX_CANDIDATES = 64


def check_number(field: str, value: float | None, smallest: float, largest: float) -> None:
    """Refuses a number outside its limits, both of which are allowed; None is none.

    Raises:
        ArgumentError: it lies outside, or is no number.
    """
    if value is not None and not (math.isfinite(value) and smallest <= value <= largest):
        raise ArgumentError(f"{value:g} is not between {smallest:g} and {largest:g}", field=field)


def check_frame(frame: int, media: MediaInfo) -> None:
    """Refuses a frame that the media does not have.

    Raises:
        RangeError: the frame lies outside the media.
    """
    if not 0 <= frame < media.frame_count:
        raise RangeError(_frame_outside(frame, media))


def check_local(
    local: LocalSpec, attached: Attachments, *, media: MediaInfo, frame_range: FrameRange
) -> None:
    """Refuses local settings that cannot be meant, and masks that do not fit the media.

    Raises:
        ArgumentError: two settings contradict each other, or a number is outside its limits.
        MaskError: the mask is not of the media's size and length, or reaches outside its frame.
    """
    if local.scope is Scope.GLOBAL and (local.phrase or local.has_own_mask):
        raise ArgumentError(
            "an edit of the whole picture has neither phrase nor mask; leave out one or the other",
            field="spec.local.scope",
        )
    if local.phrase and local.has_own_mask:
        raise ArgumentError(
            "nothing is looked for when a mask is given; leave out the phrase or the mask",
            field="spec.local.phrase",
        )
    if len(local.phrase) > MAX_PHRASE_CHARACTERS:
        raise ArgumentError(
            f"{len(local.phrase)} characters; at most {MAX_PHRASE_CHARACTERS} are taken",
            field="spec.local.phrase",
        )
    check_number("spec.local.dilation_px", local.dilation_px, 0, MAX_MASK_PX)
    check_number("spec.local.feather_px", local.feather_px, 0, MAX_MASK_PX)
    if attached.matte_clip is not None:
        _check_matte(attached.matte_clip, media, frame_range)
    if attached.still_mask_px is not None and attached.still_mask_px != upright_size(media):
        raise MaskError(_other_size("the still mask", attached.still_mask_px, media))
    for prompt in (local.box, local.points):
        if prompt is not None:
            _check_mask_frame(prompt.frame, frame_range)
    if local.box is not None:
        _check_box(local.box, media)
    if local.points is not None:
        _check_points(local.points, media)


def check_adapt(adapt: AdaptSpec, attached: Attachments, *, media: MediaInfo) -> None:
    """Refuses tuning that cannot be done, and roots that do not fit the media.

    Raises:
        ArgumentError: a number is outside its limits, or an adapter comes with a root.
        RootError: the root lies outside the media or is of another size.
    """
    check_number("spec.adapt.steps", adapt.steps, 1, MAX_TUNING_STEPS)
    check_number("spec.adapt.rank", adapt.rank, 1, MAX_RANK)
    check_number("spec.adapt.learning_rate", adapt.learning_rate, 1e-9, 1)
    check_number("spec.adapt.candidates", adapt.candidates, 1, MAX_CANDIDATES)
    root = adapt.root_choice or adapt.root_image
    if root is None:
        return
    if adapt.adapter is not None:
        raise ArgumentError(
            "nothing is tuned when an adapter is given; leave out the root or the adapter",
            field="spec.adapt.adapter",
        )
    if not 0 <= root.frame < media.frame_count:
        raise RootError(f"the root's {_frame_outside(root.frame, media)}")
    if isinstance(root, RootChoice):
        field = "spec.adapt.root_choice"
        check_number(f"{field}.guidance_scale", root.guidance_scale, 1, MAX_SCALE)
        check_number(f"{field}.image_guidance_scale", root.image_guidance_scale, 1, MAX_SCALE)
    elif attached.root_image_px is not None and attached.root_image_px != upright_size(media):
        raise RootError(_other_size("the root image", attached.root_image_px, media))


def upright_size(media: MediaInfo) -> tuple[int, int]:
    """Width and height of the picture as it is looked at, in pixels."""
    if media.rotation_degrees % 180 == 90:
        return media.height, media.width
    return media.width, media.height


def _check_matte(matte: MediaInfo, media: MediaInfo, frame_range: FrameRange) -> None:
    if upright_size(matte) != upright_size(media):
        raise MaskError(_other_size("the matte clip", upright_size(matte), media))
    if matte.frame_rate != media.frame_rate:
        raise MaskError(
            f"the matte clip runs at {matte.frame_rate} frames per second and {media.path.name} at "
            f"{media.frame_rate}; render it again at the media's rate"
        )
    if matte.frame_count not in {media.frame_count, frame_range.frame_count}:
        raise MaskError(
            f"the matte clip has {matte.frame_count} frames; it must be as long as "
            f"{media.path.name} ({media.frame_count} frames) or as the range to edit "
            f"({frame_range.frame_count} frames)"
        )


def _check_box(box: BoxPrompt, media: MediaInfo) -> None:
    width, height = upright_size(media)
    left, top, right, bottom = box.box_xyxy
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise MaskError(
            f"the box {left:g},{top:g},{right:g},{bottom:g} is empty or reaches outside the "
            f"picture of {width} × {height} pixels; give left, top, right, bottom"
        )


def _check_points(points: PointPrompt, media: MediaInfo) -> None:
    width, height = upright_size(media)
    if not 1 <= len(points.points_xy) <= MAX_CLICKS or not any(points.labels):
        raise MaskError(
            f"there are {len(points.points_xy)} clicks, {sum(points.labels)} of them on the "
            f"subject; give 1 to {MAX_CLICKS} with at least one on it"
        )
    for x, y in points.points_xy:
        if not (0 <= x < width and 0 <= y < height):
            raise MaskError(
                f"the click {x:g},{y:g} lies outside the picture of {width} × {height} pixels; "
                "coordinates count from 0 at the left and at the top"
            )


def _check_mask_frame(frame: int, frame_range: FrameRange) -> None:
    if frame not in frame_range.frames:
        raise MaskError(
            f"the mask is drawn in frame {frame}, the frames to edit are {frame_range.start_frame} "
            f"to {frame_range.end_frame_exclusive - 1}; draw it in one of them"
        )


def _frame_outside(frame: int, media: MediaInfo) -> str:
    return (
        f"frame {frame} lies outside {media.path.name}, which has {media.frame_count} frames; "
        f"give a frame from 0 to {media.frame_count - 1}"
    )


def _other_size(what: str, size_px: tuple[int, int], media: MediaInfo) -> str:
    width, height = upright_size(media)
    return (
        f"{what} has {size_px[0]} × {size_px[1]} pixels and {media.path.name} {width} × {height}; "
        "give one of the media's size"
    )
