"""An edit as a person sets it, turned into the message of the contract."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from via.v1 import adapt_pb2, edit_pb2, local_pb2, media_pb2

from resolve_scripts.edit_settings import (
    AdaptSettings,
    Box,
    Clicks,
    EditSettings,
    LocalSettings,
    RootChoice,
)
from resolve_scripts.timeline.media import ImageSequence, Movie
from resolve_scripts.transfer import MediaDesk

# How the files of still pictures begin: PNG, JPEG, TIFF of either byte order.
STILL_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*")


def edit_spec(
    desk: MediaDesk,
    media: Path | Movie | ImageSequence,
    instruction: str,
    settings: EditSettings,
    *,
    frame_range: tuple[int, int] | None = None,
    group_range: tuple[int, int] | None = None,
) -> edit_pb2.EditSpec:
    """The contract's message for an edit; ranges are half-open, media frames."""
    if settings.identity:
        return edit_pb2.EditSpec(
            source=desk.source(media),
            identity=True,
            instruction=instruction,
            output_format=settings.output_format,
            frame_range=_range_message(frame_range),
        )
    first_frame = frame_range[0] if frame_range else 0
    adapt = settings.adapt
    return edit_pb2.EditSpec(
        source=desk.source(media),
        instruction=instruction,
        model=settings.model or "",
        seed=settings.seed,
        steps=settings.steps,
        guidance_scale=settings.guidance_scale,
        image_guidance_scale=settings.image_guidance_scale,
        group_size=settings.group_size,
        group_from=settings.group_from or "",
        attention=_word(settings.attention, "ATTENTION_MODE"),
        swap_layers=_word(settings.swap_layers, "SWAP_LAYERS"),
        swap_steps=settings.swap_steps,
        steady_frames=settings.steady_frames,
        local=_local_message(desk, settings.local, first_frame),
        adapt=None if adapt is None else _adapt_message(desk, adapt, first_frame),
        output_format=settings.output_format,
        frame_range=_range_message(frame_range),
        group_range=_range_message(group_range),
    )


def is_still(path: Path) -> bool:
    """Whether a file is a still picture, by its first bytes; else it is taken for a clip."""
    with path.open("rb") as file:
        return file.read(8).startswith(STILL_BEGINNINGS)


def root_choice_message(choice: RootChoice) -> adapt_pb2.RootChoice:
    """A chosen root as the contract names it."""
    return adapt_pb2.RootChoice(
        frame=choice.frame,
        seed=choice.seed,
        guidance_scale=choice.guidance_scale,
        image_guidance_scale=choice.image_guidance_scale,
    )


def _word(value: Enum | None, prefix: str) -> str | None:
    # The contract's word for a value is our own in capitals, behind the name of its enum.
    return None if value is None else f"{prefix}_{value.name}"


def _local_message(
    desk: MediaDesk, local: LocalSettings, first_frame: int
) -> local_pb2.LocalSettings:
    return local_pb2.LocalSettings(
        scope=local_pb2.SCOPE_GLOBAL if local.is_global else local_pb2.SCOPE_UNSPECIFIED,
        phrase=local.phrase or "",
        own_mask=None if local.mask is None else _mask_message(desk, local.mask, first_frame),
        dilation_px=local.dilation_px,
        feather_px=local.feather_px,
        schedule=_word(local.blend, "BLEND_SCHEDULE"),
        source_latents=_word(local.source_latents, "SOURCE_LATENTS"),
    )


def _mask_message(
    desk: MediaDesk, mask: Path | Box | Clicks, first_frame: int
) -> local_pb2.OwnMask:
    if isinstance(mask, Path):
        source = desk.source(mask)
        if is_still(mask):
            return local_pb2.OwnMask(still=source)
        return local_pb2.OwnMask(matte_clip=source)
    frame = first_frame if mask.frame is None else mask.frame
    if isinstance(mask, Box):
        left, top, right, bottom = mask.box_xyxy
        box = local_pb2.BoxPrompt(
            frame=frame, left_px=left, top_px=top, right_px=right, bottom_px=bottom
        )
        return local_pb2.OwnMask(box=box)
    clicks = [local_pb2.Click(x_px=x, y_px=y, is_on_subject=True) for x, y in mask.on_subject]
    clicks += [local_pb2.Click(x_px=x, y_px=y, is_on_subject=False) for x, y in mask.off_subject]
    return local_pb2.OwnMask(points=local_pb2.PointPrompt(frame=frame, clicks=clicks))


def _adapt_message(
    desk: MediaDesk, adapt: AdaptSettings, first_frame: int
) -> adapt_pb2.AdaptSettings:
    message = adapt_pb2.AdaptSettings(
        enabled=True,
        steps=adapt.steps,
        full=adapt.full,
        candidates=adapt.candidates,
        adapter=None if adapt.adapter is None else desk.source(adapt.adapter),
    )
    if isinstance(adapt.root, RootChoice):
        message.root_choice.CopyFrom(root_choice_message(adapt.root))
    elif adapt.root is not None:
        frame = first_frame if adapt.root.frame is None else adapt.root.frame
        file = desk.source(adapt.root.path)
        message.root_image.CopyFrom(adapt_pb2.RootImage(frame=frame, file=file))
    return message


def _range_message(frames: tuple[int, int] | None) -> media_pb2.FrameRange | None:
    if frames is None:
        return None
    return media_pb2.FrameRange(start_frame=frames[0], end_frame_exclusive=frames[1])
