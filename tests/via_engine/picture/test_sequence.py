"""Image sequences as media: numbers, holes, layouts; Pillow and the files are the oracle."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.via_engine.picture.clips import number_in, numbered_picture
from via_engine.errors import MediaChangedError, MediaNotFoundError, MediaUnreadableError
from via_engine.media_types import FrameRange, ImageSequence, PictureFormat
from via_engine.picture.decode import read_frames
from via_engine.picture.frame_view import FrameViewer
from via_engine.picture.probe import probe_media
from via_engine.picture.shots import shots_touching
from via_engine.picture.still import to_8_bit

RATE = Fraction(24000, 1001)


def sequence(folder: Path, **changes: Any) -> ImageSequence:
    plain: dict[str, Any] = {
        "folder": folder,
        "name_prefix": "shot.",
        "name_suffix": ".png",
        "zero_padding": 4,
        "first_number": 1001,
        "frame_count": 0,
        "frame_rate": RATE,
    }
    return ImageSequence(**{**plain, **changes})


def write_numbers(folder: Path, numbers: range, name: str = "shot.{:04d}.png") -> None:
    for number in numbers:
        Image.fromarray(numbered_picture(number % 256)).save(folder / name.format(number))


def test_a_single_picture_needs_no_number_and_stands_upright(tmp_path: Path) -> None:
    name: dict[str, Any] = {"name_prefix": "plate", "name_suffix": ".jpg", "is_single": True}
    with pytest.raises(MediaNotFoundError, match=r"plate\.jpg; check"):
        probe_media(sequence(tmp_path, **name))
    exif = Image.Exif()
    exif[0x0112] = 6  # held upright, stored lying
    picture = Image.fromarray(np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3))
    picture.save(tmp_path / "plate.jpg", quality=98, subsampling=0, exif=exif)
    write_numbers(tmp_path, range(3), "plate{}.jpg")
    media = probe_media(sequence(tmp_path, frame_count=7, **name))
    assert (media.frame_count, media.frame_rate, media.missing_ranges) == (1, RATE, ())
    assert (media.path, media.stem) == (tmp_path / "plate.jpg", "plate")
    [upright] = read_frames(media, FrameRange(0, 1))
    with Image.open(tmp_path / "plate.jpg") as stored:
        wanted = np.asarray(ImageOps.exif_transpose(stored), np.float32) / 255
    assert upright.shape == wanted.shape == (64, 48, 3)
    assert np.abs(upright - wanted).mean() < 0.01


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("shot.{:04d}.png", {}),
        ("shot.{:04d}.jpg", {"name_suffix": ".jpg"}),
        ("shot.{:04d}.tif", {"name_suffix": ".tif"}),
        ("{}.png", {"name_prefix": "", "zero_padding": 0}),
        ("a%02d [b] *{:06d}_x.png", {"name_prefix": "a%02d [b] *", "name_suffix": "_x.png",
                                    "zero_padding": 6}),
    ],
)  # fmt: skip
def test_frame_0_is_the_first_number(tmp_path: Path, name: str, changes: dict[str, Any]) -> None:
    write_numbers(tmp_path, range(998, 1010), name)
    media = probe_media(sequence(tmp_path, **changes))
    assert (media.frame_count, media.frame_rate, media.missing_ranges) == (9, RATE, ())
    read = [number_in(picture) for picture in read_frames(media, FrameRange(3, 6))]
    assert read == [number % 256 for number in (1004, 1005, 1006)]


@pytest.mark.parametrize("name", ["shot.{}.tif", "shot.{}.png"])
@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA"])
def test_grey_and_palette_pictures_use_all_codes_and_alpha_is_seen(
    tmp_path: Path, mode: str, name: str
) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (32, 1))
    Image.fromarray(ramp).convert(mode).save(tmp_path / name.format(1001))
    media = probe_media(sequence(tmp_path, name_suffix=name[-4:]))
    [read] = read_frames(media, FrameRange(0, 1))
    assert np.abs(read * 255 - ramp[..., np.newaxis]).max() < 0.51
    assert media.has_alpha == (mode in {"LA", "RGBA"})


def test_padding_overflows_as_renderers_write_it(tmp_path: Path) -> None:
    write_numbers(tmp_path, range(98, 103), "shot.{:02d}.png")
    media = probe_media(sequence(tmp_path, zero_padding=2, first_number=98))
    assert (media.frame_count, media.missing_ranges) == (5, ())


def test_missing_numbers_are_told_and_only_they_cannot_be_read(tmp_path: Path) -> None:
    write_numbers(tmp_path, range(1003, 1008))
    (tmp_path / "shot.1005.png").unlink()
    (tmp_path / "shot.01004.png").write_bytes(b"another sequence's")
    media = probe_media(sequence(tmp_path, frame_count=9))
    assert media.missing_ranges == (FrameRange(0, 2), FrameRange(4, 5), FrameRange(7, 9))
    assert len(list(read_frames(media, FrameRange(2, 4)))) == 2
    with pytest.raises(MediaNotFoundError, match=r"shot\.1005\.png"):
        list(read_frames(media, FrameRange(3, 6)))


def test_a_hole_ends_a_shot(tmp_path: Path) -> None:
    for number in range(1001, 1031):
        Image.new("RGB", (32, 16), (90, 120, 60)).save(tmp_path / f"shot.{number}.png")
    for number in (1001, 1012, 1013):
        (tmp_path / f"shot.{number}.png").unlink()
    media = probe_media(sequence(tmp_path))
    assert shots_touching(media, FrameRange(3, 5)) == (FrameRange(1, 11),)
    assert shots_touching(media, FrameRange(20, 21)) == (FrameRange(13, 30),)


def test_a_real_sequence_is_what_pillow_reads(shared_media: Path) -> None:
    media = probe_media(
        sequence(
            shared_media / "tlrender" / "Seq",
            name_prefix="BART_2021-02-07.",
            name_suffix=".jpg",
            first_number=1,
        )
    )
    assert (media.frame_count, media.width, media.height) == (90, 320, 180)
    (ours,) = read_frames(media, FrameRange(41, 42))
    with Image.open(media.sequence.path_of(41)) as picture:
        theirs = np.asarray(picture.convert("RGB"))
    assert np.abs(to_8_bit(ours).astype(int) - theirs).mean() < 1
    view = FrameViewer().view(media.sequence, 41, max_side_px=100, format_=PictureFormat.JPEG)
    assert (view.width, view.height) == (100, 56)


@pytest.mark.parametrize(
    ("suffix", "pixel_format"), [(".png", "rgb48be"), (".tif", "rgb48le"), (".dpx", "gbrp10be")]
)
def test_deep_samples_stay_deep(tmp_path: Path, suffix: str, pixel_format: str) -> None:
    codec = {".png": "png", ".tif": "tiff", ".dpx": "dpx"}[suffix]
    ramp = np.broadcast_to(np.linspace(0, 65535, 64).astype(np.uint16)[None, :, None], (8, 64, 3))
    deep = av.VideoFrame.from_ndarray(np.ascontiguousarray(ramp), format="rgb48le")
    with av.open(str(tmp_path / f"shot.1001{suffix}"), "w", format="image2") as container:
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 8, pixel_format
        container.mux(stream.encode(deep.reformat(format=pixel_format)))
        container.mux(stream.encode(None))
    media = probe_media(sequence(tmp_path, name_suffix=suffix))
    (picture,) = read_frames(media, media.frame_range)
    step = 1 / (2**media.bits_per_sample - 1)
    assert media.bits_per_sample >= 10
    assert np.abs(picture[0, :, 1] - ramp[0, :, 1] / 65535).max() <= 1.5 * step


def test_what_is_no_picture_or_changes_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(MediaNotFoundError, match=r"shot\.####\.png"):
        probe_media(sequence(tmp_path))
    with pytest.raises(MediaNotFoundError, match="no folder"):
        probe_media(sequence(tmp_path / "gone"))
    (tmp_path / "shot.1001.exr").write_bytes(b"v/1\x01" + bytes(100))
    with pytest.raises(MediaUnreadableError, match="no picture Via reads"):
        probe_media(sequence(tmp_path, name_suffix=".exr"))
    write_numbers(tmp_path, range(1001, 1004))
    media = probe_media(sequence(tmp_path))
    (tmp_path / "shot.1002.png").write_bytes(b"no picture")
    with pytest.raises(MediaChangedError):
        list(read_frames(media, FrameRange(0, 1)))
    with pytest.raises(MediaUnreadableError, match=r"shot\.1002\.png"):
        list(read_frames(probe_media(sequence(tmp_path)), FrameRange(0, 3)))
