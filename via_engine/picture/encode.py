"""R'G'B' pictures to durable chunks of video that can be joined without encoding again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from via_engine.edit_request import FinishedChunk
from via_engine.errors import OutputError
from via_engine.media_types import ColourTags, FrameRange, MediaInfo, OutputFormat
from via_engine.picture.colour import delivery_tags
from via_engine.picture.composite import LocalPicture, frame_from_local_picture
from via_engine.picture.container import create_media
from via_engine.picture.durable_file import durable_file, output_errors, sha256_of
from via_engine.picture.planes import frame_from_picture

_LIMITED_RANGE: Final = 1
_PRORES_OPTIONS: Final = {"profile": "hq", "vendor": "apl0"}
# Every frame stands alone and carries its own checksum.
_FFV1_BITS: Final = (8, 10, 12, 14, 16)
_SUBSAMPLED: Final = re.compile("yuvj?(420|422)p")
_FFV1_OPTIONS: Final = {"level": "3", "g": "1", "slicecrc": "1"}
# Without B-frames packets are in display order, and every chunk is a closed group of pictures.
_H264_OPTIONS: Final = {"crf": "16", "bf": "0", "flags": "+cgop", "preset": "medium"}


@dataclass(frozen=True, kw_only=True)
class ClipGeometry:
    """Shape and tags of a written clip. Sizes in pixels, upright.

    `lossless_format` is the planar Y'CbCr format that holds the source's samples without loss.
    """

    width: int
    height: int
    frame_rate: Fraction
    sample_aspect_ratio: Fraction
    colour: ColourTags
    lossless_format: str = "yuv444p10le"

    @classmethod
    def of(cls, media: MediaInfo) -> ClipGeometry:
        """Geometry of a result made from all of the picture of `media`."""
        is_turned = media.rotation_degrees % 180 == 90
        width, height = media.width, media.height
        ratio = media.sample_aspect_ratio
        return cls(
            width=height if is_turned else width,
            height=width if is_turned else height,
            frame_rate=media.frame_rate,
            sample_aspect_ratio=1 / ratio if is_turned else ratio,
            colour=delivery_tags(media.colour, media.height),
            lossless_format=_lossless_format(media, is_turned=is_turned),
        )


def write_chunk(  # noqa: PLR0917 - one call, read like a sentence
    folder: Path,
    index: int,
    frame_range: FrameRange,
    frames: Iterable[NDArray[np.float32] | LocalPicture],
    geometry: ClipGeometry,
    output_format: OutputFormat,
    repeats: int = 0,
) -> FinishedChunk:
    """Encodes exactly the frames of the range into a durable file in `folder`.

    Args:
        folder: existing folder of the job.
        index: place of the chunk in the clip, from 0.
        frame_range: what the frames are; as many must come.
        frames: (H, W, 3) float32 R'G'B' in 0..1, upright; or with the source to show through. A
            picture that comes several times in a row, the very same object, is converted once.
        geometry: size, rate and tags; its matrix is the one the samples are made with.
        output_format: codec and container.
        repeats: how often the last picture comes again after the range.

    Raises:
        OutputError: a frame of another shape, or not finite; too few or too many frames; the
            folder cannot be written.
        DiskFullError: no space is left.
    """
    target = folder / f"chunk_{index:05d}{output_format.suffix}"
    with (
        durable_file(target) as partial,
        create_media(partial, output_format) as container,
    ):
        encoder = _Encoder(container, geometry, output_format)
        for frame in frames:
            encoder.write(frame)
        encoder.finish()
        wanted = frame_range.frame_count + repeats
        if encoder.frames_written != wanted:
            raise OutputError(
                f"{target.name} was to hold {wanted} frames, "
                f"{encoder.frames_written} came; this is a fault in Via, please report it"
            )
    return FinishedChunk(
        index=index,
        frame_range=frame_range,
        path=target,
        sha256=sha256_of(target),
        size_bytes=target.stat().st_size,
    )


class _Encoder:
    """One open video file that takes pictures."""

    def __init__(
        self, container: OutputContainer, geometry: ClipGeometry, output_format: OutputFormat
    ) -> None:
        self._container = container
        self._geometry = geometry
        self._stream = _add_stream(container, geometry, output_format)
        self._last: tuple[NDArray[np.float32] | LocalPicture, VideoFrame] | None = None
        self.frames_written = 0

    def write(self, picture: NDArray[np.float32] | LocalPicture) -> None:
        """Encodes the next picture; one that is held is converted once."""
        if self._last is None or self._last[0] is not picture:
            self._last = picture, self._converted(picture)
        _, frame = self._last
        # One tick is 1/numerator of a second, so that a frame is a whole number of ticks.
        frame.time_base = Fraction(1, self._geometry.frame_rate.numerator)
        frame.duration = self._geometry.frame_rate.denominator
        frame.pts = self.frames_written * frame.duration
        self.frames_written += 1
        self._encode(frame)

    def finish(self) -> None:
        """Writes what the codec still holds."""
        self._encode(None)

    def _converted(self, picture: NDArray[np.float32] | LocalPicture) -> VideoFrame:
        pixel_format, colour = str(self._stream.pix_fmt), self._geometry.colour
        if isinstance(picture, LocalPicture):
            self._refuse_unfit(picture.edited)
            self._refuse_unfit(picture.source)
            frame = frame_from_local_picture(picture, pixel_format, colour.matrix)
        else:
            self._refuse_unfit(picture)
            frame = frame_from_picture(picture, pixel_format, colour.matrix)
        _tag(frame, colour)
        return frame

    def _encode(self, frame: VideoFrame | None) -> None:
        with output_errors(Path(self._container.name)):
            self._container.mux(self._stream.encode(frame))

    def _refuse_unfit(self, picture: NDArray[np.float32]) -> None:
        shape = (self._geometry.height, self._geometry.width, 3)
        if picture.shape != shape or picture.dtype != np.float32:
            raise OutputError(
                f"frame {self.frames_written} of a chunk is {picture.shape} {picture.dtype}, "
                f"the clip needs {shape} float32; this is a fault in Via, please report it"
            )
        if not np.isfinite(picture).all():
            raise OutputError(
                f"frame {self.frames_written} of a chunk holds values that are no numbers; the "
                "model has overflowed, retry with dtype float32"
            )


def _add_stream(
    container: OutputContainer, geometry: ClipGeometry, output_format: OutputFormat
) -> VideoStream:
    rate, colour = geometry.frame_rate, geometry.colour
    if output_format is OutputFormat.PRORES_422_HQ_MOV:
        stream = container.add_stream("prores_ks", rate=rate, options=_PRORES_OPTIONS)
        stream.pix_fmt = "yuv422p10le"
    elif output_format is OutputFormat.FFV1_MKV:
        stream = container.add_stream("ffv1", rate=rate, options=_FFV1_OPTIONS)
        stream.pix_fmt = geometry.lossless_format
    else:
        stream = container.add_stream("libx264", rate=rate, options=_H264_OPTIONS)
        is_even = geometry.width % 2 == 0 and geometry.height % 2 == 0
        stream.pix_fmt = "yuv420p" if is_even else "yuv444p"
    stream.width, stream.height = geometry.width, geometry.height
    codec = stream.codec_context
    codec.sample_aspect_ratio = geometry.sample_aspect_ratio
    codec.time_base = Fraction(1, rate.numerator)
    codec.color_primaries, codec.color_trc = colour.primaries, colour.transfer
    codec.colorspace, codec.color_range = colour.matrix, _LIMITED_RANGE
    return stream


def _tag(frame: VideoFrame, colour: ColourTags) -> None:
    # ProRes writes its header from the frame, the container from the codec: both need the tags.
    frame.color_primaries, frame.color_trc = colour.primaries, colour.transfer
    frame.colorspace, frame.color_range = colour.matrix, _LIMITED_RANGE


def _lossless_format(media: MediaInfo, *, is_turned: bool) -> str:
    """The source's own sampling; its depth, or more where its codes span the full range or R'G'B'.

    A quarter turn would move chroma to places it was not sampled at.
    """
    found = _SUBSAMPLED.match(media.pixel_format)
    sampling = found[1] if found and not is_turned else "444"
    wanted = media.bits_per_sample + (2 if media.colour.full_range else 0)
    bits = next((each for each in _FFV1_BITS if each >= wanted), _FFV1_BITS[-1])
    return f"yuv{sampling}p" + ("" if bits == 8 else f"{bits}le")
