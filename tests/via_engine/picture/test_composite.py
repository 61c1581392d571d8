"""Outside the mask the encoder must get the source's own samples: planes are compared, not R'G'B'.

Samples are random over the whole code range, so most of them are no colour in 0..1: what goes
through clipped R'G'B' does not come back.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.via_engine.picture.clips import REAL_CLIPS, write_video_frames
from via_engine.media_types import FrameRange, MediaInfo, OutputFormat
from via_engine.picture.composite import LocalPicture, composite, frame_from_local_picture
from via_engine.picture.decode import read_frames
from via_engine.picture.encode import ClipGeometry, write_chunk
from via_engine.picture.planes import frame_from_picture, plane_samples
from via_engine.picture.probe import probe_media

Samples = NDArray[np.uint8] | NDArray[np.uint16]
WIDTH, HEIGHT = 64, 48
BOX = np.s_[11:30, 17:40]
ALL_FRAMES = FrameRange(0, 3)


def noise_clip(path: Path, pixel_format: str) -> MediaInfo:
    """Three frames of random samples, stored without loss."""
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(3):
        frame = av.VideoFrame(WIDTH, HEIGHT, pixel_format)
        bits = frame.format.components[0].bits
        for plane in frame.planes:
            samples = plane_samples(plane, bits)
            samples[:] = rng.integers(0, 1 << bits, samples.shape)
        frames.append(frame)
    write_video_frames(
        path, frames, codec="ffv1", rate=Fraction(24), options={}, pts=range(len(frames))
    )
    return probe_media(path)


def stored_planes(path: Path, count: int) -> Iterator[list[Samples]]:
    """Planes of the first frames as the decoder gives them, without our reading."""
    with av.open(path) as container:
        for frame in islice(container.decode(video=0), count):
            yield planes_of(frame)


def planes_of(frame: av.VideoFrame) -> list[Samples]:
    bits = frame.format.components[0].bits
    return [plane_samples(plane, bits).copy() for plane in frame.planes]


def soft_box(height: int, width: int) -> NDArray[np.float32]:
    """Alpha 1 in a box with odd borders, half of that around it, 0 elsewhere."""
    alpha = np.zeros((height, width), np.float32)
    alpha[8:33, 14:43] = 0.5
    alpha[BOX] = 1
    return alpha


def local_pictures(media: MediaInfo, count: int) -> list[LocalPicture]:
    """The clip with noise for an edit in a soft box."""
    rng = np.random.default_rng(1)
    sources = read_frames(media, FrameRange(0, count), clipped=False)
    return [
        LocalPicture(
            source=source,
            edited=rng.random(source.shape, np.float32),
            alpha=soft_box(*source.shape[:2]),
        )
        for source in sources
    ]


def touched(alpha: NDArray[np.float32], plane: Samples) -> NDArray[np.bool_]:
    """Samples of a plane whose pixels all lie inside the mask, one pixel after another."""
    down = round(alpha.shape[0] / plane.shape[0])
    across = round(alpha.shape[1] / plane.shape[1])
    inside = np.ones(plane.shape, np.bool_)
    y, x = np.nonzero(alpha == 0)
    inside[y // down, x // across] = False
    return inside


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv444p"])
def test_samples_outside_the_mask_are_the_stored_ones(pixel_format: str, tmp_path: Path) -> None:
    media = noise_clip(tmp_path / "noise.mkv", pixel_format)
    matrix = ClipGeometry.of(media).colour.matrix
    pictures = local_pictures(media, 3)

    for picture, stored in zip(pictures, stored_planes(media.path, 3), strict=True):
        handed = planes_of(frame_from_local_picture(picture, pixel_format, matrix))

        for ours, own in zip(handed, stored, strict=True):
            inside = touched(picture.alpha, own)
            np.testing.assert_array_equal(ours[~inside], own[~inside])
            assert (ours[inside] != own[inside]).mean() > 0.9


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le"])
def test_samples_well_inside_are_the_edit(pixel_format: str, tmp_path: Path) -> None:
    media = noise_clip(tmp_path / "noise.mkv", pixel_format)
    picture = local_pictures(media, 1)[0]
    handed = planes_of(frame_from_local_picture(picture, pixel_format, 1))
    edit = planes_of(frame_from_picture(picture.edited, pixel_format, 1))

    for ours, expected in zip(handed, edit, strict=True):
        down, across = HEIGHT // ours.shape[0], WIDTH // ours.shape[1]
        inside = np.s_[12 // down : 30 // down, 18 // across : 40 // across]
        np.testing.assert_array_equal(ours[inside], expected[inside])


def test_half_a_mask_is_half_of_each_in_codes() -> None:
    source, edited = np.full((2, 4, 4, 3), 0, np.float32)
    edited += 1
    picture = LocalPicture(source=source, edited=edited, alpha=np.full((4, 4), 0.5, np.float32))

    luma, *chroma = planes_of(frame_from_local_picture(picture, "yuv420p", 1))

    # Black is 16, white 235 and grey 128 in both chroma planes (BT.709, 8 bits).
    assert set(luma.flat) == {np.rint((16 + 235) / 2)}
    assert {int(code) for plane in chroma for code in plane.flat} == {128}


def test_eight_bits_in_a_ten_bit_frame_are_the_same_luma(tmp_path: Path) -> None:
    media = noise_clip(tmp_path / "noise.mkv", "yuv420p")
    picture = local_pictures(media, 1)[0]
    stored = next(stored_planes(media.path, 1))
    outside = picture.alpha == 0

    matrix = ClipGeometry.of(media).colour.matrix
    handed = planes_of(frame_from_local_picture(picture, "yuv422p10le", matrix))

    np.testing.assert_array_equal(handed[0][outside], 4 * stored[0].astype(int)[outside])
    # Chroma lines lie between two luma lines: three quarters of the near one, one of the far.
    far, near = 4 * stored[1].astype(int)[0:2]
    np.testing.assert_allclose(handed[1][1], 0.75 * far + 0.25 * near, atol=0.51)


@pytest.mark.parametrize("name", REAL_CLIPS)
def test_samples_of_real_clips_are_the_stored_ones(name: str, shared_media: Path) -> None:
    media = probe_media(shared_media / name)
    if media.colour.full_range or media.pixel_format not in {"yuv420p", "yuv422p10le"}:
        pytest.skip(f"{media.pixel_format}, full range {media.colour.full_range}: converted")
    matrix = ClipGeometry.of(media).colour.matrix
    picture = local_pictures(media, 1)[0]
    stored = next(stored_planes(media.path, 1))

    handed = planes_of(frame_from_local_picture(picture, media.pixel_format, matrix))

    for ours, own in zip(handed, stored, strict=True):
        differs = ours != own
        assert not differs[~touched(picture.alpha, own)].any()
        assert differs.any()


def test_the_encoder_takes_local_pictures(tmp_path: Path) -> None:
    media = noise_clip(tmp_path / "noise.mkv", "yuv422p10le")
    geometry, pictures = ClipGeometry.of(media), local_pictures(media, 3)
    folders = [tmp_path / "local", tmp_path / "own"]
    for folder in folders:
        folder.mkdir()
    untouched = [
        LocalPicture(source=one.source, edited=one.edited, alpha=np.zeros_like(one.alpha))
        for one in pictures
    ]
    prores = OutputFormat.PRORES_422_HQ_MOV
    chunk = write_chunk(folders[0], 0, ALL_FRAMES, untouched, geometry, prores)
    with av.open(media.path) as container:
        frames = list(container.decode(video=0))
    write_video_frames(
        folders[1] / "own.mov",
        frames,
        codec="prores_ks",
        rate=Fraction(24),
        options={"profile": "hq", "vendor": "apl0"},
        pts=range(3),
    )

    for ours, own in zip(
        stored_planes(chunk.path, 3), stored_planes(folders[1] / "own.mov", 3), strict=True
    ):
        for ours_plane, own_plane in zip(ours, own, strict=True):
            np.testing.assert_array_equal(ours_plane, own_plane)


def test_composite_has_exact_ends() -> None:
    rng = np.random.default_rng(2)
    source, edited = rng.random((2, 6, 8, 3), np.float32)
    alpha = np.zeros((6, 8), np.float32)
    alpha[:, 4:] = 1
    alpha[0] = 0.25

    mixed = composite(source, edited, alpha)

    np.testing.assert_array_equal(mixed[1:, :4], source[1:, :4])
    np.testing.assert_array_equal(mixed[1:, 4:], edited[1:, 4:])
    np.testing.assert_allclose(mixed[0], 0.75 * source[0] + 0.25 * edited[0], rtol=1e-6)
    assert mixed.dtype == np.float32
