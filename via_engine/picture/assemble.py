"""Finished chunks to one clip: packets are copied in order, nothing is encoded again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from via_engine.edit_request import FinishedChunk
from via_engine.errors import MediaError, OutputError
from via_engine.media_types import OutputFormat
from via_engine.picture.container import create_media, open_media, video_stream
from via_engine.picture.decode import read_frames_at
from via_engine.picture.durable_file import durable_file, output_errors, sha256_of
from via_engine.picture.encode import ClipGeometry
from via_engine.picture.probe import probe_media
from via_engine.picture.timecode import timecode_at


def assemble_chunks(
    chunks: Sequence[FinishedChunk],
    output: Path,
    geometry: ClipGeometry,
    *,
    start_timecode: str | None,
    output_format: OutputFormat,
    repeats: int = 0,
) -> None:
    """Joins chunks that follow one another into `output`, which appears complete or not at all.

    Args:
        chunks: in order, without gap; written by `write_chunk` with the same geometry and format.
        output: the file to make; one that exists is replaced in one step.
        geometry: size and rate the result is checked against.
        start_timecode: label of the first frame, written as a timecode track; None for no track.
        output_format: container; the codec is the chunks'.
        repeats: how often the last chunk has its last picture again.

    Raises:
        OutputError: chunks do not fit together, a chunk cannot be read, the folder cannot be
            written, or the result is not what it should be.
        DiskFullError: no space is left.
    """
    _refuse_gaps(chunks)
    with durable_file(output) as partial:
        try:
            if start_timecode is not None:
                start_timecode = timecode_at(start_timecode, geometry.frame_rate, 0)
            _join(chunks, partial, geometry, start_timecode, output_format)
            frame_count = sum(chunk.frame_range.frame_count for chunk in chunks) + repeats
            _verify(partial, frame_count, geometry, start_timecode)
        except MediaError as error:
            raise OutputError(f"{output} cannot be assembled: {error}") from error


def verify_chunk(chunk: FinishedChunk) -> bool:
    """Whether the chunk's file still is the one that was written: there, same size, same bytes."""
    try:
        has_size = chunk.path.stat().st_size == chunk.size_bytes
        return has_size and sha256_of(chunk.path) == chunk.sha256
    except OSError:
        return False


def _refuse_gaps(chunks: Sequence[FinishedChunk]) -> None:
    if not chunks:
        raise OutputError("there is no chunk to assemble; this is a fault in Via, please report it")
    for chunk, following in pairwise(chunks):
        if chunk.frame_range.end_frame_exclusive != following.frame_range.start_frame:
            raise OutputError(
                f"chunk {following.index} starts at frame {following.frame_range.start_frame}, "
                f"but the one before it ends at {chunk.frame_range.end_frame_exclusive}; "
                "this is a fault in Via, please report it"
            )


def _join(
    chunks: Sequence[FinishedChunk],
    partial: Path,
    geometry: ClipGeometry,
    start_timecode: str | None,
    output_format: OutputFormat,
) -> None:
    options = {"write_tmcd": "1"} if start_timecode else {}
    first = chunks[0].path
    with open_media(first) as source, create_media(partial, output_format, options) as output:
        template = video_stream(source, first)
        stream = _add_copied_stream(output, template, geometry)
        if start_timecode:
            output.metadata["timecode"] = start_timecode
        for packet in _packets_in_order(chunks, stream, template, geometry.frame_rate):
            with output_errors(partial):
                output.mux(packet)


def _add_copied_stream(
    output: OutputContainer, template: VideoStream, geometry: ClipGeometry
) -> VideoStream:
    stream = output.add_stream_from_template(template)
    # Without a rate on the codec the muxer leaves out the timecode track without a word.
    stream.codec_context.framerate = geometry.frame_rate
    # ProRes has no place for the pixel's shape, so that the template does not know it.
    stream.codec_context.sample_aspect_ratio = geometry.sample_aspect_ratio
    stream.time_base = Fraction(1, geometry.frame_rate.numerator)
    return stream


def _packets_in_order(
    chunks: Sequence[FinishedChunk],
    stream: VideoStream,
    template: VideoStream,
    frame_rate: Fraction,
) -> Iterator[Packet[VideoStream]]:
    """All packets with continuous stamps; chunks hold no B-frames, so their order is display's."""
    frame = 0
    for chunk in chunks:
        with open_media(chunk.path) as container:
            source = video_stream(container, chunk.path)
            _refuse_other_codec(source, template, chunk)
            for packet in container.demux(source):
                if not packet.size:
                    continue
                packet.stream = stream
                packet.time_base = Fraction(1, frame_rate.numerator)
                packet.pts = packet.dts = frame * frame_rate.denominator
                packet.duration = frame_rate.denominator
                yield packet
                frame += 1


def _refuse_other_codec(source: VideoStream, template: VideoStream, chunk: FinishedChunk) -> None:
    first, codec = template.codec_context, source.codec_context
    if (first.name, first.extradata) != (codec.name, codec.extradata):
        raise OutputError(
            f"{chunk.path.name} was encoded with other settings than the first chunk; "
            "remove the chunks of the older attempt and retry"
        )


def _verify(
    partial: Path, frame_count: int, geometry: ClipGeometry, start_timecode: str | None
) -> None:
    media = probe_media(partial)
    found = (media.frame_count, media.frame_rate, media.width, media.height, media.start_timecode)
    wanted = (frame_count, geometry.frame_rate, geometry.width, geometry.height, start_timecode)
    if found != wanted:
        raise OutputError(
            f"the assembled clip has (frames, rate, width, height, timecode) {found} instead of "
            f"{wanted}; the chunks are kept, retry the job"
        )
    read_frames_at(media, [0, frame_count - 1])
