"""Groups lie within shots; whoever names a group range or another clip's look overrules that."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from via_engine.edit_request import EditRequest, LookSource
from via_engine.edit_settings import AttentionMode, BoxPrompt, LocalSettings, StillMask
from via_engine.media_types import ColourTags, FrameRange, MediaInfo, OutputFormat
from via_engine.method.shot_parts import shot_parts
from via_engine.picture.encode import ClipGeometry, write_chunk
from via_engine.picture.probe import probe_media
from via_engine.starter.world.render import render_frame
from via_engine.starter.world.scene import random_world_scene

CUTS = (0, 14, 30, 42)
SECOND, THIRD = FrameRange(14, 30), FrameRange(30, 42)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> MediaInfo:
    """Three scenes one after the other."""
    geometry = ClipGeometry(
        width=128,
        height=72,
        frame_rate=Fraction(24),
        sample_aspect_ratio=Fraction(1),
        colour=ColourTags(primaries=1, transfer=1, matrix=1, full_range=False),
    )
    pictures = [
        render_frame(random_world_scene(seed, held_out=True), frame, width=128, height=72) / 255
        for seed, (start, end) in enumerate(pairwise(CUTS), start=71)
        for frame in range(start, end)
    ]
    frames = FrameRange(0, CUTS[-1])
    chunk = write_chunk(
        tmp_path_factory.mktemp("shots"),
        0,
        frames,
        [picture.astype(np.float32) for picture in pictures],
        geometry,
        OutputFormat.PRORES_422_HQ_MOV,
    )
    return probe_media(chunk.path)


def request(media: MediaInfo, start: int, end: int) -> EditRequest:
    return EditRequest(
        media_path=media.path,
        media_identity=media.identity,
        frame_range=FrameRange(start, end),
        group_range=None,
        instruction="make it night",
        model="tiny",
        seed=0,
        steps=2,
        guidance_scale=7.5,
        image_guidance_scale=1.5,
        work_folder=Path("work"),
    )


def test_each_shot_has_a_group_of_its_own_spread_over_all_of_it(media: MediaInfo) -> None:
    first, second = shot_parts(request(media, 20, 36), media, media)

    assert (first.frame_range, first.group_range) == (FrameRange(20, 30), SECOND)
    assert (second.frame_range, second.group_range) == (FrameRange(30, 36), THIRD)
    assert first.group_frames == (14, 19, 24, 29)
    assert second.group_frames == (30, 34, 37, 41)


def test_two_ranges_of_one_shot_have_one_group(media: MediaInfo) -> None:
    [early], [late] = (
        shot_parts(request(media, *ends), media, media) for ends in ((14, 16), (25, 30))
    )
    assert early.group_frames == late.group_frames


def test_a_group_range_that_was_asked_for_is_taken(media: MediaInfo) -> None:
    asked = replace(request(media, 20, 36), group_range=FrameRange(0, 42))
    [part] = shot_parts(asked, media, media)

    assert (part.frame_range, part.group_frames) == (FrameRange(20, 36), (0, 14, 27, 41))


def test_the_look_of_another_edit_is_its_group(media: MediaInfo) -> None:
    own = request(media, 0, 4)
    look = LookSource(
        media_path=media.path,
        media_identity=media.identity,
        frame_range=FrameRange(32, 40),
        group_range=None,
    )
    [lender] = shot_parts(request(media, 32, 40), media, media)
    [borrower] = shot_parts(replace(own, look_source=look), media, media)

    assert borrower.frame_range == FrameRange(0, 4)
    assert borrower.group_frames == lender.group_frames


def test_a_mask_drawn_for_the_range_keeps_the_group_in_it(media: MediaInfo) -> None:
    box = BoxPrompt(frame=20, box_xyxy=(0, 0, 20, 20))
    for mask, group_range in ((box, FrameRange(20, 26)), (StillMask(path=Path("m.png")), SECOND)):
        asked = replace(request(media, 20, 26), local=LocalSettings(own_mask=mask))
        assert shot_parts(asked, media, media)[0].group_range == group_range


def test_frames_edited_on_their_own_have_no_group(media: MediaInfo) -> None:
    alone = replace(request(media, 20, 26), attention=AttentionMode.INDEPENDENT)
    assert shot_parts(alone, media, media)[0].group_frames == ()
