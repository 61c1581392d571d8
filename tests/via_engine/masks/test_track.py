"""Masks through a clip, with a grounder and a segmenter whose answers are known, and real ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from via_engine.errors import EditCancelledError, SubjectNotFoundError
from via_engine.masks.ground import Detection, load_grounder
from via_engine.masks.mask_track import MaskTrack
from via_engine.masks.outline import bounding_box, with_room
from via_engine.masks.plan import InstructionPlan, plan_instruction
from via_engine.masks.segment import load_segmenter
from via_engine.masks.track import steadied, track_masks
from via_engine.starter.bundle import packaged_folder
from via_engine.starter.evaluation.scores import mask_overlap
from via_engine.starter.world.render import owner_map, render_frame
from via_engine.starter.world.scene import Scene, Trajectory, demo_scene

Frame = NDArray[np.uint8]
Mask = NDArray[np.bool_]
WIDTH, HEIGHT, COUNT = 160, 90, 26
BALL, STAR = 0, 1


def nothing() -> None:
    """No wish to stop."""


class World:
    """Frames of a scene, and answers from its truth: boxes of phrases, masks of boxes.

    The grounder never says that something is absent: it then answers with the other object. In
    the frames `blind` it sees nothing, in those `merged` the segmenter draws one outline around
    both objects. `scores` are those of the object asked for and of the other one.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        blind: Sequence[int] = (),
        merged: Sequence[int] = (),
        scores: tuple[float, float] = (0.7, 0.5),
    ) -> None:
        frames = [render_frame(scene, one, width=WIDTH, height=HEIGHT) for one in range(COUNT)]
        owners = [owner_map(scene, one, width=WIDTH, height=HEIGHT) for one in range(COUNT)]
        self.frames = frames
        self.truths = [[found == index for found in owners] for index in (BALL, STAR)]
        self.looked_at: list[int] = []
        self._numbers = {frame.tobytes(): number for number, frame in enumerate(frames)}
        self._blind = set(blind)
        self._merged = set(merged)
        self._scores = scores

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    def find(self, frame: Frame, phrase: str, *, box_threshold: float) -> tuple[Detection, ...]:
        number = self._numbers.get(frame.tobytes())
        asked = {"ball": BALL, "star": STAR}.get(phrase)
        if number is None:
            return self.from_near(frame, asked)
        self.looked_at.append(number)
        if asked is None or number in self._blind:
            return ()
        ranked = zip((asked, 1 - asked), self._scores, strict=True)
        return tuple(
            Detection(box_xyxy=self.box(index, number), score=score, phrase=phrase, words=phrase)
            for index, score in ranked
            if self.truths[index][number].any()
        )

    def from_near(self, frame: Frame, asked: int | None) -> tuple[Detection, ...]:
        """Alone in view a thing is known by its colour: the ball is red, the star cyan."""
        redder = frame[..., 0].astype(int) - frame[..., 2]
        pixels = (np.count_nonzero(redder > 60), np.count_nonzero(redder < -60))
        share = 0.0 if asked is None else pixels[asked] / max(1, sum(pixels))
        return (Detection(box_xyxy=(0, 0, 1, 1), score=0.7 * share, phrase="", words=""),)

    def box(self, index: int, number: int) -> tuple[float, float, float, float]:
        left, top, right, bottom = map(float, bounding_box(self.truths[index][number]))
        return left, top, right, bottom

    def segment(self, frame: Frame, *, boxes_xyxy: NDArray[np.floating]) -> Mask:
        number = self._numbers[frame.tobytes()]
        return np.array([self._best(box, number) for box in boxes_xyxy]).reshape(-1, HEIGHT, WIDTH)

    def _best(self, box: NDArray[np.floating], number: int) -> Mask:
        if number in self._merged:
            return np.asarray(self.truths[BALL][number] | self.truths[STAR][number])
        inside = np.zeros((HEIGHT, WIDTH), np.bool_)
        left, top, right, bottom = np.rint(box).astype(int)
        inside[top:bottom, left:right] = True
        shown = [masks[number] for masks in self.truths]
        return max(shown, key=lambda mask: np.count_nonzero(mask & inside))

    def track(self, instruction: str) -> MaskTrack:
        plan = plan_instruction(instruction)
        return track_masks(self, 100, plan, self, self, nothing)


