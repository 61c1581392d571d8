"""Boxes, points and roots as people type them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolve_scripts.edit_message import root_choice_message
from resolve_scripts.edit_settings import Box, Clicks, RootChoice, RootImage
from resolve_scripts.errors import UsageError
from resolve_scripts.pick_root import choice_option
from resolve_scripts.places import box_of, clicks_of, own_mask, root_choice, root_image

PIXELS = st.floats(0, 8192, allow_nan=False)


def test_boxes_and_points_carry_their_frame() -> None:
    assert box_of("10,20,30.5,40") == Box(frame=None, box_xyxy=(10, 20, 30.5, 40))
    assert box_of("10,20,30,40@0").frame == 0
    clicks = clicks_of(["1,2@7", "3,4"], ["5,6"])
    assert clicks == Clicks(frame=7, on_subject=((1, 2), (3, 4)), off_subject=((5, 6),))


@given(left=PIXELS, top=PIXELS, width=st.floats(1, 100), height=st.floats(1, 100))
def test_a_box_is_read_as_it_was_written(
    left: float, top: float, width: float, height: float
) -> None:
    edges = (left, top, left + width, top + height)
    assert box_of(",".join(map(repr, edges))).box_xyxy == edges


@pytest.mark.parametrize(
    "text",
    ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "3,2,1,4", "1,2,3,2", "1,2,nan,4", "1,2,3,inf",
     "1,2,3,4@", "1,2,3,4@-1", "1,2,3,4@1.5", "1,2,3,4@1@2", "1,2,3,4@" + "9" * 10],
)  # fmt: skip
def test_a_box_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--box"):
        box_of(text)


@pytest.mark.parametrize(
    ("points", "not_points", "words"),
    [
        ([], ["1,2"], "add a --point"),
        (["1,2@3"], ["1,2@4"], "frames 3, 4"),
        (["1,2,3"], [], "--point '1,2,3'"),
        (["1,2"], ["1"], "--not-point '1'"),
    ],
)
def test_clicks_that_show_no_subject_are_refused(
    points: list[str], not_points: list[str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        clicks_of(points, not_points)


def test_there_is_one_kind_of_mask() -> None:
    assert own_mask(None, None, [], []) is None
    for given_ in ((Path("m.png"), "0,0,1,1", []), (None, "0,0,1,1", ["1,1"])):
        with pytest.raises(UsageError, match="one kind"):
            own_mask(*given_, [])


def test_an_at_sign_in_the_name_of_a_root_image_is_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "hero@2.png"
    assert root_image(f"{path}@14") == RootImage(frame=14, path=path)
    path.touch()
    assert root_image(str(path)) == RootImage(frame=None, path=path)
    assert root_image(str(tmp_path / "plain.png")).frame is None
    with pytest.raises(UsageError, match="media frame"):
        root_image(str(tmp_path / "hero@two.png"))


@given(
    frame=st.integers(0, 10**9 - 1),
    seed=st.integers(0, 2**32 - 1),
    scale=st.floats(1, 100),
    image_scale=st.floats(1, 100),
)
def test_the_option_that_is_shown_gives_the_very_root(
    frame: int, seed: int, scale: float, image_scale: float
) -> None:
    choice = RootChoice(
        frame=frame, seed=seed, guidance_scale=scale, image_guidance_scale=image_scale
    )
    option = choice_option(root_choice_message(choice))
    assert root_choice(option.removeprefix("--root-choice ")) == choice


@pytest.mark.parametrize("text", ["", "1", "1:2:3", "1:2:3:4:5", "a:2:3:4", "1:-1:3:4", "1:2:x:4"])
def test_a_root_choice_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--root-choice"):
        root_choice(text)
