from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from via_engine.media_types import ColourTags, FrameRange, MediaInfo
from via_engine.model_card import ModelCard
from via_engine.schedule import (
    batches,
    chunk_ranges,
    clip_working_size,
    group_frames,
    working_size,
)

ranges = st.builds(
    lambda start, count: FrameRange(start, start + count),
    st.integers(0, 100_000),
    st.integers(1, 5_000),
)


@given(frame_range=ranges, group_size=st.integers(1, 40))
def test_group_is_distinct_rising_and_reaches_both_ends(
    frame_range: FrameRange, group_size: int
) -> None:
    group = group_frames(frame_range, group_size)

    assert len(group) == min(group_size, frame_range.frame_count)
    assert list(group) == sorted(set(group))
    assert group[0] == frame_range.start_frame
    if len(group) > 1:
        assert group[-1] == frame_range.end_frame_exclusive - 1


@given(frame_range=ranges, group_size=st.integers(3, 40))
def test_group_steps_differ_by_at_most_one_frame(frame_range: FrameRange, group_size: int) -> None:
    group = group_frames(frame_range, group_size)
    steps = {later - earlier for earlier, later in pairwise(group)}

    assert not steps or max(steps) - min(steps) <= 1


def test_group_of_the_paper_is_four_frames_over_the_whole_clip() -> None:
    assert group_frames(FrameRange(0, 150), 4) == (0, 50, 99, 149)


@given(frame_range=ranges, chunk_frames=st.integers(1, 500))
def test_chunks_tile_the_range(frame_range: FrameRange, chunk_frames: int) -> None:
    chunks = chunk_ranges(frame_range, chunk_frames)

    frames = [
        frame for chunk in chunks for frame in range(chunk.start_frame, chunk.end_frame_exclusive)
    ]
    assert frames == list(range(frame_range.start_frame, frame_range.end_frame_exclusive))
    assert {chunk.frame_count for chunk in chunks[:-1]} <= {chunk_frames}
    assert chunks[-1].frame_count <= chunk_frames


@given(count=st.integers(0, 100), batch_frames=st.integers(1, 12))
def test_batches_keep_order_and_lose_nothing(count: int, batch_frames: int) -> None:
    grouped = list(batches(range(count), batch_frames))

    assert [item for batch in grouped for item in batch] == list(range(count))
    assert all(len(batch) == batch_frames for batch in grouped[:-1])


def test_batches_take_no_frame_before_it_is_asked_for() -> None:
    taken: list[int] = []

    def frames() -> Iterator[int]:
        for frame in range(10):
            taken.append(frame)
            yield frame

    stream = batches(frames(), 3)
    next(stream)

    assert taken == [0, 1, 2]


sides = st.integers(1, 8_192)


@given(width=sides, height=sides, multiple=st.sampled_from([8, 16, 64]), scale=st.integers(1, 16))
def test_working_size_fits_the_model(width: int, height: int, multiple: int, scale: int) -> None:
    long_side = multiple * scale
    working = working_size(width, height, long_side_px=long_side, multiple_px=multiple)

    factor = min(1.0, long_side / max(width, height))
    for source, side in zip((width, height), working, strict=True):
        assert side % multiple == 0
        assert multiple <= side <= long_side
        # Half a multiple is the most that rounding may change; below one multiple it must grow.
        assert abs(side - source * factor) <= multiple / 2 or side == multiple


@pytest.mark.parametrize(
    ("source", "long_side_px", "multiple_px", "expected"),
    [
        ((1920, 1080), 512, 64, (512, 320)),
        ((1080, 1920), 512, 64, (320, 512)),
        ((512, 512), 512, 64, (512, 512)),
        ((128, 128), 256, 8, (128, 128)),
        ((320, 240), 256, 8, (256, 192)),
        ((20, 1000), 256, 64, (64, 256)),
        ((300, 300), 100, 64, (64, 64)),
    ],
)
def test_working_size_of_known_pictures(
    source: tuple[int, int], long_side_px: int, multiple_px: int, expected: tuple[int, int]
) -> None:
    width, height = source
    assert (
        working_size(width, height, long_side_px=long_side_px, multiple_px=multiple_px) == expected
    )


def test_sizes_below_one_are_named() -> None:
    with pytest.raises(ValueError, match="group_size is 0"):
        group_frames(FrameRange(0, 5), 0)
    with pytest.raises(ValueError, match="chunk_frames is 0"):
        chunk_ranges(FrameRange(0, 5), 0)
    with pytest.raises(ValueError, match="batch_frames is -1"):
        list(batches([1], -1))


@pytest.mark.parametrize(
    ("stored", "ratio", "rotation", "expected"),
    [
        ((1920, 1080), Fraction(1), 0, (512, 320)),
        ((1920, 1080), Fraction(1), 270, (320, 512)),
        ((1440, 1080), Fraction(4, 3), 0, (512, 320)),
        ((1440, 1080), Fraction(4, 3), 90, (320, 512)),
        ((1920, 1080), Fraction(2), 180, (512, 128)),
    ],
)
def test_clips_are_edited_upright_and_in_square_pixels(
    stored: tuple[int, int], ratio: Fraction, rotation: int, expected: tuple[int, int]
) -> None:
    media = MediaInfo(
        path=Path("clip.mov"),
        width=stored[0],
        height=stored[1],
        frame_rate=Fraction(25),
        frame_count=1,
        codec="prores",
        pixel_format="yuv422p10le",
        bits_per_sample=10,
        sample_aspect_ratio=ratio,
        colour=ColourTags(primaries=1, transfer=1, matrix=1, full_range=False),
        rotation_degrees=rotation,
        is_interlaced=False,
        is_variable_rate=False,
        start_timecode=None,
        size_bytes=1,
        identity="a1",
    )
    card = ModelCard(
        name="brush",
        kind="instruct-pix2pix",
        folder=Path("brush"),
        steps=10,
        guidance_scale=7.5,
        image_guidance_scale=1.5,
        long_side_px=512,
        multiple_px=64,
        licence="unknown",
    )

    assert clip_working_size(media, card) == expected
