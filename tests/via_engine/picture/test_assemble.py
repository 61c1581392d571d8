import hashlib
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests.via_engine.picture.clips import probed, probed_stream
from tests.via_engine.picture.test_encode import (
    H264,
    PRORES,
    geometry,
    largest_file,
    noise,
    write_noise,
)
from via_engine.edit_request import FinishedChunk
from via_engine.errors import DiskFullError, OutputError
from via_engine.media_types import FrameRange, OutputFormat
from via_engine.picture.assemble import assemble_chunks, verify_chunk
from via_engine.picture.decode import read_frames
from via_engine.picture.encode import ClipGeometry, write_chunk
from via_engine.picture.probe import probe_media

CUTS = (10, 14, 15, 20)
NTSC = Fraction(30000, 1001)


def write_chunks(
    folder: Path, clip: ClipGeometry, output_format: OutputFormat
) -> list[FinishedChunk]:
    """Frames 10 to 20 in three chunks; frame numbers are the seeds of the noise."""
    return [
        write_chunk(
            folder,
            index,
            FrameRange(start, end),
            (next(noise(clip, 1, seed)) for seed in range(start, end)),
            clip,
            output_format,
        )
        for index, (start, end) in enumerate(pairwise(CUTS))
    ]


def packets(path: Path) -> list[str]:
    with av.open(path) as container:
        return [
            hashlib.md5(bytes(packet)).hexdigest()
            for packet in container.demux(video=0)
            if packet.size
        ]


@pytest.mark.parametrize("output_format", [PRORES, H264])
@pytest.mark.parametrize("rate", ["24000/1001", "45000/1499", "20"])
def test_chunks_become_one_clip(
    output_format: OutputFormat, rate: str, tmp_path: Path, ffprobe: str
) -> None:
    clip = geometry(frame_rate=Fraction(rate), sample_aspect_ratio=Fraction(64, 45))
    chunks = write_chunks(tmp_path, clip, output_format)
    output = tmp_path / f"result{output_format.suffix}"
    assemble_chunks(chunks, output, clip, start_timecode=None, output_format=output_format)
    stream = probed_stream(ffprobe, output, "-count_frames")
    assert stream["nb_read_frames"] == "10"
    assert Fraction(stream["r_frame_rate"]) == Fraction(stream["avg_frame_rate"]) == Fraction(rate)
    assert (stream["width"], stream["height"]) == (64, 48)
    assert stream["sample_aspect_ratio"] == "64:45"
    for description in (stream, *probed(ffprobe, output, "-show_frames")["frames"]):
        assert description["color_space"] == description["color_primaries"] == "bt709"
    joined = probe_media(output)
    parts = [probe_media(chunk.path) for chunk in chunks]
    separate = [picture for part in parts for picture in read_frames(part, part.frame_range)]
    for whole, piece in zip(read_frames(joined, joined.frame_range), separate, strict=True):
        np.testing.assert_array_equal(whole, piece)


def test_prores_chunks_are_packet_identical_to_one_encode(tmp_path: Path) -> None:
    clip = geometry()
    chunks = write_chunks(tmp_path, clip, PRORES)
    output = tmp_path / "result.mov"
    assemble_chunks(chunks, output, clip, start_timecode=None, output_format=PRORES)
    frames = (next(noise(clip, 1, seed)) for seed in range(10, 20))
    single = write_chunk(tmp_path, 99, FrameRange(10, 20), frames, clip, PRORES)
    assert packets(output) == packets(single.path)


@pytest.mark.parametrize(
    ("rate", "given", "stored"),
    [
        (NTSC, "01:00:00;02", "01:00:00;02"),
        (NTSC, "01:00:00.02", "01:00:00;02"),
        (Fraction(24000, 1001), "23:59:59:23", "23:59:59:23"),
        (Fraction(15), "00:00:10:14", "00:00:10:14"),
        (Fraction(45000, 1499), "00:00:10:14", "00:00:10:14"),
    ],
)
def test_the_start_timecode_is_a_track(
    rate: Fraction, given: str, stored: str, tmp_path: Path, ffprobe: str
) -> None:
    clip = geometry(frame_rate=rate)
    for output_format in (PRORES, H264):
        chunk = write_noise(tmp_path, clip, output_format)
        output = tmp_path / "result.bin"
        assemble_chunks([chunk], output, clip, start_timecode=given, output_format=output_format)
        assert probed_stream(ffprobe, output)["tags"]["timecode"] == stored
        with av.open(output) as container:
            assert [stream.type for stream in container.streams] == ["video", "data"]


