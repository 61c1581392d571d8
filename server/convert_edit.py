"""Edits, plans and media: messages of the contract to and from the server's values. Pure."""

from __future__ import annotations

from fractions import Fraction
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from via.v1 import edit_pb2, media_pb2

from server.edit_spec import EditPlan, EditSpec, MediaSource, ResolvedSpec, SourceKind
from server.errors import ArgumentError
from via_engine.edit_types import FrameRange, MediaInfo, OutputFormat

T = TypeVar("T")

OUTPUT_FORMATS = {
    edit_pb2.OUTPUT_FORMAT_PRORES_422_HQ_MOV: OutputFormat.PRORES_422_HQ_MOV,
    edit_pb2.OUTPUT_FORMAT_H264_MP4: OutputFormat.H264_MP4,
}
OUTPUT_FORMAT_NUMBERS = {value: number for number, value in OUTPUT_FORMATS.items()}


def edit_spec(message: edit_pb2.EditSpec) -> EditSpec:
    """The edit as asked for.

    Raises:
        ArgumentError: no source is named, or the output format is unknown.
        EmptyRangeError: a range holds no frame.
    """
    return EditSpec(
        source=media_source(message.source),
        instruction=message.instruction,
        model=message.model or None,
        frame_range=_range_if(message, "frame_range", message.frame_range),
        group_range=_range_if(message, "group_range", message.group_range),
        seed=_if_present(message, "seed", message.seed),
        steps=_if_present(message, "steps", message.steps),
        guidance_scale=_if_present(message, "guidance_scale", message.guidance_scale),
        image_guidance_scale=_if_present(
            message, "image_guidance_scale", message.image_guidance_scale
        ),
        group_size=_if_present(message, "group_size", message.group_size),
        independent_frames=message.independent_frames,
        output_format=_output_format(message.output_format),
    )


def media_source(message: media_pb2.MediaSource) -> MediaSource:
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
    raise ArgumentError("no media file is named; give a path or an upload", field="spec.source")


def edit_spec_message(spec: ResolvedSpec) -> edit_pb2.EditSpec:
    """The edit with every setting filled in."""
    return edit_pb2.EditSpec(
        source=_source_message(spec.source),
        frame_range=range_message(spec.frame_range),
        instruction=spec.instruction,
        group_range=range_message(spec.group_range),
        model=spec.model,
        seed=spec.seed,
        steps=spec.steps,
        guidance_scale=spec.guidance_scale,
        image_guidance_scale=spec.image_guidance_scale,
        group_size=spec.group_size,
        independent_frames=spec.independent_frames,
        output_format=OUTPUT_FORMAT_NUMBERS[spec.output_format],
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


def _output_format(number: edit_pb2.OutputFormat) -> OutputFormat | None:
    if number == edit_pb2.OUTPUT_FORMAT_UNSPECIFIED:
        return None
    if number not in OUTPUT_FORMATS:
        raise ArgumentError(f"{number} is no output format", field="spec.output_format")
    return OUTPUT_FORMATS[number]


def _if_present(message: edit_pb2.EditSpec, field: str, value: T) -> T | None:
    return value if message.HasField(field) else None


def _range_if(
    message: edit_pb2.EditSpec, field: str, frames: media_pb2.FrameRange
) -> FrameRange | None:
    if not message.HasField(field):
        return None
    return FrameRange(frames.start_frame, frames.end_frame_exclusive)


def _source_message(source: MediaSource) -> media_pb2.MediaSource:
    if source.kind is SourceKind.ROOTED_PATH:
        rooted = media_pb2.RootedPath(root_id=source.root_id, relative_path=source.location)
        return media_pb2.MediaSource(rooted_path=rooted)
    if source.kind is SourceKind.UPLOAD:
        return media_pb2.MediaSource(upload_id=source.location)
    return media_pb2.MediaSource(absolute_path=source.location)
