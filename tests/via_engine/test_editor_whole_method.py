"""The whole method at the engine's door: masks, adaptation, shots and borrowed looks together."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.via_engine.models.chat_server import ChatReply, fails, running_chat_server, says
from tests.via_engine.models.test_vision_answers import JUDGEMENT
from tests.via_engine.models.tiny_pipeline import tiny_card, write_tiny_pipeline
from via_engine import editor as editor_module
from via_engine.config import EngineConfig, VisionLanguageSettings
from via_engine.edit_events import (
    ChunkFinished,
    EditEvent,
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
    BlendSchedule,
    BoxPrompt,
    LocalSettings,
    MatteClip,
    OwnMask,
    PointPrompt,
    RootChoice,
    RootImage,
    Scope,
    SourceLatents,
    StillMask,
)
from via_engine.editor import VideoEditor
from via_engine.errors import AdapterError, MaskError, RootError, SubjectNotFoundError
from via_engine.media_types import ColourTags, FrameRange, MediaInfo, OutputFormat
from via_engine.method import area_search, root_stage
from via_engine.model_card import ModelCard
from via_engine.models.catalog import ModelCatalog
from via_engine.picture.decode import read_frames
from via_engine.picture.encode import ClipGeometry, write_chunk
from via_engine.picture.probe import probe_media
from via_engine.starter.world.render import render_frame
from via_engine.starter.world.scene import Scene, demo_scene, random_world_scene

WIDTH, HEIGHT = 128, 72
CUT, END = 8, 16
Event = TypeVar("Event")
Run = Callable[..., list[EditEvent]]


def clip_of(folder: Path, pictures: list[NDArray[np.uint8]]) -> MediaInfo:
    geometry = ClipGeometry(
        width=pictures[0].shape[1],
        height=pictures[0].shape[0],
        frame_rate=Fraction(24),
        sample_aspect_ratio=Fraction(1),
        colour=ColourTags(primaries=1, transfer=1, matrix=1, full_range=False),
    )
    chunk = write_chunk(
        folder,
        0,
        FrameRange(0, len(pictures)),
        [picture.astype(np.float32) / 255 for picture in pictures],
        geometry,
        OutputFormat.PRORES_422_HQ_MOV,
    )
    return probe_media(chunk.path)


def drawn(scene: Scene, frames: range) -> list[NDArray[np.uint8]]:
    return [render_frame(scene, frame, width=WIDTH, height=HEIGHT) for frame in frames]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> MediaInfo:
    """The demo scene, then after a cut another one without its ball."""
    other = random_world_scene(13, held_out=True)
    pictures = drawn(demo_scene(), range(CUT)) + drawn(other, range(END - CUT))
    return clip_of(tmp_path_factory.mktemp("clip"), pictures)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    torch.manual_seed(0)
    card = tiny_card(write_tiny_pipeline(tmp_path_factory.mktemp("tiny")))
    return replace(card, long_side_px=WIDTH)


def editor_of(card: ModelCard, **changes: Any) -> VideoEditor:
    """A tiny untrained editor beside the starter's trained grounder, segmenter and critic."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(editor_module, "load_catalog", lambda _: ModelCatalog(cards=(card,)))
        return VideoEditor(EngineConfig(device="cpu", batch_frames=4, chunk_frames=8, **changes))


@pytest.fixture(scope="module")
def editor(card: ModelCard) -> VideoEditor:
    return editor_of(card)


@pytest.fixture
def request_for(clip: MediaInfo, tmp_path: Path) -> Callable[..., EditRequest]:
    def make(**changes: Any) -> EditRequest:
        work_folder = tmp_path / f"work{len(list(tmp_path.glob('work*')))}"
        work_folder.mkdir()
        settings: dict[str, Any] = {
            "media_path": clip.path,
            "media_identity": clip.identity,
            "frame_range": FrameRange(0, 4),
            "group_range": None,
            "instruction": "make the ball blue",
            "model": "tiny",
            "seed": 0,
            "steps": 2,
            "guidance_scale": 2.0,
            "image_guidance_scale": 1.5,
            "group_size": 2,
            "work_folder": work_folder,
        }
        return EditRequest(**{**settings, **changes})

    return make


def run(editor: VideoEditor, request: EditRequest) -> list[EditEvent]:
    return list(editor.edit(request, lambda: False))


