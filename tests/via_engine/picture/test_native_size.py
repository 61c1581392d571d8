"""The model is played by a blur and a little noise at working size; truth is the edit at full."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from via_engine.media_types import FrameRange
from via_engine.picture.decode import read_frames
from via_engine.picture.native_size import to_native_size, to_working_size
from via_engine.picture.probe import probe_media

Picture = NDArray[np.float32]
REDUCTION = 4


def through_model(picture: Picture, seed: int) -> Picture:
    blurred = cv2.GaussianBlur(picture, (0, 0), 0.7)
    noise = np.random.default_rng(seed).normal(0, 0.003, picture.shape).astype(np.float32)
    return np.clip(blurred + noise, 0, 1)


def small(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    return to_working_size(picture, width=width // REDUCTION, height=height // REDUCTION)


def enlarged(picture: Picture, source: Picture) -> Picture:
    return to_working_size(picture, width=source.shape[1], height=source.shape[0])


def psnr_db(picture: Picture, truth: Picture) -> float:
    return float(-10 * np.log10(np.mean((picture - truth) ** 2)))


@pytest.fixture(scope="module", params=["cockatoo.mp4", "man-skiing.mp4"])
def source(request: pytest.FixtureRequest, shared_media: Path) -> Picture:
    media = probe_media(shared_media / request.param)
    picture = next(read_frames(media, FrameRange(40, 41)))
    return np.ascontiguousarray(picture[:704, :704])


def darkened(picture: Picture) -> Picture:
    return picture * np.float32(0.45)


def night(picture: Picture) -> Picture:
    return picture * np.array([0.35, 0.4, 0.6], np.float32)


def warmed(picture: Picture) -> Picture:
    return np.clip(picture * np.array([1.1, 0.95, 0.7], np.float32) + np.float32(0.03), 0, 1)


def more_contrast(picture: Picture) -> Picture:
    return np.clip((picture - 0.5) * np.float32(1.4) + np.float32(0.5), 0, 1)


def unchanged(picture: Picture) -> Picture:
    return picture


@pytest.mark.parametrize("shape", [(704, 704), (719, 1281), (48, 64), (31, 33)])
def test_an_edit_that_changes_nothing_gives_the_source_bit_for_bit(shape: tuple[int, int]) -> None:
    source = np.random.default_rng(0).random((*shape, 3), np.float32)
    round_trip = through_model(to_working_size(source, width=96, height=64), seed=1)
    np.testing.assert_array_equal(to_native_size(source, round_trip, round_trip.copy()), source)


@pytest.mark.parametrize("edit", [unchanged, darkened, night, warmed, more_contrast])
def test_a_global_look_keeps_the_sharpness_of_the_source(
    edit: Callable[[Picture], Picture], source: Picture
) -> None:
    round_trip = through_model(small(source), seed=1)
    edited = through_model(edit(small(source)), seed=2)
    truth = edit(source)
    plain = psnr_db(enlarged(edited, source), truth)
    ours = psnr_db(to_native_size(source, round_trip, edited), truth)
    assert ours > plain + 3


def mirrored(source: Picture) -> Picture:
    return np.ascontiguousarray(source[::-1, ::-1])


def one_colour(source: Picture) -> Picture:
    return np.full_like(source, [0.7, 0.3, 0.2])


def striped(source: Picture) -> Picture:
    wave = 0.5 + 0.3 * np.sin(np.arange(source.shape[1], dtype=np.float32) / 9)
    return np.broadcast_to(wave[None, :, None], source.shape).astype(np.float32)


@pytest.mark.parametrize("content", [mirrored, one_colour, striped])
def test_other_content_is_free_of_ghosts(
    content: Callable[[Picture], Picture], source: Picture
) -> None:
    truth = source.copy()
    truth[176:528, 176:528] = content(source)[176:528, 176:528]
    round_trip = through_model(small(source), seed=1)
    edited = through_model(small(truth), seed=2)
    inside = np.s_[192:512, 192:512]
    plain = psnr_db(enlarged(edited, source)[inside], truth[inside])
    ours = psnr_db(to_native_size(source, round_trip, edited)[inside], truth[inside])
    assert ours > plain - 0.5


def test_what_lies_outside_a_local_edit_stays_the_source(source: Picture) -> None:
    round_trip = through_model(small(source), seed=1)
    edited = round_trip.copy()
    edited[60:100, 60:100] = 0.9
    ours = to_native_size(source, round_trip, edited)
    np.testing.assert_array_equal(ours[:160], source[:160])
    np.testing.assert_array_equal(ours[480:], source[480:])


def test_results_are_in_range(source: Picture) -> None:
    ours = to_native_size(source, small(source), 1 - small(source))
    assert ours.dtype == np.float32
    assert ours.min() >= 0
    assert ours.max() <= 1


def test_working_size_averages_and_keeps_the_range() -> None:
    board = np.indices((64, 64)).sum(axis=0)[..., None] % 2 * np.ones(3)
    half = to_working_size(board.astype(np.float32), width=16, height=16)
    np.testing.assert_allclose(half, 0.5)
    larger = to_working_size(board.astype(np.float32), width=100, height=100)
    assert larger.shape == (100, 100, 3)
    assert larger.min() >= 0
    assert larger.max() <= 1
