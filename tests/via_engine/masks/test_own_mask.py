"""Masks of the editor's own: taken as they are, or found where the editor points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from via_engine.edit_settings import BoxPrompt, PointPrompt
from via_engine.errors import MaskError, RangeError
from via_engine.masks.own_mask import check_prompt, matte_track, prompted_track, still_track
from via_engine.masks.segment import Segmenter, load_segmenter
from via_engine.media_types import FrameRange
from via_engine.starter.bundle import packaged_folder
from via_engine.starter.evaluation.scores import mask_overlap
from via_engine.starter.world.render import object_mask, render_frame
from via_engine.starter.world.scene import demo_scene

WIDTH, HEIGHT = 16, 9
# Of a mask that follows the right object; quality is benched.
THE_RIGHT_OBJECT = 0.75
FRAMES = FrameRange(20, 27)
Picture = NDArray[np.float32]


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return load_segmenter(packaged_folder("segmenter"), device=torch.device("cpu"))


def picture(light_column: int, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    found = np.zeros((height, width, 3), np.float32)
    found[:, light_column] = 0.8
    return found


def nothing() -> None:
    """No wish to stop."""


def test_a_still_mask_is_the_same_in_every_frame_and_light_is_the_edit() -> None:
    track = still_track(picture(5)[..., 0], FrameRange(3, 6), width=WIDTH, height=HEIGHT)
    assert track.frame_range == FrameRange(3, 6)
    for frame in range(3, 6):
        assert np.array_equal(np.flatnonzero(track.mask(frame).any(axis=0)), [5])
        assert track.mask(frame)[:, 5].all()


@pytest.mark.parametrize(("matte_frames", "first_column"), [(3, 0), (12, 4)])
def test_a_matte_as_long_as_range_or_media_begins_with_it(
    matte_frames: int, first_column: int
) -> None:
    track = matte_track(
        (picture(column) for column in range(matte_frames)),
        FrameRange(4, 7),
        matte_frames=matte_frames,
        media_frames=12,
        width=WIDTH,
        height=HEIGHT,
    )
    assert track.frame_range == FrameRange(4, 7)
    columns = [int(np.flatnonzero(track.mask(frame).any(axis=0))[0]) for frame in range(4, 7)]
    assert columns == [first_column, first_column + 1, first_column + 2]


@pytest.mark.parametrize(
    ("matte_frames", "held", "width", "told"),
    [
        (5, 5, WIDTH, "5 frames.*media \\(12\\).*range to edit \\(3\\)"),
        (12, 6, WIDTH, "ends after 6 frames, 12 were announced"),
        (3, 3, 32, "32x9 pixels, the media 16x9"),
    ],
)
def test_a_matte_of_other_length_or_size_is_refused(
    matte_frames: int, held: int, width: int, told: str
) -> None:
    with pytest.raises(MaskError, match=told):
        matte_track(
            [picture(0, width)] * held,
            FrameRange(4, 7),
            matte_frames=matte_frames,
            media_frames=12,
            width=WIDTH,
            height=HEIGHT,
        )


def test_soft_edges_stay_and_the_noise_of_compression_does_not_count() -> None:
    matte = np.full((HEIGHT, WIDTH), 0.03, np.float32)
    matte[:, 4], matte[:, 5:] = 0.5, 0.98
    for track in (
        still_track(matte, FrameRange(3, 5), width=WIDTH, height=HEIGHT),
        matte_track(
            [matte, matte],
            FrameRange(3, 5),
            matte_frames=2,
            media_frames=12,
            width=WIDTH,
            height=HEIGHT,
        ),
    ):
        alpha = track.alpha(4)
        assert not alpha[:, :4].any()
        assert np.allclose(alpha[:, 4], 0.5, atol=1 / 255)
        assert (alpha[:, 5:] == 1).all()
        assert track.bytes_of(3) == track.bytes_of(4)
        with pytest.raises(RangeError, match=r"frame 5.*3 to 4"):
            track.alpha(5)


def test_a_still_mask_of_other_size_is_refused() -> None:
    with pytest.raises(MaskError, match="8x9 pixels, the media 16x9"):
        still_track(picture(0, 8), FrameRange(0, 2), width=WIDTH, height=HEIGHT)


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        (BoxPrompt(frame=27, box_xyxy=(1, 1, 5, 5)), "frame 27.* 20 to 26"),
        (BoxPrompt(frame=19, box_xyxy=(1, 1, 5, 5)), "frame 19"),
        (BoxPrompt(frame=20, box_xyxy=(1, 1, 17, 5)), "outside"),
        (BoxPrompt(frame=20, box_xyxy=(5, 1, 5, 5)), "empty"),
        (BoxPrompt(frame=20, box_xyxy=(1, float("nan"), 5, 5)), "outside"),
        (PointPrompt(frame=20, points_xy=((16, 2),), labels=(1,)), "point 16,2 is outside"),
        (PointPrompt(frame=20, points_xy=((3, -1),), labels=(1,)), "outside"),
        (PointPrompt(frame=20, points_xy=((3, 2),), labels=()), "1 points"),
        (PointPrompt(frame=20, points_xy=((3, 2),), labels=(2,)), "labels"),
        (PointPrompt(frame=20, points_xy=((3, 2),), labels=(0,)), "no point is on the subject"),
        (PointPrompt(frame=20, points_xy=(), labels=()), "no point"),
    ],
)
def test_prompts_that_point_nowhere_are_refused(prompt: BoxPrompt | PointPrompt, told: str) -> None:
    with pytest.raises(MaskError, match=told):
        check_prompt(prompt, FRAMES, width=WIDTH, height=HEIGHT)


def test_a_box_up_to_the_edges_and_a_click_in_the_corner_are_fine() -> None:
    check_prompt(
        BoxPrompt(frame=26, box_xyxy=(0, 0, WIDTH, HEIGHT)), FRAMES, width=WIDTH, height=HEIGHT
    )
    check_prompt(
        PointPrompt(frame=20, points_xy=((WIDTH - 0.5, HEIGHT - 0.5), (0, 0)), labels=(1, 0)),
        FRAMES,
        width=WIDTH,
        height=HEIGHT,
    )


@pytest.mark.parametrize("kind", ["box", "point"])
def test_what_is_pointed_at_in_one_frame_is_followed_both_ways(
    segmenter: Segmenter, kind: str
) -> None:
    scene = demo_scene()
    frames = [render_frame(scene, frame, width=256, height=144) for frame in range(7)]
    truths = [object_mask(scene, 0, frame, width=256, height=144) for frame in range(7)]
    rows, columns = np.nonzero(truths[3])
    # The media is twice as large as the frames that are looked at.
    box = (2.0 * columns.min(), 2.0 * rows.min(), 2.0 * columns.max() + 2, 2.0 * rows.max() + 2)
    middle = (2.0 * float(np.median(columns)), 2.0 * float(np.median(rows)))
    prompts: dict[str, BoxPrompt | PointPrompt] = {
        "box": BoxPrompt(frame=23, box_xyxy=box),
        "point": PointPrompt(frame=23, points_xy=(middle,), labels=(1,)),
    }
    track = prompted_track(frames, FRAMES, prompts[kind], segmenter, nothing, width=512, height=288)
    assert track.frame_range == FRAMES
    for frame, truth in enumerate(truths, FRAMES.start_frame):
        assert mask_overlap(track.mask(frame), truth) > THE_RIGHT_OBJECT


def test_a_place_without_anything_is_told(segmenter: Segmenter) -> None:
    class Nothing:
        def segment(self, frame: object, **prompts: object) -> NDArray[np.bool_]:
            return np.zeros((1, 144, 256), np.bool_)

    empty = replace(demo_scene(), objects=())
    frames = [render_frame(empty, frame, width=256, height=144) for frame in range(7)]
    prompt = PointPrompt(frame=22, points_xy=((100, 80),), labels=(1,))
    with pytest.raises(MaskError, match=r"nothing stands out.* frame 22"):
        prompted_track(frames, FRAMES, prompt, Nothing(), nothing, width=256, height=144)