def of_kind(events: list[EditEvent], kind: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def retouched(clip: MediaInfo, folder: Path) -> RootImage:
    """Frame 2 with its colours inverted."""
    picture = (sources(clip, FrameRange(2, 3))[0] * 255).astype(np.uint8)
    Image.fromarray(255 - picture).save(folder / "root.png")
    return RootImage(frame=2, path=folder / "root.png")


def pictures_of(events: list[EditEvent]) -> NDArray[np.float32]:
    media = probe_media(of_kind(events, EditResult)[0].path)
    return np.stack(list(read_frames(media, media.frame_range)))


def sources(clip: MediaInfo, frame_range: FrameRange) -> NDArray[np.float32]:
    return np.stack(list(read_frames(clip, frame_range)))


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


def half_white(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    picture = Image.new("L", size)
    picture.paste(255, (0, 0, size[0] // 2, size[1]))
    picture.save(path)
    return path


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


def test_a_retouched_frame_spreads_over_the_clip(
    editor: VideoEditor,
    clip: MediaInfo,
    request_for: Callable[..., EditRequest],
    tmp_path: Path,
) -> None:
    adapt = AdaptSettings(root=retouched(clip, tmp_path), steps=3)
    plain = run(editor, request_for(instruction="make it night"))
    first = run(editor, request_for(instruction="make it night", adapt=adapt))
    second = run(
        editor,
        request_for(instruction="make it night", adapt=adapt, frame_range=FrameRange(4, 6)),
    )

    [tuned], [reused] = (of_kind(events, EditorAdapted) for events in (first, second))
    assert (tuned.root_frame, tuned.reused, reused.reused) == (2, False, True)
    assert not np.array_equal(pictures_of(first), pictures_of(plain))
    # The model itself is as it was, and the exported adapter does what the tuned one did.
    again = run(editor, request_for(instruction="make it night"))
    assert np.array_equal(pictures_of(again), pictures_of(plain))
    from_file = AdaptSettings(adapter=tuned.path)
    exported = run(editor, request_for(instruction="make it night", adapt=from_file))
    assert np.array_equal(pictures_of(exported), pictures_of(first))


@pytest.mark.parametrize(
    "local",
    [
        LocalSettings(schedule=BlendSchedule.LINEAR),
        LocalSettings(schedule=BlendSchedule.LAST_STEP),
        LocalSettings(source_latents=SourceLatents.INVERTED),
        LocalSettings(scope=Scope.GLOBAL, schedule=BlendSchedule.DELAYED),
    ],
)
def test_a_retouched_frame_leads_the_group_however_the_edit_is_blended(
    editor: VideoEditor,
    clip: MediaInfo,
    request_for: Callable[..., EditRequest],
    tmp_path: Path,
    local: LocalSettings,
) -> None:
    adapt = AdaptSettings(root=retouched(clip, tmp_path), steps=1)
    plain = run(editor, request_for(local=local))
    events = run(editor, request_for(local=local, adapt=adapt))

    [group] = of_kind(events, GroupReady)
    assert group.group_frames[0] == 2
    assert len(group.group_frames) == len(of_kind(plain, GroupReady)[0].group_frames)
    assert not np.array_equal(pictures_of(events), pictures_of(plain))


def test_a_retouched_frame_of_another_size_is_said_to_stay_out_of_the_group(
    editor: VideoEditor,
    clip: MediaInfo,
    request_for: Callable[..., EditRequest],
    tmp_path: Path,
) -> None:
    adapt = AdaptSettings(root=retouched(clip, tmp_path), steps=1)
    [tuned] = of_kind(
        run(editor, request_for(instruction="make it night", adapt=adapt)), EditorAdapted
    )
    larger = clip_of(tmp_path, [frame.repeat(2, 0) for frame in drawn(demo_scene(), range(3))])
    events = run(
        editor,
        request_for(
            instruction="make it night",
            media_path=larger.path,
            media_identity=larger.identity,
            frame_range=larger.frame_range,
            group_range=larger.frame_range,
            adapt=AdaptSettings(adapter=tuned.path),
        ),
    )

    [said] = [note.text for note in of_kind(events, Note) if "own edited frame" in note.text]
    assert f"{WIDTH}×{HEIGHT}" in said


def test_of_a_root_nobody_chose_a_rehearsal_decides_how_the_clip_is_sampled(
    editor: VideoEditor, request_for: Callable[..., EditRequest]
) -> None:
    adapt = AdaptSettings(steps=1, candidates=2)
    first = run(editor, request_for(instruction="make it night", adapt=adapt))
    [tuned] = of_kind(first, EditorAdapted)
    [said] = [note.text for note in of_kind(first, Note) if "sampled with seed" in note.text]
    from_file = AdaptSettings(adapter=tuned.path)
    exported = run(editor, request_for(instruction="make it night", adapt=from_file))

    assert np.array_equal(pictures_of(exported), pictures_of(first))
    assert said in [note.text for note in of_kind(exported, Note)]
    assert ("the model stays as it was" in said) == (tuned.steps == 0)
    if tuned.steps == 0:
        words = said.replace(",", "").split()
        plain = request_for(
            instruction="make it night",
            seed=int(words[words.index("seed") + 1]),
            guidance_scale=float(words[words.index("guidance") + 1]),
            image_guidance_scale=float(words[words.index("words") + 1]),
        )
        assert np.array_equal(pictures_of(run(editor, plain)), pictures_of(first))


@pytest.mark.parametrize(
    ("judgement", "told"),
    [
        (fails(400, "no pictures here"), "chosen without the vision-language model"),
        (says(json.dumps({**JUDGEMENT, "success": 2})), "edit of the root frame weak ("),
    ],
)
def test_a_judge_that_fails_or_finds_the_root_weak_is_told(
    card: ModelCard,
    request_for: Callable[..., EditRequest],
    monkeypatch: pytest.MonkeyPatch,
    judgement: ChatReply,
    told: str,
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(root_stage, "samplings", lambda asked: (asked,))
    with running_chat_server() as chat:
        settings = VisionLanguageSettings(base_url=chat.base_url, model="eyes", api_key="key")
        editor = editor_of(card, vision_language=settings)
        chat.script = [fails(400, "no plans"), judgement]
        adapt = AdaptSettings(steps=1, candidates=1)
        events = run(editor, request_for(instruction="make it night", adapt=adapt))
    notes = [note.text for note in of_kind(events, Note)]
    assert any(told in note for note in notes)
    assert any("Planned by local rules" in note for note in notes)
    assert len(of_kind(events, EditorAdapted)) == 1


def test_a_resumed_edit_goes_on_with_the_tuning_it_began_with(
    editor: VideoEditor, card: ModelCard, request_for: Callable[..., EditRequest]
) -> None:
    root = RootChoice(frame=1, seed=5, guidance_scale=3.0, image_guidance_scale=1.25)
    request = request_for(
        frame_range=FrameRange(0, END),
        instruction="make it night",
        adapt=AdaptSettings(root=root, steps=1),
    )
    whole = run(editor, request)
    [first, *_] = of_kind(whole, ChunkFinished)
    resumed = replace(request, finished_chunks=(first.chunk,))
    # A server that was started anew has nothing resident, and must not tune once more.
    again = run(editor_of(card), resumed)
    [tuned], [found] = (of_kind(events, EditorAdapted) for events in (whole, again))
    assert (found.root_frame, found.steps) == (tuned.root_frame, tuned.steps) == (1, 1)
    assert np.array_equal(pictures_of(again), pictures_of(whole))


def test_a_chosen_root_is_spread_under_its_own_noise_and_guidance(
    editor: VideoEditor, request_for: Callable[..., EditRequest]
) -> None:
    root = RootChoice(frame=1, seed=5, guidance_scale=3.0, image_guidance_scale=1.25)
    events = run(editor, request_for(adapt=AdaptSettings(root=root, steps=1)))

    notes = [note.text for note in of_kind(events, Note)]
    assert any("seed 5 and guidance 3 for words, 1.25 for the picture" in note for note in notes)


def test_roots_that_do_not_fit_are_refused(
    editor: VideoEditor, request_for: Callable[..., EditRequest], tmp_path: Path
) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "small.png")
    for frame, message in ((1, "40×30"), (99, "root frame 99")):
        root = RootImage(frame=frame, path=tmp_path / "small.png")
        request = request_for(instruction="make it night", adapt=AdaptSettings(root=root, steps=1))
        with pytest.raises(RootError, match=message):
            run(editor, request)


def test_a_file_that_is_no_adapter_is_refused(
    editor: VideoEditor, request_for: Callable[..., EditRequest], tmp_path: Path
) -> None:
    (tmp_path / "adapter.safetensors").write_bytes(b"nothing")
    adapt = AdaptSettings(adapter=tmp_path / "adapter.safetensors")
    with pytest.raises(AdapterError):
        run(editor, request_for(adapt=adapt))


def test_proposed_roots_are_pictures_of_one_frame_best_first(
    editor: VideoEditor, request_for: Callable[..., EditRequest]
) -> None:
    proposed = editor.propose_roots(request_for(), 3, lambda: False)

    assert len(proposed) == len({one.choice for one in proposed}) == 3
    sound = [one.score for one in proposed if one.is_sound]
    assert sound == sorted(sound, reverse=True)
    assert all(
        one.png.startswith(b"\x89PNG") and bool(one.fault) != one.is_sound for one in proposed
    )
    chosen = AdaptSettings(root=proposed[-1].choice, steps=1)
    [adapted] = of_kind(run(editor, request_for(adapt=chosen)), EditorAdapted)
    assert adapted.root_frame == proposed[-1].choice.frame


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


def test_the_only_frame_of_a_clip_can_be_the_retouched_one(
    editor: VideoEditor, request_for: Callable[..., EditRequest], tmp_path: Path
) -> None:
    single = clip_of(tmp_path, drawn(demo_scene(), range(1)))
    picture = (sources(single, FrameRange(0, 1))[0] * 255).astype(np.uint8)
    Image.fromarray(255 - picture).save(tmp_path / "root.png")
    adapt = AdaptSettings(root=RootImage(frame=0, path=tmp_path / "root.png"), steps=1)
    request = request_for(
        media_path=single.path,
        media_identity=single.identity,
        frame_range=FrameRange(0, 1),
        adapt=adapt,
    )
    for chosen in (request, replace(request, instruction="make it night")):
        assert of_kind(run(editor, chosen), GroupReady)[0].group_frames == (0,)
