"""What a media file holds, found by looking at it rather than by believing its header."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from via_engine.errors import MediaError, MediaUnreadableError
from via_engine.media_types import ColourTags, ImageSequence, MediaFile, MediaInfo
from via_engine.picture.colour import UNSPECIFIED
from via_engine.picture.container import media_identity, open_media, video_stream
from via_engine.picture.picture_index import picture_index
from via_engine.picture.rate import exact_rate
from via_engine.picture.sequence import (
    counted,
    missing_ranges,
    read_picture,
    sequence_identity,
)
from via_engine.picture.timecode import timecode_at

_LIMITED_RANGE, _FULL_RANGE = 1, 2
_GREY_FORMATS = ("gray", "ya8", "ya16", "pal8", "mono")
_INTERLACED_FIELD_ORDERS = {2, 3, 4, 5}


def identity_of(media_file: MediaFile) -> str:
    """Hex digest that says whether media is still the same.

    Raises:
        MediaError: it is gone or cannot be read.
    """
    if isinstance(media_file, ImageSequence):
        return sequence_identity(media_file)
    return media_identity(media_file)


def probe_media(media_file: MediaFile) -> MediaInfo:
    """Describes the first video stream of a file, or an image sequence.

    `frame_count` counts the pictures decoding gives. `rotation_degrees` is how far stored pictures
    have to be turned counter-clockwise to stand upright: 0, 90, 180 or 270.

    Raises:
        MediaNotFoundError: there is no file.
        MediaUnreadableError: not a video Via reads, damaged, or refused.
    """
    if isinstance(media_file, ImageSequence):
        return _probe_sequence(media_file)
    return _probe_file(media_file)


def _probe_sequence(asked: ImageSequence) -> MediaInfo:
    """Describes a sequence by its first picture; those of another size are found when read."""
    sequence = counted(asked)
    missing = missing_ranges(sequence)
    lacks_first = bool(missing) and missing[0].start_frame == 0
    first = missing[0].end_frame_exclusive if lacks_first else 0
    picture = read_picture(sequence, first)
    return MediaInfo(
        path=sequence.pattern,
        width=picture.width,
        height=picture.height,
        frame_rate=sequence.frame_rate,
        frame_count=sequence.frame_count,
        codec=sequence.name_suffix.rpartition(".")[2].lower(),
        pixel_format=picture.format.name,
        bits_per_sample=max(component.bits for component in picture.format.components),
        sample_aspect_ratio=Fraction(1),
        colour=ColourTags(
            primaries=int(picture.color_primaries),
            transfer=int(picture.color_trc),
            matrix=int(picture.colorspace),
            full_range=_is_full_range(picture, picture.color_range),
        ),
        # A photograph says which way the camera was held.
        rotation_degrees=_turn(picture) if sequence.is_single else 0,
        is_interlaced=False,
        is_variable_rate=False,
        start_timecode=None,
        size_bytes=sequence.path_of(first).stat().st_size,
        identity=sequence_identity(sequence),
        sequence=sequence,
        missing_ranges=missing,
        has_alpha=_has_alpha(picture),
    )


def _probe_file(path: Path) -> MediaInfo:
    identity = media_identity(path)
    index = picture_index(path, identity)
    with open_media(path) as container:
        stream = video_stream(container, path)
        picture = _first_picture(container, stream, path)
        reported = _reported_rates(stream, path)
        frame_rate, is_variable_rate = exact_rate(index.times, index.time_base, reported)
        return MediaInfo(
            path=path,
            width=picture.width,
            height=picture.height,
            frame_rate=frame_rate,
            frame_count=len(index.times),
            codec=stream.codec.canonical_name,
            pixel_format=picture.format.name,
            bits_per_sample=max(component.bits for component in picture.format.components),
            sample_aspect_ratio=stream.sample_aspect_ratio or Fraction(1),
            colour=_colour_tags(stream, picture),
            rotation_degrees=_turn(picture),
            is_interlaced=_is_interlaced(stream, picture),
            is_variable_rate=is_variable_rate,
            start_timecode=_start_timecode(container, stream, frame_rate),
            size_bytes=container.size,
            identity=identity,
            has_alpha=_has_alpha(picture),
        )


def _turn(picture: VideoFrame) -> int:
    """Degrees counter-clockwise that make the picture upright, in quarter turns."""
    return round(picture.rotation / 90) * 90 % 360


def _first_picture(container: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    for picture in container.decode(stream):
        return picture
    raise MediaUnreadableError(f"{path} holds no decodable picture; the file may be damaged")


def _reported_rates(stream: VideoStream, path: Path) -> list[Fraction]:
    rates = [rate for rate in (stream.average_rate, stream.base_rate, stream.guessed_rate) if rate]
    if not rates:
        raise MediaUnreadableError(f"{path} gives no frame rate; rewrap it as MOV or MP4")
    return rates


def _colour_tags(stream: VideoStream, picture: VideoFrame) -> ColourTags:
    """Tags of the picture's own header, where it is silent those of the container."""
    container = stream.codec_context
    return ColourTags(
        primaries=_first_said(picture.color_primaries, container.color_primaries),
        transfer=_first_said(picture.color_trc, container.color_trc),
        matrix=_first_said(picture.colorspace, container.colorspace),
        full_range=_is_full_range(picture, picture.color_range, container.color_range),
    )


def _is_full_range(picture: VideoFrame, *said: int) -> bool:
    """As said; else R'G'B', grey and palettes use all codes, as FFmpeg has it."""
    has_full_format = picture.format.is_rgb or picture.format.name.startswith("yuvj")
    is_grey = picture.format.name.startswith(_GREY_FORMATS) and _LIMITED_RANGE not in said
    return has_full_format or is_grey or _FULL_RANGE in said


def _has_alpha(picture: VideoFrame) -> bool:
    return any(component.is_alpha for component in picture.format.components)


def _first_said(*values: int) -> int:
    return next((int(value) for value in values if value != UNSPECIFIED), UNSPECIFIED)


def _is_interlaced(stream: VideoStream, picture: VideoFrame) -> bool:
    field_order = stream.codec_context.field_order
    return picture.interlaced_frame or field_order in _INTERLACED_FIELD_ORDERS


def _start_timecode(
    container: InputContainer, stream: VideoStream, frame_rate: Fraction
) -> str | None:
    """Label of frame 0 in its usual form; None when absent or impossible at this rate."""
    sources = (stream, container, *container.streams)
    # Matroska writes its tags in capitals.
    names = ("timecode", "TIMECODE")
    labels = (source.metadata.get(name) for source in sources for name in names)
    label = next(filter(None, labels), None)
    try:
        return timecode_at(label, frame_rate, 0) if label else None
    except MediaError:
        return None