def test_matroska_carries_the_start_timecode_as_a_tag(tmp_path: Path, ffprobe: str) -> None:
    clip, lossless = geometry(frame_rate=NTSC), OutputFormat.FFV1_MKV
    chunk = write_noise(tmp_path, clip, lossless)
    output = tmp_path / "result.mkv"
    assemble_chunks([chunk], output, clip, start_timecode="01:00:00;02", output_format=lossless)
    told = probed(ffprobe, output, "-show_format")["format"]
    assert (told["format_name"], told["tags"]["TIMECODE"]) == ("matroska,webm", "01:00:00;02")
    assert probe_media(output).start_timecode == "01:00:00;02"


def test_a_timecode_the_rate_cannot_have_is_refused(tmp_path: Path) -> None:
    chunk = write_noise(tmp_path, geometry(), PRORES)
    with pytest.raises(OutputError, match="drop-frame"):
        assemble_chunks(
            [chunk], tmp_path / "r", geometry(), start_timecode="01:00:00;00", output_format=PRORES
        )
    assert not (tmp_path / "r").exists()


def test_an_older_result_is_replaced_in_one_step(tmp_path: Path) -> None:
    output = tmp_path / "result.mov"
    output.write_bytes(b"older")
    chunk = write_noise(tmp_path, geometry(), PRORES)
    assemble_chunks([chunk], output, geometry(), start_timecode=None, output_format=PRORES)
    assert probe_media(output).frame_count == 3


def _shorten(chunk: FinishedChunk) -> FinishedChunk:
    data = chunk.path.read_bytes()
    chunk.path.write_bytes(data[: len(data) // 2])
    return chunk


def _remove(chunk: FinishedChunk) -> FinishedChunk:
    chunk.path.unlink()
    return chunk


def _claim_more(chunk: FinishedChunk) -> FinishedChunk:
    return replace(chunk, frame_range=FrameRange(15, 21))


def _leave_gap(chunk: FinishedChunk) -> FinishedChunk:
    return replace(chunk, frame_range=FrameRange(16, 21))


@pytest.mark.parametrize("fault", [_shorten, _remove, _claim_more, _leave_gap])
@pytest.mark.parametrize("output_format", [PRORES, H264])
def test_a_bad_chunk_never_makes_a_result(
    fault, output_format: OutputFormat, tmp_path: Path
) -> None:
    chunks = write_chunks(tmp_path, geometry(), output_format)
    output = tmp_path / "result"
    output.write_bytes(b"older")
    with pytest.raises(OutputError):
        assemble_chunks(
            [*chunks[:2], fault(chunks[2])],
            output,
            geometry(),
            start_timecode=None,
            output_format=output_format,
        )
    assert output.read_bytes() == b"older"
    assert not output.with_name("result.partial").exists()


@pytest.mark.parametrize(
    "other", [{"width": 66}, {"frame_rate": Fraction(25)}, {"width": 65, "height": 49}]
)
@pytest.mark.parametrize("output_format", [PRORES, H264])
def test_a_clip_of_another_geometry_is_refused(
    other: dict[str, object], output_format: OutputFormat, tmp_path: Path
) -> None:
    chunk = write_noise(tmp_path, geometry(**other), output_format)
    wanted = geometry() if "frame_rate" not in other else geometry(width=66)
    with pytest.raises(OutputError, match="instead of"):
        assemble_chunks(
            [chunk], tmp_path / "r", wanted, start_timecode=None, output_format=output_format
        )
    assert not (tmp_path / "r").exists()


def test_h264_chunks_of_other_settings_do_not_join(tmp_path: Path) -> None:
    chunks = write_chunks(tmp_path, geometry(), H264)
    wider = geometry(width=96)
    odd = write_chunk(tmp_path, 2, FrameRange(15, 20), noise(wider, 5), wider, H264)
    with pytest.raises(OutputError, match="other settings"):
        assemble_chunks(
            [*chunks[:2], odd], tmp_path / "r", geometry(), start_timecode=None, output_format=H264
        )


def test_no_chunks_and_no_space(tmp_path: Path) -> None:
    output = tmp_path / "result.mov"
    with pytest.raises(OutputError, match="no chunk"):
        assemble_chunks([], output, geometry(), start_timecode=None, output_format=PRORES)
    chunk = write_noise(tmp_path, geometry(), PRORES)
    with largest_file(5_000), pytest.raises(DiskFullError):
        assemble_chunks([chunk], output, geometry(), start_timecode=None, output_format=PRORES)
    assert [path.name for path in tmp_path.iterdir()] == [chunk.path.name]


def test_a_chunk_is_verified_by_its_bytes(tmp_path: Path) -> None:
    chunk = write_noise(tmp_path, geometry(), PRORES)
    assert verify_chunk(chunk)
    data = bytearray(chunk.path.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.path.write_bytes(data)
    assert not verify_chunk(chunk)
    chunk.path.write_bytes(data[:-1])
    assert not verify_chunk(chunk)
    chunk.path.unlink()
    assert not verify_chunk(chunk)
