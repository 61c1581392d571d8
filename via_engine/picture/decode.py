"""Exact frames of a media file as upright R'G'B' pictures, streamed."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import chain, dropwhile, islice

import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from via_engine.errors import MediaChangedError, MediaError, MediaUnreadableError, RangeError
from via_engine.media_types import FrameRange, MediaInfo
from via_engine.picture.colour import resolved_matrix
from via_engine.picture.container import open_media, video_stream
from via_engine.picture.picture_index import PictureIndex, picture_index
from via_engine.picture.planes import picture_from_frame
from via_engine.picture.probe import identity_of
from via_engine.picture.sequence import read_picture

_THUMBNAIL_PX = 160


def read_frames(
    media: MediaInfo, frame_range: FrameRange, *, clipped: bool = True
) -> Generator[NDArray[np.float32]]:
    """Frames of the range in order, one in memory at a time.

    Each is (H, W, 3) float32 R'G'B' in 0..1, upright (a quarter turn swaps the media's width and
    height), display-referred in the source's own primaries and transfer: only range and matrix are
    undone. Results are written upright, without a rotation of their own. Without `clipped`, values
    reach outside 0..1 where the stored samples do: the way to hand them on unaltered.

    Raises:
        RangeError: the range reaches outside the media; at once.
        MediaChangedError: the file is not the probed one any more, or ends too early.
        MediaUnreadableError: a picture is damaged.
    """
    if not media.frame_range.contains(frame_range):
        raise RangeError(
            f"frames {frame_range.start_frame}:{frame_range.end_frame_exclusive} reach outside "
            f"{media.path.name}, which holds frames 0:{media.frame_count}"
        )
    return _checked_frames(media, frame_range, clipped=clipped)


def read_frames_at(media: MediaInfo, frames: Sequence[int]) -> list[NDArray[np.float32]]:
    """The named frames, in the order asked; as `read_frames` gives them."""
    return [next(read_frames(media, FrameRange(frame, frame + 1))) for frame in frames]


def read_thumbnails(media: MediaInfo, frame_range: FrameRange) -> Iterator[NDArray[np.uint8]]:
    """Small pictures of the range in order, for looking over much media quickly.

    Each is (h, w, 3) uint8 RGB, its longer side at most 160 pixels, as stored: neither turned nor
    colour managed.

    Raises:
        MediaChangedError, MediaUnreadableError: as `read_frames`.
    """
    shrink = max(1.0, max(media.width, media.height) / _THUMBNAIL_PX)
    width, height = (max(1, round(side / shrink)) for side in (media.width, media.height))
    for frame in _stored_frames(media, frame_range):
        small = frame.reformat(width=width, height=height, format="rgb24")
        yield np.asarray(small.to_ndarray(), np.uint8)


def _checked_frames(
    media: MediaInfo, frame_range: FrameRange, *, clipped: bool
) -> Generator[NDArray[np.float32]]:
    _refuse_changed(media)
    matrix = resolved_matrix(media.colour, media.height)
    try:
        for frame in _stored_frames(media, frame_range):
            _refuse_other_size(media, frame)
            full_range = media.colour.full_range
            picture = picture_from_frame(frame, matrix, full_range=full_range, clipped=clipped)
            yield np.ascontiguousarray(np.rot90(picture, media.rotation_degrees // 90))
    except MediaError:
        # A fault that was not there when the file was probed has a better name.
        _refuse_changed(media)
        raise


def _stored_frames(media: MediaInfo, frame_range: FrameRange) -> Iterator[VideoFrame]:
    if media.sequence is not None:
        yield from (read_picture(media.sequence, frame) for frame in frame_range.frames)
        return
    start, end = frame_range.start_frame, frame_range.end_frame_exclusive
    index = picture_index(media.path, media.identity)
    with open_media(media.path) as container:
        stream = video_stream(container, media.path)
        if not index.entry_points:
            pictures: Iterator[VideoFrame] = islice(container.decode(stream), start, end)
        else:
            decoded = _decoded(_packets_towards(container, stream, index, start))
            pictures = _frames_at_times(decoded, index.times[start:end].tolist())
        frame = start
        for picture in pictures:
            yield picture
            frame += 1
    if frame < end:
        raise MediaChangedError(
            f"{media.path} gave no picture for frame {frame}, though it held "
            f"{media.frame_count} when it was probed; put the original file back and retry"
        )


def _packets_towards(
    container: InputContainer, stream: VideoStream, index: PictureIndex, frame: int
) -> Iterator[Packet[VideoStream]]:
    """Packets from a keyframe at or before `frame`, wherever the demuxer thinks it should land."""
    wanted = int(index.times[frame])
    # x264 signs the first picture only; its older 4:4:4 streams decode wrongly unsigned.
    next(container.demux(stream)).decode()
    for target in index.seek_targets(frame):
        container.seek(target, stream=stream)
        packets = dropwhile(lambda packet: not packet.is_keyframe, container.demux(stream))
        first = next(packets, None)
        if first is not None and first.pts is not None and first.pts <= wanted:
            return chain([first], packets)
    container.seek(index.entry_points[0][1], stream=stream)
    return container.demux(stream)


def _decoded(packets: Iterator[Packet[VideoStream]]) -> Iterator[VideoFrame]:
    for packet in packets:
        yield from packet.decode()


def _frames_at_times(frames: Iterator[VideoFrame], times: list[int]) -> Iterator[VideoFrame]:
    """The frames at these pts, until one of them is missing."""
    wanted = iter(times)
    target = next(wanted)
    for frame in frames:
        if frame.pts is None or frame.pts < target:
            continue
        if frame.pts > target:
            return
        yield frame
        following = next(wanted, None)
        if following is None:
            return
        target = following


def _refuse_changed(media: MediaInfo) -> None:
    try:
        is_same = identity_of(media.media_file) == media.identity
    except MediaError as error:
        raise _changed(media) from error
    if not is_same:
        raise _changed(media)


def _refuse_other_size(media: MediaInfo, frame: VideoFrame) -> None:
    if (frame.width, frame.height) != (media.width, media.height):
        raise MediaUnreadableError(
            f"{media.path} changes from {media.width}x{media.height} to "
            f"{frame.width}x{frame.height} on the way; split it where the size changes"
        )


def _changed(media: MediaInfo) -> MediaChangedError:
    return MediaChangedError(
        f"{media.path} was replaced, altered or removed after it was probed; put the original "
        "file back, or submit the edit again for the new one"
    )
