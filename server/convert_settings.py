"""Sources, local and adapt settings: messages of the contract to and from the server's values."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TypeVar

from google.protobuf.message import Message
from via.v1 import adapt_pb2, edit_pb2, local_pb2, media_pb2

from server.edit_spec import (
    AdaptSpec,
    LocalSpec,
    MediaSource,
    RootImageSpec,
    SequenceName,
    SourceKind,
)
from server.errors import ArgumentError
from via_engine.edit_types import (
    AttentionMode,
    BlendSchedule,
    BoxPrompt,
    OutputFormat,
    PointPrompt,
    RootChoice,
    Scope,
    SourceLatents,
    SwapLayers,
)

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


def media_source(message: media_pb2.MediaSource, *, field: str) -> MediaSource:
    """The file as the caller named it.

    Raises:
        ArgumentError: it is not named at all.
    """
    match message.WhichOneof("source"):
        case "absolute_path":
            return MediaSource(kind=SourceKind.ABSOLUTE_PATH, location=message.absolute_path)
        case "rooted_path":
            rooted = message.rooted_path
            return MediaSource(
                kind=SourceKind.ROOTED_PATH,
                location=rooted.relative_path,
                root_id=rooted.root_id,
            )
        case "upload_id":
            return MediaSource(kind=SourceKind.UPLOAD, location=message.upload_id)
        case "sequence":
            return _sequence_source(message.sequence, field=f"{field}.sequence")
    raise ArgumentError("no file is named; give a path or an upload", field=field)


def _sequence_source(message: media_pb2.ImageSequence, *, field: str) -> MediaSource:
    rate = message.frame_rate
    if rate.num < 1 or rate.den < 1:
        raise ArgumentError("give the frames per second", field=f"{field}.frame_rate")
    name = SequenceName(
        name_prefix=message.name_prefix,
        name_suffix=message.name_suffix,
        zero_padding=message.zero_padding,
        first_number=message.first_number,
        frame_count=message.frame_count,
        frame_rate=Fraction(rate.num, rate.den),
    )
    match message.WhichOneof("folder"):
        case "absolute_folder":
            kind, folder, root_id = SourceKind.ABSOLUTE_PATH, message.absolute_folder, ""
        case "rooted_folder":
            rooted = message.rooted_folder
            kind, folder, root_id = SourceKind.ROOTED_PATH, rooted.relative_path, rooted.root_id
        case "upload_id":
            kind, folder, root_id = SourceKind.UPLOAD, message.upload_id, ""
        case _:
            raise ArgumentError("no folder is named", field=field)
    return MediaSource(kind=kind, location=folder, root_id=root_id, sequence=name)


def source_message(source: MediaSource) -> media_pb2.MediaSource:
    """The file as the caller named it."""
    if source.sequence is not None:
        return media_pb2.MediaSource(sequence=_sequence_message(source, source.sequence))
    if source.kind is SourceKind.ROOTED_PATH:
        rooted = media_pb2.RootedPath(root_id=source.root_id, relative_path=source.location)
        return media_pb2.MediaSource(rooted_path=rooted)
    if source.kind is SourceKind.UPLOAD:
        return media_pb2.MediaSource(upload_id=source.location)
    return media_pb2.MediaSource(absolute_path=source.location)


def _sequence_message(source: MediaSource, name: SequenceName) -> media_pb2.ImageSequence:
    rate = media_pb2.Rational(num=name.frame_rate.numerator, den=name.frame_rate.denominator)
    message = media_pb2.ImageSequence(
        name_prefix=name.name_prefix,
        name_suffix=name.name_suffix,
        zero_padding=name.zero_padding,
        first_number=name.first_number,
        frame_count=name.frame_count,
        frame_rate=rate,
    )
    if source.kind is SourceKind.ROOTED_PATH:
        message.rooted_folder.root_id = source.root_id
        message.rooted_folder.relative_path = source.location
    elif source.kind is SourceKind.UPLOAD:
        message.upload_id = source.location
    else:
        message.absolute_folder = source.location
    return message


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


def adapt_spec(message: adapt_pb2.AdaptSettings) -> AdaptSpec | None:
    """How the editor is tuned, None when it shall not be.

    Raises:
        ArgumentError: the root image or the adapter names no file.
    """
    if message.HasField("enabled") and not message.enabled:
        return None
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
