"""A track gives back the masks it was made of, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from via_engine.errors import MaskError, RangeError
from via_engine.masks.mask_track import Mask, MaskTrack
from via_engine.media_types import FrameRange

sizes = st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 21))


@settings(max_examples=40)
@given(sizes.flatmap(lambda size: arrays(np.bool_, size)), st.integers(0, 10_000))
def test_every_mask_comes_back_at_its_frame(masks: Mask, first_frame: int) -> None:
    track = MaskTrack.of(first_frame, masks)
    assert track.frame_range == FrameRange(first_frame, first_frame + len(masks))
    assert (track.height, track.width) == masks.shape[1:]
    for frame, mask in enumerate(masks, first_frame):
        assert np.array_equal(track.mask(frame), mask)
        assert track.holds_subject(frame) == bool(mask.any())


def test_masks_are_kept_at_a_bit_a_pixel() -> None:
    assert MaskTrack.of(0, np.zeros((10, 144, 256), np.bool_)).size_bytes == 10 * 144 * 256 // 8


def test_equal_masks_at_equal_frames_are_the_same_track() -> None:
    masks = np.random.default_rng(1).random((3, 5, 7)) < 0.5
    other = masks.copy()
    other[2, 4, 6] ^= True
    tracks = [
        MaskTrack.of(4, masks),
        MaskTrack.of(5, masks),
        MaskTrack.of(4, other),
        MaskTrack.of(4, masks[:2]),
        MaskTrack.of(4, masks.reshape(3, 7, 5)),
    ]
    assert MaskTrack.of(4, masks.copy()).identity == tracks[0].identity
    assert len({track.identity for track in tracks}) == len(tracks)


def test_a_mask_may_be_written_to_without_harm() -> None:
    track = MaskTrack.of(0, np.zeros((1, 4, 4), np.bool_))
    track.mask(0)[:] = True
    assert not track.holds_subject(0)


@pytest.mark.parametrize("frame", [6, 10])
def test_frames_outside_are_refused(frame: int) -> None:
    track = MaskTrack.of(7, np.zeros((3, 4, 4), np.bool_))
    for ask in (track.mask, track.holds_subject):
        with pytest.raises(RangeError, match="frames 7 to 9"):
            ask(frame)


@pytest.mark.parametrize(
    ("masks", "told"),
    [
        ([], "no frames"),
        ([np.zeros((2, 2), np.uint8)], "bool"),
        ([np.zeros((2, 2, 1), np.bool_)], "bool"),
        ([np.zeros((2, 3), np.bool_), np.zeros((3, 2), np.bool_)], "frame 1 is 2x3 pixels.* 3x2"),
    ],
)
def test_what_is_no_track_is_refused(masks: list[Mask], told: str) -> None:
    with pytest.raises(MaskError, match=told):
        MaskTrack.of(0, masks)
