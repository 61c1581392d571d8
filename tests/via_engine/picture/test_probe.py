import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from tests.via_engine.picture.clips import (
    REAL_CLIPS,
    copy_packets,
    numbers,
    probed_stream,
    write_clip,
    write_video_frames,
)
from via_engine.errors import MediaNotFoundError, MediaUnreadableError
from via_engine.picture.probe import probe_media


@pytest.mark.parametrize("name", REAL_CLIPS)
def test_real_clips_are_what_ffprobe_says(name: str, shared_media: Path, ffprobe: str) -> None:
    path = shared_media / name
    stream = probed_stream(ffprobe, path, "-count_frames")
    media = probe_media(path)
    assert (media.width, media.height) == (stream["width"], stream["height"])
    assert media.frame_count == int(stream["nb_read_frames"])
    assert media.frame_rate == Fraction(stream["avg_frame_rate"])
    assert media.codec == stream["codec_name"]
    assert media.pixel_format == stream["pix_fmt"]
    assert media.size_bytes == path.stat().st_size
    assert media.colour.full_range == (stream.get("color_range") == "pc")
    assert not media.is_variable_rate
    assert not media.is_interlaced


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".mov", "libx264"),
        (".mp4", "libx264"),
        (".mkv", "libx264"),
        (".ts", "libx264"),
        (".avi", "mpeg4"),
        (".mxf", "mpeg2video"),
        (".webm", "libvpx-vp9"),
    ],
)
def test_count_and_rate_in_every_container(suffix: str, codec: str, tmp_path: Path) -> None:
    media = probe_media(write_clip(tmp_path / f"clip{suffix}", codec=codec))
    assert media.frame_count == 40
    assert media.frame_rate == Fraction(24000, 1001)
    assert not media.is_variable_rate


