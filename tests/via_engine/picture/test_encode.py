import errno
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.via_engine.picture.clips import (
    REAL_CLIPS,
    copy_packets,
    probed,
    probed_stream,
    write_clip,
    write_video_frames,
)
from tests.via_engine.picture.test_colour import BT709_BARS
from via_engine.edit_request import FinishedChunk
from via_engine.errors import DiskFullError, OutputError
from via_engine.media_types import ColourTags, FrameRange, MediaInfo, OutputFormat
from via_engine.picture.decode import read_frames
from via_engine.picture.encode import ClipGeometry, write_chunk
from via_engine.picture.planes import picture_from_frame
from via_engine.picture.probe import probe_media

PRORES = OutputFormat.PRORES_422_HQ_MOV
H264 = OutputFormat.H264_MP4
BT709 = ColourTags(primaries=1, transfer=1, matrix=1, full_range=False)
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
# Luma floors measured on a detailed 512 px picture, less 1 dB.
FLOOR_DB = {PRORES: 50.3, H264: 41.9}


def geometry(**changes: Any) -> ClipGeometry:
    plain = {
        "width": 64,
        "height": 48,
        "frame_rate": Fraction(24000, 1001),
        "sample_aspect_ratio": Fraction(1),
        "colour": BT709,
    }
    return ClipGeometry(**{**plain, **changes})


