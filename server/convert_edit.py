"""Edits, plans and media: messages of the contract to and from the server's values. Pure."""

from __future__ import annotations

from fractions import Fraction

from google.protobuf.duration_pb2 import Duration
from via.v1 import edit_pb2, media_pb2

from server.convert_settings import (
    ATTENTION_MODES,
    OUTPUT_FORMATS,
    SWAP_LAYERS,
    adapt_message,
    adapt_spec,
    chosen,
    if_present,
    local_message,
    local_spec,
    number_of,
)
from server.convert_source import media_source, source_message
from server.edit_spec import EditPlan, EditSpec, ResolvedSpec
from via_engine.media_types import FrameRange, MediaInfo, OutputFormat


def edit_spec(message: edit_pb2.EditSpec) -> EditSpec:
    """The edit as asked for.

    Raises:
        ArgumentError: no source is named, or an enum has no such number.
        EmptyRangeError: a range holds no frame.
    """
    return EditSpec(
        source=media_source(message.source, field="spec.source"),
        instruction=message.instruction,
        model=message.model or None,
        frame_range=_range_if(message, "frame_range", message.frame_range),
        hold_frames=message.hold_frames,
        group_range=_range_if(message, "group_range", message.group_range),
        group_from=message.group_from,
        identity=message.identity,
        seed=if_present(message, "seed"),
        steps=if_present(message, "steps"),
        guidance_scale=if_present(message, "guidance_scale"),
        image_guidance_scale=if_present(message, "image_guidance_scale"),
        group_size=if_present(message, "group_size"),
        attention=chosen(message.attention, ATTENTION_MODES, None, field="spec.attention"),
        swap_layers=chosen(message.swap_layers, SWAP_LAYERS, None, field="spec.swap_layers"),
        swap_steps=if_present(message, "swap_steps"),
        steady_frames=if_present(message, "steady_frames"),
        local=local_spec(message.local),
        adapt=adapt_spec(message.adapt) if message.HasField("adapt") else None,
        output_format=chosen(
            message.output_format,
            OUTPUT_FORMATS,
            OutputFormat.PRORES_422_HQ_MOV,
            field="spec.output_format",
        ),
    )


def edit_spec_message(spec: ResolvedSpec) -> edit_pb2.EditSpec:
    """The edit with every setting filled in."""
    return edit_pb2.EditSpec(
        source=source_message(spec.source),
        frame_range=range_message(spec.frame_range),
        hold_frames=spec.hold_frames,
        instruction=spec.instruction,
        group_range=None if spec.group_range is None else range_message(spec.group_range),
        group_from=spec.group_from,
        identity=spec.identity,
        model=spec.model,
        seed=spec.seed,
        steps=spec.steps,
        guidance_scale=spec.guidance_scale,
        image_guidance_scale=spec.image_guidance_scale,
        group_size=spec.group_size,
        attention=number_of(spec.attention, ATTENTION_MODES),
        swap_layers=number_of(spec.swap_layers, SWAP_LAYERS),
        swap_steps=spec.swap_steps,
        steady_frames=spec.steady_frames,
        local=local_message(spec.local),
        adapt=adapt_message(spec.adapt),
        output_format=number_of(spec.output_format, OUTPUT_FORMATS),
    )


def plan_message(plan: EditPlan) -> edit_pb2.EditPlan:
    """What an edit would do."""
    return edit_pb2.EditPlan(
        resolved_spec=edit_spec_message(plan.spec),
        media=media_message(plan.media),
        frame_count=plan.spec.frame_range.frame_count,
        working_width=plan.working_width,
        working_height=plan.working_height,
        estimated_duration=duration_message(plan.estimated_seconds),
        warnings=plan.warnings,
        estimated_memory_bytes=plan.estimated_memory_bytes,
        is_measured=plan.is_measured,
    )


def media_message(media: MediaInfo) -> media_pb2.MediaInfo:
    """What the media holds."""
    return media_pb2.MediaInfo(
        width=media.width,
        height=media.height,
        frame_rate=rational_message(media.frame_rate),
        frame_count=media.frame_count,
        codec=media.codec,
        pixel_format=media.pixel_format,
        start_timecode=media.start_timecode or "",
        identity=media.identity,
        missing_ranges=[range_message(frames) for frames in media.missing_ranges],
    )


def range_message(frames: FrameRange) -> media_pb2.FrameRange:
    """A range of media frames."""
    return media_pb2.FrameRange(
        start_frame=frames.start_frame, end_frame_exclusive=frames.end_frame_exclusive
    )


def rational_message(rate: Fraction) -> media_pb2.Rational:
    """A frame rate."""
    return media_pb2.Rational(num=rate.numerator, den=rate.denominator)


def duration_message(seconds: float | None) -> Duration | None:
    """A length of time; None stays None."""
    if seconds is None:
        return None
    message = Duration()
    message.FromMicroseconds(round(seconds * 1e6))
    return message


def _range_if(
    message: edit_pb2.EditSpec, field: str, frames: media_pb2.FrameRange
) -> FrameRange | None:
    if not message.HasField(field):
        return None
    return FrameRange(frames.start_frame, frames.end_frame_exclusive)