def test_pictures_hidden_by_an_edit_list_do_not_count(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4")
    media = probe_media(copy_packets(whole, tmp_path / "cut.mp4", shift_frames=-5))
    assert media.frame_count == 35
    assert numbers(media, 0, 35) == list(range(5, 40))


def test_uneven_pictures_are_a_variable_rate(tmp_path: Path) -> None:
    stamps = [*range(0, 60, 3), *range(60, 80)]
    path = write_clip(tmp_path / "phone.mp4", rate=Fraction(30), pts=stamps)
    assert probe_media(path).is_variable_rate
    assert probe_media(path).frame_count == 40


def test_a_clip_of_one_picture(tmp_path: Path) -> None:
    media = probe_media(write_clip(tmp_path / "one.mp4", 1, rate=Fraction(25)))
    assert (media.frame_count, media.frame_rate) == (1, Fraction(25))


@pytest.mark.parametrize(
    ("label", "rate", "expected"),
    [
        ("01:00:00;02", Fraction(30000, 1001), "01:00:00;02"),
        ("10:00:00:00", Fraction(25), "10:00:00:00"),
    ],
)
def test_start_timecode(label: str, rate: Fraction, expected: str, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mov", rate=rate, timecode=label)
    assert probe_media(path).start_timecode == expected


def test_no_timecode_is_none(tmp_path: Path) -> None:
    assert probe_media(write_clip(tmp_path / "clip.mov")).start_timecode is None


@pytest.mark.parametrize(("degrees", "expected"), [(90, 90), (180, 180), (-90, 270)])
def test_rotation(degrees: int, expected: int, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    turned = copy_packets(clip, tmp_path / "turned.mp4", rotation_degrees=degrees)
    media = probe_media(turned)
    assert media.rotation_degrees == expected
    assert (media.width, media.height) == (128, 32)


def test_interlaced_and_pixel_shape_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "tv.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream(
            "libx264", rate=25, options={"flags": "+ildct+ilme", "x264-params": "tff=1"}
        )
        stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(64, 45)
        for _ in range(3):
            picture = np.zeros((576, 720, 3), np.uint8)
            frame = VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    media = probe_media(path)
    assert media.is_interlaced
    assert media.sample_aspect_ratio == Fraction(64, 45)


def test_colour_tags_and_depth(tmp_path: Path) -> None:
    frame = VideoFrame(64, 48, "yuv422p10le")
    frame.color_primaries, frame.color_trc, frame.colorspace = 9, 16, 9
    path = tmp_path / "hdr.mov"
    write_video_frames(
        path, [frame], codec="prores_ks", rate=Fraction(24), options={"profile": "hq"}, pts=[0]
    )
    media = probe_media(path)
    assert (media.colour.primaries, media.colour.transfer, media.colour.matrix) == (9, 16, 9)
    assert media.bits_per_sample == 10
    assert not media.colour.full_range


def test_identity_follows_the_bytes(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4")
    before = probe_media(path).identity
    assert probe_media(path).identity == before
    os.utime(path, ns=(1, 1))
    assert probe_media(path).identity != before


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MediaNotFoundError, match=r"nowhere\.mp4"):
        probe_media(tmp_path / "nowhere.mp4")


@pytest.mark.parametrize("content", [b"", b"not a video\n", b"\x00" * 4096, os.urandom(4096)])
def test_bytes_that_are_no_video(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaUnreadableError, match=r"clip\.mp4"):
        probe_media(path)


@pytest.mark.parametrize(
    "script",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{clip}'\n",
    ],
)
@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8"])
def test_lists_that_point_elsewhere_are_refused(script: str, name: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "secret.mp4", 3)
    path = tmp_path / name
    path.write_text(script.format(clip=clip))
    with pytest.raises(MediaUnreadableError):
        probe_media(path)


def test_a_folder_a_pipe_and_a_device(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, Path("/dev/zero")):
        with pytest.raises(MediaUnreadableError, match="no regular file"):
            probe_media(path)


def test_a_picture_and_a_sound_are_no_video(tmp_path: Path) -> None:
    still, sound = tmp_path / "still.png", tmp_path / "sound.m4a"
    VideoFrame(64, 48, "rgb24").save(still)
    with av.open(sound, "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        silence = AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate = 48000
        container.mux([*stream.encode(silence), *stream.encode(None)])
    for path in (still, sound):
        with pytest.raises(MediaUnreadableError):
            probe_media(path)


@pytest.mark.parametrize("muxer_options", [{}, {"movflags": "faststart"}])
def test_a_file_cut_short_is_damaged(muxer_options: dict[str, str], tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", 200, muxer_options=muxer_options)
    os.truncate(path, path.stat().st_size * 3 // 5)
    with pytest.raises(MediaUnreadableError):
        probe_media(path)


def test_damaged_bytes_end_in_a_media_error_or_in_a_description(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4").read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "bent.mp4"
    for _ in range(150):
        bent = np.frombuffer(whole, np.uint8).copy()
        bent[rng.integers(0, len(bent), 20)] = rng.integers(0, 256, 20, np.uint8)
        path.write_bytes(bent.tobytes())
        try:
            assert probe_media(path).frame_count >= 1
        except MediaUnreadableError as error:
            assert str(path) in str(error)


def test_intra_coded_movies_are_counted_without_reading_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "large.mov"
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    frame = VideoFrame.from_ndarray(noise, format="rgb24").reformat(format="yuvj420p")
    write_video_frames(
        path, [frame] * 240, codec="mjpeg", rate=Fraction(24), options={}, pts=range(240)
    )
    before = _bytes_read()
    assert probe_media(path).frame_count == 240
    assert _bytes_read() - before < path.stat().st_size / 2


def _bytes_read() -> int:
    status = Path("/proc/self/io").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("rchar")).split()[1])


def test_names_that_look_like_protocols_are_plain_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    monkeypatch.chdir(tmp_path)
    shutil.copy(clip, "concat:a.mp4|b.mp4")
    assert probe_media(Path("concat:a.mp4|b.mp4")).frame_count == 3


def test_importing_the_wing_loads_no_torch() -> None:
    modules = ("probe", "decode", "encode", "assemble", "native_size", "still")
    imports = "; ".join(f"import via_engine.picture.{module}" for module in modules)
    check = f"{imports}; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
