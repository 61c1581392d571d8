"""Local and adapt settings: messages of the contract to and from the server's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from google.protobuf.message import Message
from via.v1 import adapt_pb2, edit_pb2, local_pb2

from server.convert_source import media_source, source_message
from server.edit_spec import (
    AdaptSpec,
    LocalSpec,
    RootImageSpec,
)
from server.errors import ArgumentError
from via_engine.edit_settings import (
    AttentionMode,
    BlendSchedule,
    BoxPrompt,
    PointPrompt,
    RootChoice,
    Scope,
    SourceLatents,
    SwapLayers,
)
from via_engine.media_types import OutputFormat

T = TypeVar("T")
Number = TypeVar("Number", bound=int)

# Number in the contract -> value; 0 is what is left out.
OUTPUT_FORMATS = {
    edit_pb2.OUTPUT_FORMAT_PRORES_422_HQ_MOV: OutputFormat.PRORES_422_HQ_MOV,
    edit_pb2.OUTPUT_FORMAT_H264_MP4: OutputFormat.H264_MP4,
    edit_pb2.OUTPUT_FORMAT_FFV1_MKV: OutputFormat.FFV1_MKV,
}
ATTENTION_MODES = {
    edit_pb2.ATTENTION_MODE_GATHER_SWAP: AttentionMode.GATHER_SWAP,
    edit_pb2.ATTENTION_MODE_CROSS_FRAME: AttentionMode.CROSS_FRAME,
    edit_pb2.ATTENTION_MODE_GATHER_ONLY: AttentionMode.GATHER_ONLY,
    edit_pb2.ATTENTION_MODE_INDEPENDENT: AttentionMode.INDEPENDENT,
}
SWAP_LAYERS = {
    edit_pb2.SWAP_LAYERS_ALL: SwapLayers.ALL,
    edit_pb2.SWAP_LAYERS_SELF: SwapLayers.SELF,
}
SCOPES = {
    local_pb2.SCOPE_AUTO: Scope.AUTO,
    local_pb2.SCOPE_GLOBAL: Scope.GLOBAL,
}
BLEND_SCHEDULES = {
    local_pb2.BLEND_SCHEDULE_LINEAR: BlendSchedule.LINEAR,
    local_pb2.BLEND_SCHEDULE_CONSTANT: BlendSchedule.CONSTANT,
    local_pb2.BLEND_SCHEDULE_LAST_STEP: BlendSchedule.LAST_STEP,
    local_pb2.BLEND_SCHEDULE_DELAYED: BlendSchedule.DELAYED,
}
SOURCE_LATENTS = {
    local_pb2.SOURCE_LATENTS_RENOISED: SourceLatents.RENOISED,
    local_pb2.SOURCE_LATENTS_INVERTED: SourceLatents.INVERTED,
}


def chosen(number: Number, values: Mapping[Number, T], default: T, *, field: str) -> T:
    """The value of an enum's number, `default` for 0.

    Raises:
        ArgumentError: the enum has no such number.
    """
    if number == 0:
        return default
    if number not in values:
        raise ArgumentError(f"{number} is none of 1 to {max(values)}", field=field)
    return values[number]


def number_of(value: T, values: Mapping[Number, T]) -> Number:
    """The number the contract has for a value."""
    return next(number for number, each in values.items() if each == value)


def if_present(message: Message, field: str) -> T | None:
    """What the message says of an optional field, None when it says nothing."""
    value: T | None = getattr(message, field) if message.HasField(field) else None
    return value


def local_spec(message: local_pb2.LocalSettings) -> LocalSpec:
    """Where the edit may change the picture. A picture inside the message counts as stored.

    Raises:
        ArgumentError: an enum has no such number, or a mask names no file.
    """
    mask, field = message.own_mask, "spec.local.own_mask"
    kind = mask.WhichOneof("mask")
    if message.HasField("own_mask") and kind is None:
        raise ArgumentError("the mask is empty; give a file, a box or clicks", field=field)
    return LocalSpec(
        scope=chosen(message.scope, SCOPES, Scope.AUTO, field="spec.local.scope"),
        phrase=message.phrase.strip(),
        matte_clip=(
            media_source(mask.matte_clip, field=f"{field}.matte_clip")
            if kind == "matte_clip"
            else None
        ),
        still_mask=media_source(mask.still, field=f"{field}.still") if kind == "still" else None,
        box=_box(mask.box) if kind == "box" else None,
        points=_points(mask.points) if kind == "points" else None,
        dilation_px=if_present(message, "dilation_px"),
        feather_px=if_present(message, "feather_px"),
        schedule=chosen(
            message.schedule, BLEND_SCHEDULES, BlendSchedule.CONSTANT, field="spec.local.schedule"
        ),
        source_latents=chosen(
            message.source_latents,
            SOURCE_LATENTS,
            SourceLatents.RENOISED,
            field="spec.local.source_latents",
        ),
    )


def local_message(local: LocalSpec) -> local_pb2.LocalSettings:
    """Where the edit may change the picture."""
    message = local_pb2.LocalSettings(
        scope=number_of(local.scope, SCOPES),
        phrase=local.phrase,
        dilation_px=local.dilation_px,
        feather_px=local.feather_px,
        schedule=number_of(local.schedule, BLEND_SCHEDULES),
        source_latents=number_of(local.source_latents, SOURCE_LATENTS),
    )
    if local.has_own_mask:
        message.own_mask.CopyFrom(_mask_message(local))
    return message


def adapt_spec(message: adapt_pb2.AdaptSettings) -> AdaptSpec:
    """How the editor is tuned, or that it shall not be.

    Raises:
        ArgumentError: the root image or the adapter names no file.
    """
    if message.HasField("enabled") and not message.enabled:
        return AdaptSpec(enabled=False)
    root = message.WhichOneof("root")
    plain = AdaptSpec()
    return AdaptSpec(
        steps=if_present(message, "steps"),
        rank=message.rank if message.HasField("rank") else plain.rank,
        learning_rate=if_present(message, "learning_rate"),
        full=message.full,
        candidates=message.candidates if message.HasField("candidates") else plain.candidates,
        root_choice=root_choice(message.root_choice) if root == "root_choice" else None,
        root_image=_root_image(message.root_image) if root == "root_image" else None,
        adapter=(
            media_source(message.adapter, field="spec.adapt.adapter")
            if message.HasField("adapter")
            else None
        ),
    )


def adapt_message(adapt: AdaptSpec | None) -> adapt_pb2.AdaptSettings:
    """How the editor is tuned."""
    if adapt is None:
        return adapt_pb2.AdaptSettings(enabled=False)
    message = adapt_pb2.AdaptSettings(
        enabled=True,
        steps=adapt.steps,
        rank=adapt.rank,
        learning_rate=adapt.learning_rate,
        full=adapt.full,
        candidates=adapt.candidates,
        adapter=None if adapt.adapter is None else source_message(adapt.adapter),
    )
    if adapt.root_choice is not None:
        message.root_choice.CopyFrom(choice_message(adapt.root_choice))
    if adapt.root_image is not None:
        file = source_message(adapt.root_image.source)
        message.root_image.CopyFrom(adapt_pb2.RootImage(frame=adapt.root_image.frame, file=file))
    return message


def root_choice(message: adapt_pb2.RootChoice) -> RootChoice:
    """A root frame and how it is edited."""
    return RootChoice(
        frame=message.frame,
        seed=message.seed,
        guidance_scale=message.guidance_scale,
        image_guidance_scale=message.image_guidance_scale,
    )


def choice_message(choice: RootChoice) -> adapt_pb2.RootChoice:
    """A root frame and how it is edited."""
    return adapt_pb2.RootChoice(
        frame=choice.frame,
        seed=choice.seed,
        guidance_scale=choice.guidance_scale,
        image_guidance_scale=choice.image_guidance_scale,
    )


def _box(message: local_pb2.BoxPrompt) -> BoxPrompt:
    edges = (message.left_px, message.top_px, message.right_px, message.bottom_px)
    return BoxPrompt(frame=message.frame, box_xyxy=edges)


def _points(message: local_pb2.PointPrompt) -> PointPrompt:
    return PointPrompt(
        frame=message.frame,
        points_xy=tuple((click.x_px, click.y_px) for click in message.clicks),
        labels=tuple(int(click.is_on_subject) for click in message.clicks),
    )


def _mask_message(local: LocalSpec) -> local_pb2.OwnMask:
    message = local_pb2.OwnMask()
    if local.matte_clip is not None:
        message.matte_clip.CopyFrom(source_message(local.matte_clip))
    elif local.still_mask is not None:
        message.still.CopyFrom(source_message(local.still_mask))
    elif local.box is not None:
        left, top, right, bottom = local.box.box_xyxy
        box = local_pb2.BoxPrompt(
            frame=local.box.frame, left_px=left, top_px=top, right_px=right, bottom_px=bottom
        )
        message.box.CopyFrom(box)
    elif local.points is not None:
        clicks = [
            local_pb2.Click(x_px=x, y_px=y, is_on_subject=bool(label))
            for (x, y), label in zip(local.points.points_xy, local.points.labels, strict=True)
        ]
        message.points.CopyFrom(local_pb2.PointPrompt(frame=local.points.frame, clicks=clicks))
    return message


def _root_image(message: adapt_pb2.RootImage) -> RootImageSpec:
    return RootImageSpec(
        frame=message.frame,
        source=media_source(message.file, field="spec.adapt.root_image.file"),
    )
