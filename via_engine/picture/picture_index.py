"""Where every picture of a media file stands in time; what frame numbers mean.

Frame k is the k-th picture in order of presentation that decoding really gives: pictures an edit
list discards do not count, and a count in the file's header is not believed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from via_engine.errors import MediaUnreadableError
from via_engine.picture.container import open_media, video_stream

_COMPARED_PICTURES = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureIndex:
    """Presentation times of all pictures, and where decoding can start.

    Attributes:
        times: pts in ticks of `time_base`, ascending; shape (frame_count,).
        time_base: seconds of a tick.
        entry_points: (pts, dts) of the keyframes, ascending; empty when packets do not tell which
            pictures come out, so that the file can only be read from its beginning.
    """

    times: NDArray[np.int64]
    time_base: Fraction
    entry_points: tuple[tuple[int, int], ...]

    def seek_targets(self, frame: int) -> Iterator[int]:
        """Times to seek to, best first, so that decoding passes through `frame`.

        Some containers index pts, some dts: the reader has to check where it landed.
        """
        last = bisect_right(self.entry_points, (int(self.times[frame]), np.inf)) - 1
        if last >= 0:
            yield from self.entry_points[last]
        if last >= 1:
            yield self.entry_points[last - 1][1]


@lru_cache(maxsize=32)
def picture_index(path: Path, identity: str) -> PictureIndex:  # noqa: ARG001 - part of the key
    """Index of the file at `path`, kept per identity, so that a changed file is indexed anew.

    Raises:
        MediaUnreadableError: damaged, or without a picture.
    """
    index = _index_from_packets(path)
    if index is None or not _decoding_agrees(path, index):
        index = _index_from_decoding(path)
    if len(index.times) == 0:
        raise MediaUnreadableError(f"{path} holds no decodable picture; the file may be damaged")
    return index


class _Stamp(NamedTuple):
    pts: int | None
    dts: int | None
    is_keyframe: bool
    is_shown: bool


def _index_from_packets(path: Path) -> PictureIndex | None:
    with open_media(path) as container:
        stream = video_stream(container, path)
        time_base = _time_base(stream, path)
        stamps = list(_stamps(container, stream, path))
    shown = {stamp.pts for stamp in stamps if stamp.is_shown}
    times = sorted(pts for pts in shown if pts is not None)
    if len(times) < sum(stamp.is_shown for stamp in stamps):
        return None
    entry_points = (
        (stamp.pts, stamp.pts if stamp.dts is None else stamp.dts)
        for stamp in stamps
        if stamp.is_keyframe and stamp.pts is not None
    )
    return PictureIndex(
        times=np.array(times, np.int64),
        time_base=time_base,
        entry_points=tuple(sorted(entry_points)),
    )


def _stamps(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[_Stamp]:
    if "mov" in container.format.name:
        _refuse_truncated(container, stream, path)
        if stream.codec.intra_only:
            # Its sample table says all; reading gigabytes of ProRes to count them would take long.
            for entry in stream.index_entries:
                at = entry.timestamp
                yield _Stamp(at, at, entry.is_keyframe, not entry.is_discard)
            return
    for packet in container.demux(stream):
        if packet.size:
            yield _Stamp(packet.pts, packet.dts, packet.is_keyframe, not packet.is_discard)


def _refuse_truncated(container: InputContainer, stream: VideoStream, path: Path) -> None:
    needed = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
    if needed > container.size:
        raise MediaUnreadableError(
            f"{path} is cut short: its pictures reach to byte {needed} of {container.size}; "
            "copy the file again"
        )


def _decoding_agrees(path: Path, index: PictureIndex) -> bool:
    """Whether the first pictures decoded are those the packets announced.

    They are not with separate fields, hidden reference pictures, or a recording that starts
    between keyframes.
    """
    with open_media(path) as container:
        pictures = container.decode(video_stream(container, path))
        decoded = [picture.pts for picture in islice(pictures, _COMPARED_PICTURES)]
    announced: list[int] = index.times[:_COMPARED_PICTURES].tolist()
    return decoded == announced


def _index_from_decoding(path: Path) -> PictureIndex:
    with open_media(path) as container:
        stream = video_stream(container, path)
        time_base = _time_base(stream, path)
        times = [picture.pts for picture in container.decode(stream)]
    known = sorted(pts for pts in times if pts is not None)
    return PictureIndex(
        # A file without stamps is taken as evenly spaced, one tick a picture.
        times=np.array(known if len(known) == len(times) else range(len(times)), np.int64),
        time_base=time_base,
        entry_points=(),
    )


def _time_base(stream: VideoStream, path: Path) -> Fraction:
    if not stream.time_base:
        raise MediaUnreadableError(f"{path} gives its pictures no time; rewrap it as MOV or MP4")
    return stream.time_base
