"""What the fake's media pool knows of a file, and the pictures its renders take from it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image

PRORES = ("prores_ks", "yuv422p10le")
ENCODERS = {"ProRes422HQ": PRORES, "ProRes422": PRORES, "H264": ("libx264", "yuv420p")}


@dataclass(frozen=True, kw_only=True)
class MediaFacts:
    """Facts of a movie file."""

    frame_count: int
    frame_rate: Fraction
    timecode: str
    width: int
    height: int
    has_sound: bool


def probe(path: str) -> MediaFacts | None:
    """Facts of a file; None when it is no movie."""
    try:
        with av.open(path) as container:
            if not container.streams.video:
                return None
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.base_rate
            count = stream.frames or sum(1 for p in container.demux(stream) if p.size)
            tags = {**container.metadata, **stream.metadata}
            return MediaFacts(
                frame_count=count,
                frame_rate=Fraction(rate or 24),
                timecode=tags.get("timecode", "00:00:00:00"),
                width=stream.width,
                height=stream.height,
                has_sound=bool(container.streams.audio),
            )
    except (OSError, av.FFmpegError):
        return None


def pictures(path: str | None, wanted: list[int], size: tuple[int, int]) -> list[Image.Image]:
    """Pictures of a file by number, as the viewer would scale them; grey where there is no file."""
    grey = Image.new("RGB", size, (90, 90, 90))
    if path is None or probe(path) is None:
        return [grey for _ in wanted]
    found: dict[int, Image.Image] = {}
    with av.open(path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                found[number] = frame.to_image().resize(size)
            if number >= max(wanted):
                break
    return [found.get(number, grey) for number in wanted]


def write_movie(path: Path, shown: list[Image.Image], rate: Fraction, codec: str) -> None:
    """Writes a movie as the render of a codec id would."""
    encoder, pixels = ENCODERS[codec]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=rate)
        stream.width, stream.height = shown[0].size
        stream.pix_fmt = pixels
        for picture in shown:
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())


def write_sound_only(path: Path) -> None:
    """What an "Audio Only" preset leaves: a movie file without pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.sample_rate = 48000
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
