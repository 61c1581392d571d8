"""Clips made for a test, whose every frame says its number, and what ffprobe says of a file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from via_engine.media_types import FrameRange, MediaInfo
from via_engine.picture.decode import read_frames

REAL_CLIPS = (
    "wolf.mp4",
    "cockatoo.mp4",
    "man-skiing.mp4",
    "realshort.mp4",
    "via_dog_origin.mp4",
    "via_dog_tiger.mp4",
    "tlrender/BART_2021-02-07.m4v",
    "tlrender/PSR63_2012-06-02.mov",
)
_BITS = 8
_BLOCK_PX = 16


def numbered_picture(number: int) -> NDArray[np.uint8]:
    """Grey picture (32, 128, 3) with the number in binary, a block a bit, lowest bit left."""
    bits = [(number >> bit) & 1 for bit in range(_BITS)]
    row = np.repeat(np.array(bits, np.uint8) * 160 + 40, _BLOCK_PX)
    return np.broadcast_to(row[None, :, None], (32, _BITS * _BLOCK_PX, 3)).copy()


def number_in(picture: NDArray[np.float32]) -> int:
    """The number that `numbered_picture` wrote, read back from R'G'B' in 0..1."""
    blocks = picture[8:24].mean(axis=(0, 2)).reshape(_BITS, _BLOCK_PX).mean(axis=1)
    return sum(1 << bit for bit, value in enumerate(blocks) if value > 0.5)


def numbers(media: MediaInfo, start: int, end: int) -> list[int]:
    """Numbers of the frames read from a range of a numbered clip."""
    return [number_in(picture) for picture in read_frames(media, FrameRange(start, end))]


def write_clip(
    path: Path,
    frame_count: int = 40,
    *,
    codec: str = "libx264",
    rate: Fraction = Fraction(24000, 1001),
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    pts: Sequence[int] | None = None,
    muxer_options: dict[str, str] | None = None,
    timecode: str | None = None,
) -> Path:
    """Numbered clip; `pts` in frames, for pictures that are not evenly spaced."""
    pictures = (
        av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
        for number in range(frame_count)
    )
    write_video_frames(
        path,
        (picture.reformat(format=pixel_format) for picture in pictures),
        codec=codec,
        rate=rate,
        options={"g": "10", "bf": "3"} if options is None else options,
        pts=range(frame_count) if pts is None else pts,
        muxer_options=muxer_options,
        timecode=timecode,
    )
    return path


def write_video_frames(
    path: Path,
    frames: Iterable[av.VideoFrame],
    *,
    codec: str,
    rate: Fraction,
    options: dict[str, str],
    pts: Iterable[int],
    muxer_options: dict[str, str] | None = None,
    timecode: str | None = None,
) -> None:
    """Encodes frames as they are."""
    with av.open(path, "w", options=muxer_options or {}) as container:
        if timecode:
            container.metadata["timecode"] = timecode
        stream = container.add_stream(codec, rate=rate, options=options)
        for position, (frame, stamp) in enumerate(zip(frames, pts, strict=True)):
            if position == 0:
                stream.width, stream.height = frame.width, frame.height
                stream.pix_fmt = frame.format.name
            frame.time_base, frame.pts = 1 / rate, stamp
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def copy_packets(
    source: Path, target: Path, *, shift_frames: int = 0, rotation_degrees: int = 0
) -> Path:
    """Rewraps a clip; a negative shift makes the muxer hide pictures behind an edit list."""
    with av.open(source) as container, av.open(target, "w") as output:
        stream = container.streams.video[0]
        copied = output.add_stream_from_template(stream)
        if rotation_degrees:
            copied.set_display_rotation(rotation_degrees)
        shift = round(shift_frames / (Fraction(stream.average_rate or 1) * stream.time_base))
        for packet in container.demux(stream):
            if packet.dts is not None and packet.pts is not None:
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = copied
                output.mux(packet)
    return target


def probed(ffprobe: str, path: Path, *arguments: str) -> dict[str, Any]:
    """What ffprobe says of the first video stream."""
    command = [ffprobe, "-v", "error", "-select_streams", "v:0", "-of", "json", *arguments]
    answer = subprocess.run([*command, str(path)], capture_output=True, check=True, text=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def probed_stream(ffprobe: str, path: Path, *arguments: str) -> dict[str, Any]:
    """ffprobe's `stream` section."""
    stream: dict[str, Any] = probed(ffprobe, path, "-show_streams", *arguments)["streams"][0]
    return stream
