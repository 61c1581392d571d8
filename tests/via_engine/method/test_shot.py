from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.via_engine.models.tiny_pipeline import tiny_card, write_tiny_pipeline
from via_engine.edit_request import EditRequest
from via_engine.edit_settings import (
    AttentionMode,
    BlendSchedule,
    LocalSettings,
    SourceLatents,
    SwapLayers,
)
from via_engine.media_types import ColourTags, FrameRange, MediaInfo
from via_engine.method.shot import GroupSource, Shot
from via_engine.models.editors import InstructPix2PixEditor, load_editor
from via_engine.schedule import group_frames

MEDIA = MediaInfo(
    path=Path("clip.mov"),
    width=64,
    height=48,
    frame_rate=Fraction(25),
    frame_count=40,
    codec="prores",
    pixel_format="yuv422p10le",
    bits_per_sample=10,
    sample_aspect_ratio=Fraction(1),
    colour=ColourTags(primaries=1, transfer=1, matrix=1, full_range=False),
    rotation_degrees=0,
    is_interlaced=False,
    is_variable_rate=False,
    start_timecode=None,
    size_bytes=1,
    identity="a1",
)
REQUEST = EditRequest(
    media_path=MEDIA.path,
    media_identity=MEDIA.identity,
    frame_range=FrameRange(0, 10),
    group_range=FrameRange(0, 40),
    instruction="make it night",
    model="tiny",
    seed=0,
    steps=2,
    guidance_scale=7.5,
    image_guidance_scale=1.5,
    work_folder=Path("work"),
)


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> InstructPix2PixEditor:
    card = tiny_card(write_tiny_pipeline(tmp_path_factory.mktemp("tiny")))
    return load_editor(card, device=torch.device("cpu"), dtype=torch.float32)


def prepared(request: EditRequest, media: MediaInfo, editor: InstructPix2PixEditor) -> Shot:
    assert request.group_range is not None
    frames = group_frames(request.group_range, request.group_size)
    group = GroupSource(media=media, frames=frames)
    return Shot.prepare(request, media, editor, frame_range=request.frame_range, group=group)


def test_working_size_and_group_are_chosen_from_clip_and_card(
    editor: InstructPix2PixEditor,
) -> None:
    shot = prepared(REQUEST, MEDIA, editor)

    assert (shot.settings.width, shot.settings.height) == (16, 12)
    assert shot.settings.group_frames == (0, 13, 26, 39)
    assert shot.edit.noise.shape == (1, 4, 6, 8)
    assert (shot.geometry.width, shot.geometry.height) == (64, 48)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("group_frames", {"group_range": FrameRange(0, 39)}),
        ("group_frames", {"group_size": 3}),
        ("instruction", {"instruction": "make it sunset"}),
        ("seed", {"seed": 1}),
        ("steps", {"steps": 3}),
        ("guidance_scale", {"guidance_scale": 7.0}),
        ("image_guidance_scale", {"image_guidance_scale": 1.6}),
        ("attention", {"attention": AttentionMode.CROSS_FRAME}),
        ("swap_layers", {"swap_layers": SwapLayers.SELF}),
        ("swap_steps", {"swap_steps": 1}),
        ("blend_schedule", {"local": LocalSettings(schedule=BlendSchedule.LINEAR)}),
        ("source_latents", {"local": LocalSettings(source_latents=SourceLatents.INVERTED)}),
    ],
)
def test_what_changes_the_group_changes_its_settings(
    editor: InstructPix2PixEditor, field: str, change: dict[str, Any]
) -> None:
    base = prepared(REQUEST, MEDIA, editor).settings
    changed = prepared(replace(REQUEST, **change), MEDIA, editor).settings

    assert replace(changed, **{field: getattr(base, field)}) == base != changed


def test_what_leaves_the_group_alone_leaves_its_settings(editor: InstructPix2PixEditor) -> None:
    base = prepared(REQUEST, MEDIA, editor).settings
    other_part = replace(
        REQUEST, frame_range=FrameRange(10, 20), instruction=" make it night\n", work_folder=Path()
    )

    assert prepared(other_part, MEDIA, editor).settings == base


def test_other_media_weights_or_size_are_other_groups(editor: InstructPix2PixEditor) -> None:
    shots = [
        prepared(REQUEST, MEDIA, editor),
        prepared(REQUEST, replace(MEDIA, identity="b2"), editor),
        prepared(REQUEST, MEDIA, replace(editor, weights_identity="other")),
        prepared(REQUEST, replace(MEDIA, height=64), editor),
    ]

    assert len({shot.settings for shot in shots}) == 4