def noise(clip: ClipGeometry, count: int, seed: int = 0) -> Iterator[NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield rng.random((clip.height, clip.width, 3), np.float32)


def write_noise(
    folder: Path, clip: ClipGeometry, output_format: OutputFormat, count: int = 3
) -> FinishedChunk:
    return write_chunk(folder, 0, FrameRange(0, count), noise(clip, count), clip, output_format)


@pytest.mark.parametrize(
    ("output_format", "expected"),
    [
        (PRORES, {"codec_name": "prores", "profile": "HQ", "codec_tag_string": "apch"}),
        (H264, {"codec_name": "h264", "profile": "High", "codec_tag_string": "avc1"}),
    ],
)
def test_ffprobe_sees_the_codec_the_tags_and_the_rate(
    output_format: OutputFormat, expected: dict[str, str], tmp_path: Path, ffprobe: str
) -> None:
    clip = geometry(sample_aspect_ratio=Fraction(64, 45))
    chunk = write_noise(tmp_path, clip, output_format)
    stream = probed_stream(ffprobe, chunk.path, "-count_frames")
    assert {key: stream[key] for key in expected} == expected
    assert stream["pix_fmt"] == ("yuv422p10le" if output_format is PRORES else "yuv420p")
    assert stream["r_frame_rate"] == stream["avg_frame_rate"] == "24000/1001"
    assert stream["nb_read_frames"] == "3"
    assert stream["sample_aspect_ratio"] == "64:45"
    frames = probed(ffprobe, chunk.path, "-show_frames")["frames"]
    for description in (stream, *frames):
        assert description["color_range"] == "tv"
        assert description["color_space"] == "bt709"
        assert description["color_primaries"] == "bt709"
        assert description["color_transfer"] == "bt709"


@pytest.mark.parametrize("output_format", [PRORES, H264])
@pytest.mark.parametrize("rate", ["24000/1001", "45000/1499", "20", "60000/1001", "15"])
def test_a_frame_is_a_whole_number_of_ticks(
    output_format: OutputFormat, rate: str, tmp_path: Path
) -> None:
    chunk = write_noise(tmp_path, geometry(frame_rate=Fraction(rate)), output_format, 20)
    with av.open(chunk.path) as container:
        stream = container.streams.video[0]
        times = [packet.pts * stream.time_base for packet in container.demux(stream) if packet.size]
    assert times == [frame / Fraction(rate) for frame in range(20)]


@pytest.mark.parametrize("output_format", [PRORES, H264])
@pytest.mark.parametrize("size", [(65, 49), (64, 49), (65, 48), (2, 2), (719, 31)])
def test_odd_sizes_are_kept(
    output_format: OutputFormat, size: tuple[int, int], tmp_path: Path
) -> None:
    clip = geometry(width=size[0], height=size[1])
    media = probe_media(write_noise(tmp_path, clip, output_format).path)
    assert (media.width, media.height) == size


@pytest.mark.parametrize(("output_format", "tolerance"), [(PRORES, 4), (H264, 3)])
def test_stored_codes_of_bars_are_those_of_the_standard(
    output_format: OutputFormat, tolerance: int, tmp_path: Path
) -> None:
    bars = np.repeat(np.array(list(BT709_BARS), np.float32), 32, axis=0)
    picture = np.broadcast_to(bars, (64, *bars.shape)).copy()
    clip = geometry(width=256, height=64)
    chunk = write_chunk(tmp_path, 0, FrameRange(0, 1), [picture], clip, output_format)
    with av.open(chunk.path) as container:
        frame = next(container.decode(video=0))
    dtype, scale = (np.uint16, 4) if output_format is PRORES else (np.uint8, 1)
    for plane, channel in zip(frame.planes, range(3), strict=True):
        stored = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, -1)
        bar_px = plane.width // 8
        middles = stored[plane.height // 2, bar_px // 2 : plane.width : bar_px].astype(int)
        expected = [scale * codes[channel] for codes in BT709_BARS.values()]
        assert np.abs(middles - expected).max() <= tolerance


def luma_psnr_db(
    pictures: Iterable[NDArray[np.float32]], truth: Iterable[NDArray[np.float32]]
) -> float:
    errors = [np.mean(((a - b) @ LUMA) ** 2) for a, b in zip(pictures, truth, strict=True)]
    return float(-10 * np.log10(np.mean(errors)))


def encoded_directly(
    media: MediaInfo, asked: FrameRange, output_format: OutputFormat, path: Path
) -> Iterator[NDArray[np.float32]]:
    """What the codec alone makes of the stored samples, without R'G'B' in between."""
    codec, pixel_format, options = (
        ("prores_ks", "yuv422p10le", {"profile": "hq"})
        if output_format is PRORES
        else ("libx264", "yuv420p", {"crf": "16", "bf": "0"})
    )
    with av.open(media.path) as container:
        stored = islice(container.decode(video=0), asked.start_frame, asked.end_frame_exclusive)
        source_range = 2 if media.colour.full_range else 1
        frames = [
            frame.reformat(format=pixel_format, src_color_range=source_range, dst_color_range=1)
            for frame in stored
        ]
    write_video_frames(
        path, frames, codec=codec, rate=Fraction(24), options=options, pts=range(len(frames))
    )
    matrix = ClipGeometry.of(media).colour.matrix
    with av.open(path) as container:
        for frame in container.decode(video=0):
            yield picture_from_frame(frame, matrix, full_range=False)


@pytest.mark.parametrize("output_format", [PRORES, H264])
@pytest.mark.parametrize("name", REAL_CLIPS)
def test_an_untouched_real_clip_loses_what_the_codec_loses(
    name: str, output_format: OutputFormat, shared_media: Path, tmp_path: Path
) -> None:
    media = probe_media(shared_media / name)
    asked = FrameRange(3, 6)
    source = list(read_frames(media, asked))
    chunk = write_chunk(tmp_path, 0, asked, source, ClipGeometry.of(media), output_format)
    written = probe_media(chunk.path)
    assert (written.width, written.height) == (media.width, media.height)
    assert written.frame_rate == media.frame_rate
    ours = luma_psnr_db(read_frames(written, written.frame_range), source)
    directly = encoded_directly(media, asked, output_format, tmp_path / "direct.mov")
    assert ours > min(FLOOR_DB[output_format], luma_psnr_db(directly, source) - 1)


def test_geometry_of_a_turned_clip_is_upright(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    media = probe_media(copy_packets(clip, tmp_path / "turned.mp4", rotation_degrees=90))
    upright = ClipGeometry.of(media)
    assert (upright.width, upright.height) == (32, 128)
    assert next(read_frames(media, FrameRange(0, 1))).shape == (128, 32, 3)
    assert upright.colour.matrix == 6


def test_a_finished_chunk_describes_its_file(tmp_path: Path) -> None:
    chunk = write_noise(tmp_path, geometry(), PRORES)
    assert chunk.path == tmp_path / "chunk_00000.mov"
    assert chunk.size_bytes == chunk.path.stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["chunk_00000.mov"]


@pytest.mark.parametrize("output_format", [PRORES, H264])
def test_the_same_frames_make_the_same_file(output_format: OutputFormat, tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    hashes = {write_noise(folder, geometry(), output_format).sha256 for folder in folders}
    assert len(hashes) == 1


def test_what_a_killed_run_left_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "chunk_00000.mov.partial").write_bytes(b"half a chunk")
    chunk = write_noise(tmp_path, geometry(), PRORES)
    assert probe_media(chunk.path).frame_count == 3
    assert not (tmp_path / "chunk_00000.mov.partial").exists()


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([np.zeros((48, 65, 3), np.float32)], "65"),
        ([np.zeros((48, 64, 3), np.float64)], "float64"),
        ([np.full((48, 64, 3), np.nan, np.float32)], "no numbers"),
        ([], "0 came"),
        ([np.zeros((48, 64, 3), np.float32)] * 2, "2 came"),
    ],
)
def test_frames_that_do_not_fit_are_refused_and_leave_nothing(
    frames: list[NDArray[np.float32]], words: str, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match=words):
        write_chunk(tmp_path, 0, FrameRange(0, 1), frames, geometry(), PRORES)
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_fails_leaves_nothing_and_keeps_its_error(tmp_path: Path) -> None:
    def failing() -> Iterator[NDArray[np.float32]]:
        yield from noise(geometry(), 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_chunk(tmp_path, 0, FrameRange(0, 9), failing(), geometry(), PRORES)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("output_format", [PRORES, H264])
def test_no_space_left_is_named_and_leaves_nothing(
    output_format: OutputFormat, tmp_path: Path
) -> None:
    clip = geometry(width=320, height=240)
    with largest_file(60_000), pytest.raises(DiskFullError) as caught:
        write_noise(tmp_path, clip, output_format, 6)
    assert isinstance(caught.value.__cause__, OSError | av.FFmpegError)
    assert caught.value.__cause__.errno in {errno.EFBIG, errno.ENOSPC}
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder in (tmp_path / "missing", file):
        with pytest.raises(OutputError, match="cannot be written"):
            write_noise(folder, geometry(), PRORES)
