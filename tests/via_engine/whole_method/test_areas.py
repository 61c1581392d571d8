"""Masks, shots and borrowed looks at the engine's door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.via_engine.whole_method.demo_clip import (
    CUT,
    END,
    HEIGHT,
    WIDTH,
    clip_of,
    drawn,
    of_kind,
    pictures_of,
    run,
    sources,
)
from via_engine.edit_events import (
    EditorAdapted,
    EditResult,
    GroupReady,
    MaskReady,
    Note,
    Stage,
    StageStarted,
)
from via_engine.edit_request import EditRequest, LookSource
from via_engine.edit_settings import (
    AdaptSettings,
    BoxPrompt,
    LocalSettings,
    MatteClip,
    OwnMask,
    PointPrompt,
    StillMask,
)
from via_engine.editor import VideoEditor
from via_engine.errors import MaskError, SubjectNotFoundError
from via_engine.media_types import FrameRange, MediaInfo, OutputFormat
from via_engine.method import area_search
from via_engine.starter.world.scene import demo_scene


def half_white(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    picture = Image.new("L", size)
    picture.paste(255, (0, 0, size[0] // 2, size[1]))
    picture.save(path)
    return path


def test_only_what_the_instruction_names_changes(
    editor: VideoEditor, clip: MediaInfo, request_for: Callable[..., EditRequest]
) -> None:
    events = run(editor, request_for())

    [mask] = of_kind(events, MaskReady)
    assert (mask.phrases, mask.frames_with_subject, mask.frames_total) == (("ball",), 4, 4)
    stages = [event.stage for event in of_kind(events, StageStarted)]
    assert stages == [Stage.LOAD, Stage.MASK, Stage.GATHER, Stage.SWAP, Stage.ASSEMBLE]
    change = np.abs(pictures_of(events) - sources(clip, FrameRange(0, 4))).max(axis=3)
    # The star is on the right. ProRes shares its bits between what changed and what did not.
    assert change[:, 20:60, 35:55].mean() > 10 * change[:, :, 80:].mean()


def test_a_subject_that_is_nowhere_beside_one_that_is_there_is_told(
    editor: VideoEditor, request_for: Callable[..., EditRequest]
) -> None:
    events = run(editor, request_for(instruction="make the ball and the elephant blue"))
    [mask] = of_kind(events, MaskReady)
    assert mask.frames_with_subject == 4
    notes = [note.text for note in of_kind(events, Note)]
    assert [note for note in notes if '"elephant"' in note and '"ball"' not in note]


def test_a_subject_that_is_nowhere_stops_the_edit_before_anything_is_rendered(
    editor: VideoEditor, request_for: Callable[..., EditRequest]
) -> None:
    request = request_for(instruction="make the elephant blue")
    with pytest.raises(SubjectNotFoundError, match=r'"elephant".*mask of your own'):
        run(editor, request)
    assert list(request.work_folder.iterdir()) == []


def test_frames_without_the_subject_stay_as_they_are(
    editor: VideoEditor, clip: MediaInfo, request_for: Callable[..., EditRequest]
) -> None:
    events = run(editor, request_for(frame_range=FrameRange(CUT - 2, CUT + 2)))

    assert of_kind(events, MaskReady)[0].frames_with_subject == 2
    assert any("2 shots" in note.text for note in of_kind(events, Note))
    group = of_kind(events, GroupReady)[0].group_frames
    assert max(group) < CUT
    made, source = pictures_of(events), sources(clip, FrameRange(CUT - 2, CUT + 2))
    assert np.abs(made - source)[:2].mean() > 5 * np.abs(made - source)[2:].mean()


def test_every_shot_gathers_its_own_group(
    editor: VideoEditor, request_for: Callable[..., EditRequest]
) -> None:
    events = run(
        editor,
        request_for(frame_range=FrameRange(CUT - 2, CUT + 2), instruction="make it night"),
    )
    assert [event.group_frames for event in of_kind(events, GroupReady)] == [
        (0, CUT - 1),
        (CUT, END - 1),
    ]


def test_a_still_mask_bounds_the_edit_to_the_pixel(
    editor: VideoEditor,
    clip: MediaInfo,
    request_for: Callable[..., EditRequest],
    tmp_path: Path,
) -> None:
    own = StillMask(path=half_white(tmp_path / "mask.png"))
    request = request_for(instruction="make it night", local=LocalSettings(own_mask=own))
    change = np.abs(pictures_of(run(editor, request)) - sources(clip, FrameRange(0, 4)))

    inside, outside = change[:, :, : WIDTH // 2 - 16], change[:, :, WIDTH // 2 + 16 :]
    assert inside.mean() > 10 * outside.mean()


def test_outside_a_soft_mask_every_sample_is_the_sources_own(
    editor: VideoEditor,
    clip: MediaInfo,
    request_for: Callable[..., EditRequest],
    tmp_path: Path,
) -> None:
    ramp = np.clip(np.linspace(3, -1, WIDTH), 0, 1)
    Image.fromarray(np.tile(ramp * 255, (HEIGHT, 1)).astype(np.uint8)).save(tmp_path / "soft.png")
    soft = LocalSettings(own_mask=StillMask(path=tmp_path / "soft.png"))
    grown = replace(soft, dilation_px=2, feather_px=4)
    lossless = {"instruction": "make it night", "output_format": OutputFormat.FFV1_MKV}
    source = sources(clip, FrameRange(0, 4))

    made = pictures_of(run(editor, request_for(local=soft, **lossless)))
    hard = pictures_of(run(editor, request_for(local=grown, **lossless)))

    black = int(np.flatnonzero(ramp == 0)[0]) + 2
    assert np.array_equal(made[:, :, black:], source[:, :, black:])
    # Light pixels end in the middle of the ramp, and grow and fade by six.
    middle = int(np.flatnonzero(ramp < 0.5)[0])
    assert np.array_equal(hard[:, :, middle + 8 :], source[:, :, middle + 8 :])
    change = np.abs(made - source).mean(axis=(0, 1, 3))
    assert 0 < change[middle + 12] < change[middle] < change[middle - 12]


@pytest.mark.parametrize(
    "prompt",
    [
        BoxPrompt(frame=1, box_xyxy=(30, 22, 64, 58)),
        PointPrompt(frame=1, points_xy=((46, 41), (100, 10)), labels=(1, 0)),
    ],
)
def test_a_box_or_clicks_are_followed_through_the_range(
    editor: VideoEditor, request_for: Callable[..., EditRequest], prompt: OwnMask
) -> None:
    events = run(editor, request_for(local=LocalSettings(own_mask=prompt)))

    [mask] = of_kind(events, MaskReady)
    assert (mask.phrases, mask.frames_with_subject) == ((), 4)
    assert not [note for note in of_kind(events, Note) if "No frame shows" in note.text]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: StillMask(path=half_white(path / "m.png", (40, 30))), "40x30"),
        (lambda path: BoxPrompt(frame=1, box_xyxy=(0, 0, 400, 20)), "outside the picture"),
        (lambda path: BoxPrompt(frame=9, box_xyxy=(0, 0, 20, 20)), "frame 9"),
        (
            lambda path: PointPrompt(frame=0, points_xy=((-1, 5),), labels=(1,)),
            "outside the picture",
        ),
        (
            lambda path: MatteClip(path=clip_of(path, drawn(demo_scene(), range(3))).path),
            "3 frames",
        ),
    ],
)
def test_masks_that_do_not_fit_are_refused(
    editor: VideoEditor,
    request_for: Callable[..., EditRequest],
    tmp_path: Path,
    make: Callable[[Path], OwnMask],
    message: str,
) -> None:
    with pytest.raises(MaskError, match=message):
        run(editor, request_for(local=LocalSettings(own_mask=make(tmp_path))))


def test_the_look_of_another_clip_is_shared(
    editor: VideoEditor,
    clip: MediaInfo,
    request_for: Callable[..., EditRequest],
    tmp_path: Path,
) -> None:
    lent = request_for(instruction="make it night")
    lender = of_kind(run(editor, lent), GroupReady)[0]
    other = clip_of(tmp_path, drawn(demo_scene(), range(20, 26)))
    look = LookSource(
        media_path=clip.path,
        media_identity=clip.identity,
        frame_range=lent.frame_range,
        group_range=None,
    )
    borrowed = request_for(
        media_path=other.path,
        media_identity=other.identity,
        instruction="make it night",
        look_source=look,
    )
    events = run(editor, borrowed)

    [group] = of_kind(events, GroupReady)
    assert (group.group_frames, group.reused) == (lender.group_frames, True)


def test_a_look_whose_frames_do_not_show_the_subject_is_refused(
    editor: VideoEditor,
    clip: MediaInfo,
    request_for: Callable[..., EditRequest],
    tmp_path: Path,
) -> None:
    other = clip_of(tmp_path, drawn(demo_scene(), range(20, 24)))
    look = LookSource(
        media_path=clip.path,
        media_identity=clip.identity,
        frame_range=FrameRange(CUT, END),
        group_range=FrameRange(CUT, END),
    )
    borrowed = request_for(media_path=other.path, media_identity=other.identity, look_source=look)
    with pytest.raises(SubjectNotFoundError, match=r'look is shared.*"ball".*another job'):
        run(editor, borrowed)


def test_a_new_background_is_told_as_one(
    editor: VideoEditor, request_for: Callable[..., EditRequest]
) -> None:
    [mask] = of_kind(
        run(editor, request_for(instruction="replace the background with a beach")), MaskReady
    )
    assert mask.is_background
    assert mask.frames_with_subject == 4


def test_preview_is_local_too(
    editor: VideoEditor, clip: MediaInfo, request_for: Callable[..., EditRequest], tmp_path: Path
) -> None:
    preview = editor.preview(request_for(), 3, lambda: False)
    (tmp_path / "made.png").write_bytes(preview.png)
    (tmp_path / "source.png").write_bytes(preview.source_png)
    made, source = (
        np.asarray(Image.open(tmp_path / f"{name}.png"), np.float32) for name in ("made", "source")
    )
    assert np.abs(made - source)[:, 80:].max() <= 1
    assert np.abs(made - source).max() > 25


def test_a_preview_and_all_ranges_of_a_long_shot_share_one_look(
    editor: VideoEditor,
    request_for: Callable[..., EditRequest],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(area_search, "WHOLE_SHOT_FRAMES", 4)
    request = request_for(
        instruction="make the ball pink", adapt=AdaptSettings(steps=1, candidates=2)
    )
    editor.preview(request, 3, lambda: False)
    other = replace(request, frame_range=FrameRange(4, 7), work_folder=tmp_path)
    for events in (run(editor, request), run(editor, other)):
        [adapted] = of_kind(events, EditorAdapted)
        assert adapted.reused and adapted.root_frame in range(CUT)
        assert of_kind(events, GroupReady)[0].reused


def test_a_preview_and_all_ranges_of_a_short_shot_share_one_group(
    editor: VideoEditor, request_for: Callable[..., EditRequest], tmp_path: Path
) -> None:
    request = request_for(instruction="make the ball teal")
    editor.preview(request, 3, lambda: False)
    other = replace(request, frame_range=FrameRange(4, 7), work_folder=tmp_path)
    for events in (run(editor, request), run(editor, other)):
        assert of_kind(events, GroupReady)[0].reused


@pytest.mark.parametrize("frame", [0, 3])
def test_an_own_mask_is_previewed_in_other_frames_than_it_was_drawn_in(
    editor: VideoEditor,
    clip: MediaInfo,
    request_for: Callable[..., EditRequest],
    tmp_path: Path,
    frame: int,
) -> None:
    drawn_masks = [np.full((HEIGHT, WIDTH, 3), 255, np.uint8)] * 4
    for own in (
        BoxPrompt(frame=1, box_xyxy=(30, 22, 64, 58)),
        MatteClip(path=clip_of(tmp_path, drawn_masks).path),
    ):
        request = request_for(local=LocalSettings(own_mask=own))
        preview = editor.preview(request, frame, lambda: False)
        assert preview.png != preview.source_png
        with pytest.raises(MaskError, match="frames 0 to 3"):
            editor.preview(request, 5, lambda: False)


def test_frames_in_which_nothing_may_change_are_refused(
    editor: VideoEditor, request_for: Callable[..., EditRequest], tmp_path: Path
) -> None:
    Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / "black.png")
    black = LocalSettings(own_mask=StillMask(path=tmp_path / "black.png"))
    with pytest.raises(MaskError, match="white where the edit goes"):
        run(editor, request_for(local=black))
    beyond = request_for(frame_range=FrameRange(CUT, CUT + 3), group_range=FrameRange(0, CUT))
    with pytest.raises(SubjectNotFoundError, match=r'frames 8 to 10.*"ball"'):
        run(editor, beyond)


def test_one_frame_clip_is_edited(
    editor: VideoEditor, request_for: Callable[..., EditRequest], tmp_path: Path
) -> None:
    single = clip_of(tmp_path, drawn(demo_scene(), range(1)))
    request = request_for(
        media_path=single.path, media_identity=single.identity, frame_range=FrameRange(0, 1)
    )
    events = run(editor, request)

    assert of_kind(events, EditResult)[0].frame_count == 1
    assert any("fewer than the 2 asked for" in note.text for note in of_kind(events, Note))
