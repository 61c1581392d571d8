"""Files and image sequences as callers name them: messages of the contract to and from values."""

from __future__ import annotations

from fractions import Fraction

from via.v1 import media_pb2

from server.edit_spec import MediaSource, SequenceName, SourceKind
from server.errors import ArgumentError


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
        is_single=message.is_single,
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


def _sequence_message(source: MediaSource, name: SequenceName) -> media_pb2.ImageSequence:
    rate = media_pb2.Rational(num=name.frame_rate.numerator, den=name.frame_rate.denominator)
    message = media_pb2.ImageSequence(
        name_prefix=name.name_prefix,
        name_suffix=name.name_suffix,
        zero_padding=name.zero_padding,
        first_number=name.first_number,
        frame_count=name.frame_count,
        frame_rate=rate,
        is_single=name.is_single,
    )
    if source.kind is SourceKind.ROOTED_PATH:
        message.rooted_folder.root_id = source.root_id
        message.rooted_folder.relative_path = source.location
    elif source.kind is SourceKind.UPLOAD:
        message.upload_id = source.location
    else:
        message.absolute_folder = source.location
    return message
