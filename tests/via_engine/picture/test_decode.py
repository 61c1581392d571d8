import os
import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest
from av.video.frame import VideoFrame

from tests.via_engine.picture.clips import (
    REAL_CLIPS,
    copy_packets,
    number_in,
    numbered_picture,
    numbers,
    write_clip,
    write_video_frames,
)
from via_engine.errors import MediaChangedError, RangeError
from via_engine.media_types import FrameRange, MediaInfo
from via_engine.picture.decode import read_frames, read_frames_at
from via_engine.picture.probe import probe_media

LONG_GOP = {"g": "12", "bf": "3", "x264-params": "open-gop=1:b-pyramid=normal"}


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("clip.mp4", "libx264", LONG_GOP),
        ("clip.mkv", "libx264", LONG_GOP),
        ("clip.ts", "libx264", LONG_GOP),
        ("clip.mxf", "mpeg2video", {"g": "12", "bf": "2"}),
        ("clip.avi", "mpeg4", {"g": "12", "bf": "2"}),
        ("clip.webm", "libvpx", {"lag-in-frames": "16", "auto-alt-ref": "1", "g": "12"}),
        ("clip.mov", "mjpeg", {}),
    ],
)
def test_every_range_holds_the_frames_it_names(
    name: str, codec: str, options: dict[str, str], tmp_path: Path
) -> None:
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write_clip(tmp_path / name, 60, codec=codec, options=options, pixel_format=pixel_format)
    media = probe_media(path)
    assert numbers(media, 0, 60) == list(range(60))
    for start in range(0, 60, 3):
        end = min(60, start + 2)
        assert numbers(media, start, end) == list(range(start, end))


@pytest.mark.parametrize("shift", [-7, 9])
def test_frames_are_found_when_time_does_not_start_at_nought(shift: int, tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", options=LONG_GOP)
    media = probe_media(copy_packets(whole, tmp_path / "shifted.mp4", shift_frames=shift))
    hidden = max(0, -shift)
    for start in range(0, media.frame_count, 5):
        assert numbers(media, start, start + 1) == [start + hidden]


def test_variable_rate_frames_are_counted_not_timed(tmp_path: Path) -> None:
    stamps = [*range(0, 60, 3), *range(60, 80)]
    media = probe_media(write_clip(tmp_path / "phone.mp4", rate=Fraction(30), pts=stamps))
    assert [numbers(media, frame, frame + 1) for frame in (0, 7, 19, 20, 39)] == [
        [0], [7], [19], [20], [39]
    ]  # fmt: skip


@pytest.mark.parametrize("name", REAL_CLIPS)
def test_random_ranges_of_real_clips_equal_a_linear_decode(name: str, shared_media: Path) -> None:
    media = probe_media(shared_media / name)
    # Enough to pass cockatoo's second keyframe, where a plain seek gives broken pictures.
    count = min(media.frame_count, 120)
    linear = [hash(picture.tobytes()) for picture in read_frames(media, FrameRange(0, count))]
    assert len(linear) == count
    choose = random.Random(name)
    for _ in range(6):
        start = choose.randrange(count)
        end = min(count, start + choose.randint(1, 4))
        found = [hash(p.tobytes()) for p in read_frames(media, FrameRange(start, end))]
        assert found == linear[start:end]


def test_pictures_are_float_rgb_in_range(shared_media: Path) -> None:
    media = probe_media(shared_media / "cockatoo.mp4")
    picture = next(read_frames(media, FrameRange(9, 10)))
    assert picture.shape == (720, 1280, 3)
    assert picture.dtype == np.float32
    assert picture.flags.c_contiguous
    assert 0 <= picture.min() < picture.max() <= 1


def test_frames_come_in_the_order_asked(tmp_path: Path) -> None:
    media = probe_media(write_clip(tmp_path / "clip.mp4"))
    assert [number_in(p) for p in read_frames_at(media, [30, 2, 2, 17])] == [30, 2, 2, 17]
    assert read_frames_at(media, []) == []


@pytest.mark.parametrize(("start", "end"), [(0, 41), (40, 41), (1000, 2000)])
def test_a_range_past_the_end_is_refused_at_once(start: int, end: int, tmp_path: Path) -> None:
    media = probe_media(write_clip(tmp_path / "clip.mp4"))
    with pytest.raises(RangeError, match="0:40"):
        read_frames(media, FrameRange(start, end))


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_pictures_are_upright(degrees: int, turns: int, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    turned = copy_packets(clip, tmp_path / "turned.mp4", rotation_degrees=degrees)
    stored = next(read_frames(probe_media(clip), FrameRange(2, 3)))
    upright = next(read_frames(probe_media(turned), FrameRange(2, 3)))
    np.testing.assert_array_equal(upright, np.rot90(stored, turns))


def test_a_ten_bit_ramp_keeps_every_level(tmp_path: Path) -> None:
    frame = VideoFrame(877, 4, "yuv422p10le")
    for plane, codes in zip(frame.planes, (np.arange(64, 941), 512, 512), strict=True):
        samples = np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)
        samples[:, : plane.width] = codes
    path = tmp_path / "ramp.mkv"
    write_video_frames(path, [frame], codec="ffv1", rate=Fraction(24), options={}, pts=[0])
    picture = next(read_frames(probe_media(path), FrameRange(0, 1)))
    np.testing.assert_allclose(picture[0, :, 1], np.arange(877) / 876, atol=1e-6)
    assert len(np.unique(picture[0, :, 0])) == 877


def _replace(media: MediaInfo) -> None:
    other = write_clip(media.path.with_name("other.mp4"), 41)
    other.replace(media.path)


def _truncate(media: MediaInfo) -> None:
    os.truncate(media.path, media.size_bytes // 2)


def _remove(media: MediaInfo) -> None:
    media.path.unlink()


@pytest.mark.parametrize("fault", [_replace, _truncate, _remove])
def test_a_changed_file_is_refused(fault, tmp_path: Path) -> None:
    media = probe_media(write_clip(tmp_path / "clip.mp4"))
    fault(media)
    with pytest.raises(MediaChangedError, match=r"clip\.mp4"):
        next(read_frames(media, FrameRange(0, 1)))


def test_a_file_truncated_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.mov"
    pictures = [
        VideoFrame.from_ndarray(numbered_picture(number), format="rgb24").reformat(
            format="yuv422p10le"
        )
        for number in range(200)
    ]
    write_video_frames(
        path, pictures, codec="prores_ks", rate=Fraction(24), options={}, pts=range(200)
    )
    media = probe_media(path)
    frames = read_frames(media, media.frame_range)
    assert number_in(next(frames)) == 0
    os.truncate(path, media.size_bytes // 2)
    with pytest.raises(MediaChangedError):
        list(frames)


def test_stopping_early_leaves_no_file_open(tmp_path: Path) -> None:
    media = probe_media(write_clip(tmp_path / "clip.mp4"))
    frames = read_frames(media, media.frame_range)
    next(frames)
    frames.close()
    open_paths = [Path(file.path) for file in psutil.Process().open_files()]
    assert media.path not in open_paths
