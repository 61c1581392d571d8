"""What masks, roots and numbers must keep to: the media has 48 frames of 64 × 48 pixels."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from server.edit_spec import (
    AdaptSpec,
    Attachments,
    EditPlan,
    EditSpec,
    LocalSpec,
    NamedFile,
    RootImageSpec,
)
from server.errors import ArgumentError
from server.planning import plan_edit
from server.shared_look import SharedLook
from tests.server.conftest import CATALOG
from tests.server.values import MEDIA, SOURCE
from via_engine.edit_request import LookSource
from via_engine.edit_settings import (
    AttentionMode,
    BoxPrompt,
    MatteClip,
    PointPrompt,
    RootChoice,
    RootImage,
    Scope,
    StillMask,
    SwapLayers,
)
from via_engine.errors import MaskError, RootError
from via_engine.media_types import FrameRange

FILE = replace(SOURCE, location="/media/other")
FILES = (NamedFile(source=FILE, path=Path("/real/other")),)
TURNED = replace(MEDIA, rotation_degrees=90)


def planned(attached: Attachments | None = None, **changes: Any) -> EditPlan:
    media = changes.pop("media", MEDIA)
    look = changes.pop("look", None)
    return plan_edit(
        EditSpec(**{"source": SOURCE, "instruction": "make it night", **changes}),
        media=media,
        card=CATALOG.cards[0],
        pace=None,
        attached=attached or Attachments(files=FILES),
        look=look,
    )


def lent(**settings: Any) -> SharedLook:
    spec = planned(**settings).spec
    source = LookSource(
        media_path=Path("/media/other.mov"),
        media_identity="other",
        frame_range=FrameRange(0, 9),
        group_range=FrameRange(2, 5),
        adapter=None if spec.adapt is None else Path("/jobs/a/adapter.safetensors"),
    )
    return SharedLook(source=source, settings=spec)


def box(*edges: float, frame: int = 0) -> LocalSpec:
    left, top, right, bottom = edges
    return LocalSpec(box=BoxPrompt(frame=frame, box_xyxy=(left, top, right, bottom)))


def points(*xy: tuple[float, float], labels: tuple[int, ...], frame: int = 0) -> LocalSpec:
    return LocalSpec(points=PointPrompt(frame=frame, points_xy=xy, labels=labels))


def choice(**changes: Any) -> RootChoice:
    values = {"frame": 0, "seed": 0, "guidance_scale": 2.0, "image_guidance_scale": 1.5}
    return RootChoice(**{**values, **changes})


@pytest.mark.parametrize(
    "local",
    [
        box(0, 0, 64, 48),
        box(0.5, 0.5, 1.5, 1.5, frame=47),
        points((63.9, 47.9), (0, 0), labels=(1, 0)),
        LocalSpec(phrase="x" * 200, dilation_px=0, feather_px=4096),
    ],
)
def test_a_mask_that_fits_is_taken(local: LocalSpec) -> None:
    assert planned(local=local).spec.local == local


@pytest.mark.parametrize(
    ("local", "words"),
    [
        (box(0, 0, 64.5, 48), "64 × 48"),
        (box(-1, 0, 8, 8), "outside the"),
        (box(8, 8, 8, 9), "is empty"),
        (box(math.nan, 0, 8, 8), "is empty"),
        (box(0, 0, 8, 8, frame=48), "0 to 47"),
        (points((64, 0), labels=(1,)), "64,0 lies outside"),
        (points((math.nan, 0), labels=(1,)), "lies outside"),
        (points((1, 1), labels=(0,)), "at least one"),
        (points(labels=()), "at least one"),
        (points(*[(1.0, 1.0)] * 65, labels=(1,) * 65), "1 to 64"),
        (points((1, 1), labels=(1,), frame=-1), "0 to 47"),
    ],
)
def test_boxes_and_clicks_stay_inside_the_picture(local: LocalSpec, words: str) -> None:
    with pytest.raises(MaskError, match=words):
        planned(local=local)


def test_coordinates_are_those_of_the_upright_picture() -> None:
    tall = box(0, 0, 48, 64)
    assert planned(local=tall, media=TURNED).spec.local == tall
    with pytest.raises(MaskError, match="48 × 64"):
        planned(local=box(0, 0, 64, 48), media=TURNED)


def test_boxes_and_clicks_are_drawn_in_a_frame_to_edit() -> None:
    for local in (box(0, 0, 8, 8, frame=20), points((1, 1), labels=(1,), frame=20)):
        assert planned(local=local, frame_range=FrameRange(20, 24)).spec.local == local
        with pytest.raises(MaskError, match=r"frame 20.*24 to 27"):
            planned(local=local, frame_range=FrameRange(24, 28))


def test_a_matte_is_as_long_as_the_media_or_as_the_range_to_edit() -> None:
    local, asked = LocalSpec(matte_clip=FILE), FrameRange(10, 20)
    for frames in (48, 10):
        matte = replace(MEDIA, frame_count=frames)
        attached = Attachments(files=FILES, matte_clip=matte)
        assert planned(attached, local=local, frame_range=asked).spec.local == local
    for changes, words in (
        ({"frame_count": 11}, r"has 11 frames.*48 frames.*10 frames"),
        ({"width": 62}, r"62 × 48 .*64 × 48"),
        ({"frame_rate": Fraction(25)}, r"25 frames per second.*24000/1001"),
    ):
        attached = Attachments(files=FILES, matte_clip=replace(MEDIA, **changes))
        with pytest.raises(MaskError, match=words):
            planned(attached, local=local, frame_range=asked)


def test_pictures_are_of_the_medias_size() -> None:
    still, root = LocalSpec(still_mask=FILE), RootImageSpec(frame=3, source=FILE)
    assert planned(Attachments(files=FILES, still_mask_px=(64, 48)), local=still)
    with pytest.raises(MaskError, match=r"48 × 64 .*64 × 48"):
        planned(Attachments(files=FILES, still_mask_px=(48, 64)), local=still)
    with pytest.raises(RootError, match=r"128 × 96 .*64 × 48"):
        large = Attachments(files=FILES, root_image_px=(128, 96))
        planned(large, adapt=AdaptSpec(root_image=root))


@pytest.mark.parametrize(
    ("local", "field"),
    [
        (LocalSpec(scope=Scope.GLOBAL, phrase="ball"), "scope"),
        (replace(box(0, 0, 8, 8), scope=Scope.GLOBAL), "scope"),
        (replace(box(0, 0, 8, 8), phrase="ball"), "phrase"),
        (LocalSpec(phrase="x" * 201), "phrase"),
        (LocalSpec(dilation_px=-1), "dilation_px"),
        (LocalSpec(feather_px=4097), "feather_px"),
    ],
)
def test_local_settings_that_contradict_each_other_are_refused(
    local: LocalSpec, field: str
) -> None:
    with pytest.raises(ArgumentError, match=f"spec.local.{field}"):
        planned(local=local)


@pytest.mark.parametrize(
    ("adapt", "field"),
    [
        (AdaptSpec(steps=0), "steps"),
        (AdaptSpec(rank=257), "rank"),
        (AdaptSpec(learning_rate=0.0), "learning_rate"),
        (AdaptSpec(learning_rate=math.nan), "learning_rate"),
        (AdaptSpec(candidates=65), "candidates"),
        (AdaptSpec(adapter=FILE, root_choice=choice()), "adapter"),
        (AdaptSpec(root_choice=choice(guidance_scale=0.5)), "root_choice.guidance_scale"),
        (AdaptSpec(root_choice=choice(image_guidance_scale=math.inf)), "image_guidance_scale"),
    ],
)
def test_tuning_that_cannot_be_done_is_refused(adapt: AdaptSpec, field: str) -> None:
    with pytest.raises(ArgumentError, match=field):
        planned(adapt=adapt)


@pytest.mark.parametrize("frame", [-1, 48])
def test_a_root_lies_inside_the_media(frame: int) -> None:
    root = RootImageSpec(frame=frame, source=FILE)
    for adapt in (AdaptSpec(root_choice=choice(frame=frame)), AdaptSpec(root_image=root)):
        with pytest.raises(RootError, match="0 to 47"):
            planned(adapt=adapt)


@pytest.mark.parametrize("swap_steps", [0, 11])
def test_the_swap_lasts_no_longer_than_the_steps(swap_steps: int) -> None:
    with pytest.raises(ArgumentError, match="swap_steps"):
        planned(swap_steps=swap_steps)
    assert planned(swap_steps=10).spec.swap_steps == 10


@pytest.mark.parametrize("steady_frames", [-1, 9])
def test_a_frame_has_so_many_neighbours_and_no_more(steady_frames: int) -> None:
    with pytest.raises(ArgumentError, match="steady_frames"):
        planned(steady_frames=steady_frames)
    assert planned(steady_frames=0).spec.steady_frames == 0
    assert planned().spec.steady_frames == 2


def test_a_group_larger_than_its_range_uses_all_frames_and_says_so() -> None:
    one = replace(MEDIA, frame_count=1)
    assert (planned(media=one).spec.group_size, planned(media=one).warnings) == (1, ())
    plan = planned(media=one, group_size=8)
    assert plan.spec.group_size == 1
    assert "1 frames instead of 8" in plan.warnings[0]
    look = lent(group_size=8)
    assert planned(look=look, group_from="jobs/a").spec.group_size == 3
    with pytest.raises(ArgumentError, match="group_from"):
        planned(look=look, group_from="jobs/a", group_range=FrameRange(0, 2))


def test_a_borrowed_look_is_what_the_lender_was_made_with() -> None:
    made = {
        "seed": 5,
        "steps": 9,
        "guidance_scale": 3.5,
        "image_guidance_scale": 1.25,
        "group_size": 3,
        "attention": AttentionMode.CROSS_FRAME,
        "swap_layers": SwapLayers.SELF,
        "swap_steps": 7,
        "steady_frames": 1,
    }
    look = lent(**made, adapt=AdaptSpec(root_choice=choice(), rank=4))

    borrowed = planned(look=look, group_from="jobs/a").spec

    assert {name: getattr(borrowed, name) for name in made} == made
    assert borrowed.adapt == AdaptSpec(rank=4)
    assert borrowed.lent_adapter == look.source.adapter
    other = planned(look=look, group_from="jobs/a", seed=1, steps=4, swap_layers=SwapLayers.ALL)
    assert (other.spec.seed, other.spec.steps, other.spec.swap_steps) == (1, 4, 4)
    assert other.spec.swap_layers is SwapLayers.ALL


def test_the_tuning_of_a_look_can_be_left_out_or_replaced_but_has_its_root() -> None:
    look = lent(adapt=AdaptSpec())
    off = planned(look=look, group_from="jobs/a", adapt=AdaptSpec(enabled=False)).spec
    own = planned(look=look, group_from="jobs/a", adapt=AdaptSpec(adapter=FILE)).spec
    assert (off.adapt, off.lent_adapter, own.lent_adapter) == (None, None, None)
    plain = planned(look=lent(), group_from="jobs/a", adapt=AdaptSpec()).spec
    assert (plain.adapt, plain.lent_adapter) == (AdaptSpec(), None)
    with pytest.raises(ArgumentError, match=r"group_from.*jobs/a.*root"):
        planned(look=look, group_from="jobs/a", adapt=AdaptSpec(root_choice=choice()))


def test_the_engine_gets_paths_where_callers_named_files(tmp_path: Path) -> None:
    path = FILES[0].path
    root = RootImageSpec(frame=3, source=FILE)
    spec = planned(local=LocalSpec(matte_clip=FILE), adapt=AdaptSpec(root_image=root, rank=4)).spec
    request = spec.engine_request(MEDIA, work_folder=tmp_path)
    assert request.local.own_mask == MatteClip(path=path)
    assert request.adapt is not None
    assert (request.adapt.root, request.adapt.rank) == (RootImage(frame=3, path=path), 4)
    spec = planned(local=LocalSpec(still_mask=FILE), adapt=AdaptSpec(adapter=FILE)).spec
    request = spec.engine_request(MEDIA, work_folder=tmp_path)
    assert request.local.own_mask == StillMask(path=path)
    assert request.adapt is not None and request.adapt.adapter == path
    assert spec.sources() == (SOURCE, FILE, FILE)