def moving(scene: Scene, index: int, trajectory: Trajectory) -> Scene:
    things = list(scene.objects)
    things[index] = replace(things[index], trajectory=trajectory)
    return replace(scene, objects=tuple(things))


@pytest.fixture(scope="module")
def calm() -> World:
    return World(demo_scene())


@pytest.fixture(scope="module")
def leaving() -> World:
    """The star crosses the frame and is gone in between; the ball stays."""
    star = demo_scene().objects[STAR].trajectory
    wide = replace(
        star, centre_xy=(0.8, 0.3), swing_xy=(0.4, 0.0), period_frames=(40.0, 60.0), phase=(0, 0)
    )
    return World(moving(demo_scene(), STAR, wide))


def test_between_key_frames_the_mask_follows_the_subject(calm: World) -> None:
    track = calm.track("make the ball green")
    assert track.frame_range.start_frame == 100
    assert track.frame_range.frame_count == COUNT
    overlaps = [mask_overlap(track.mask(100 + n), calm.truths[BALL][n]) for n in range(COUNT)]
    assert min(overlaps) > 0.93
    # One frame in six is looked at, and the last.
    assert set(calm.looked_at) == {0, 6, 12, 18, 24, 25}


def test_another_object_is_not_taken_for_the_absent_subject(leaving: World) -> None:
    truth = leaving.truths[STAR]
    assert 5 < sum(not mask.any() for mask in truth) < COUNT - 5
    track = leaving.track("make the star green")
    for number, mask in enumerate(truth):
        found = track.mask(100 + number)
        if not mask.any():
            assert not found.any()
        elif np.count_nonzero(mask) > 150:
            assert mask_overlap(found, mask) > 0.8


def test_of_two_answers_the_one_that_holds_from_near_is_the_subject() -> None:
    world = World(demo_scene(), scores=(0.4, 0.6))
    track = world.track("make the star green")
    assert min(mask_overlap(track.mask(100 + n), world.truths[STAR][n]) for n in range(COUNT)) > 0.8


def test_an_answer_that_does_not_hold_from_near_is_no_subject() -> None:
    never = Trajectory(
        centre_xy=(3.0, 3.0),
        swing_xy=(0.0, 0.0),
        period_frames=(40.0, 40.0),
        phase=(0.0, 0.0),
        roll_per_frame=0.0,
        tilt=0.0,
        breath=0.0,
    )
    without_star = World(moving(demo_scene(), STAR, never), scores=(0.0, 0.8))
    with pytest.raises(SubjectNotFoundError, match="star"):
        without_star.track("make the star green")


def test_where_the_subject_comes_and_goes_the_grounder_looks_again(leaving: World) -> None:
    leaving.track("make the star green")
    between = {number for number in leaving.looked_at if number % 6 and number != COUNT - 1}
    shown = [mask.any() for mask in leaving.truths[STAR]]
    assert between
    assert all(shown[number - 3] != shown[number + 3] for number in between)


def test_missed_key_frames_are_bridged_from_both_sides() -> None:
    world = World(demo_scene(), blind=(0, 6, 12, 24))
    track = world.track("make the ball green")
    for number, mask in enumerate(world.truths[BALL]):
        assert mask_overlap(track.mask(100 + number), mask) > 0.9


def test_an_outline_around_two_things_is_cleared_of_the_other_one() -> None:
    world = World(demo_scene(), merged=range(14, 22))
    track = world.track("make the ball green")
    for number, (ball, star) in enumerate(zip(*world.truths, strict=True)):
        found = track.mask(100 + number)
        assert np.count_nonzero(found & star) < 0.05 * np.count_nonzero(star)
        assert mask_overlap(found, ball) > 0.7


def test_a_background_is_all_but_the_subject(calm: World) -> None:
    ball = calm.track("make the ball green")
    rest = calm.track("put the ball in a desert")
    for frame in range(100, 100 + COUNT):
        assert np.array_equal(rest.mask(frame), ~ball.mask(frame))


def test_a_background_without_anything_in_front_is_everything(calm: World) -> None:
    track = calm.track("replace the background with a desert")
    assert all(track.mask(frame).all() for frame in range(100, 100 + COUNT))


def test_a_background_with_nothing_named_in_front_is_everything(calm: World) -> None:
    plan = replace(plan_instruction("replace the background with a desert"), phrases=())
    track = track_masks(calm, 100, plan, calm, calm, nothing)
    assert all(track.mask(frame).all() for frame in range(100, 100 + COUNT))


def test_what_shall_stay_before_a_new_background_must_be_there(calm: World) -> None:
    with pytest.raises(SubjectNotFoundError, match=r'"zeppelin".*mask of your own'):
        calm.track("put the zeppelin in a desert")


def test_a_thing_that_changes_its_shape_gets_room(calm: World) -> None:
    same = calm.track("make the ball green")
    other = calm.track("turn the ball into a tree")
    for frame in range(100, 100 + COUNT):
        assert np.array_equal(other.mask(frame), with_room(same.mask(frame), 1.25))


def test_two_phrases_are_followed_together(calm: World) -> None:
    track = calm.track("remove the ball and the star")
    for number in range(COUNT):
        both = calm.truths[BALL][number] | calm.truths[STAR][number]
        assert mask_overlap(track.mask(100 + number), both) > 0.9
    assert track.unseen == ()


def test_one_of_two_phrases_is_followed_where_the_other_is_not_there(calm: World) -> None:
    track = calm.track("remove the ball and the zeppelin")
    for number in range(COUNT):
        assert mask_overlap(track.mask(100 + number), calm.truths[BALL][number]) > 0.9
    assert track.unseen == ("zeppelin",)


def test_what_no_frame_shows_is_told_by_name(calm: World) -> None:
    with pytest.raises(SubjectNotFoundError, match=r'"zeppelin".*whole picture.*mask of your own'):
        calm.track("make the zeppelin red")


def test_a_wish_to_stop_is_heard(calm: World) -> None:
    left = iter(range(8))

    def check() -> None:
        if next(left, None) is None:
            raise EditCancelledError("stop")

    plan = plan_instruction("make the ball red")
    with pytest.raises(EditCancelledError):
        track_masks(calm, 0, plan, calm, calm, check)


def test_a_clip_of_one_frame() -> None:
    world = World(demo_scene())
    plan: InstructionPlan = plan_instruction("make the ball red")
    track = track_masks(world.frames[:1], 7, plan, world, world, nothing)
    assert np.array_equal(track.mask(7), world.truths[BALL][0])


def test_a_flicker_of_one_frame_is_smoothed_along_the_motion(calm: World) -> None:
    truth = calm.truths[BALL]
    flickering = list(truth)
    flickering[5] = np.zeros_like(truth[5])
    flickering[9] = np.ones_like(truth[9])
    steady = list(steadied(calm.frames, flickering))
    assert len(steady) == COUNT
    for number, mask in enumerate(truth):
        assert mask_overlap(steady[number], mask) > 0.9


def test_the_packaged_models_track_the_demo() -> None:
    grounder = load_grounder(packaged_folder("grounder"), device="cpu")
    segmenter = load_segmenter(packaged_folder("segmenter"), device=torch.device("cpu"))
    scene = demo_scene()
    frames = [render_frame(scene, frame, width=256, height=144) for frame in range(8)]
    plan = plan_instruction("make the ball green")
    track = track_masks(frames, 0, plan, grounder, segmenter, nothing)
    for frame in range(8):
        truth = owner_map(scene, frame, width=256, height=144) == BALL
        assert mask_overlap(track.mask(frame), truth) > 0.8
