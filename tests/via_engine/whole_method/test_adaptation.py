"""Roots, tuning and rehearsal at the engine's door."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.via_engine.models.chat_server import ChatReply, fails, running_chat_server, says
from tests.via_engine.models.test_vision_answers import JUDGEMENT
from tests.via_engine.whole_method.demo_clip import (
    END,
    HEIGHT,
    WIDTH,
    clip_of,
    drawn,
    editor_of,
    of_kind,
    pictures_of,
    retouched,
    run,
    sources,
)
from via_engine.config import VisionLanguageSettings
from via_engine.edit_events import ChunkFinished, EditorAdapted, GroupReady, Note
from via_engine.edit_request import EditRequest
from via_engine.edit_settings import (
    AdaptSettings,
    BlendSchedule,
    LocalSettings,
    RootChoice,
    RootImage,
    Scope,
    SourceLatents,
)
from via_engine.editor import VideoEditor
from via_engine.errors import AdapterError, RootError
from via_engine.media_types import FrameRange, MediaInfo
from via_engine.method import root_stage
from via_engine.model_card import ModelCard
from via_engine.starter.world.scene import demo_scene


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
        request = request_for(
            instruction="make it night", adapt=AdaptSettings(steps=1, candidates=1)
        )
        first = run(editor, request)
        chat.script = [fails(400, "no plans")]
        other = request_for(
            instruction="make it night", adapt=request.adapt, frame_range=FrameRange(4, 6)
        )
        second = run(editor, other)
    # A preview may have tuned already: who edits then has to hear of it as well.
    for events, is_reused in ((first, False), (second, True)):
        notes = [note.text for note in of_kind(events, Note)]
        assert any(told in note for note in notes)
        assert any("Planned by local rules" in note for note in notes)
        assert of_kind(events, EditorAdapted)[0].reused == is_reused


def test_all_ranges_of_a_shot_are_planned_by_the_same_picture(
    card: ModelCard, request_for: Callable[..., EditRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running_chat_server() as chat:
        settings = VisionLanguageSettings(base_url=chat.base_url, model="eyes", api_key="key")
        editor = editor_of(card, vision_language=settings)
        chat.script = [fails(400, "no plans")]
        run(editor, request_for(instruction="make it night"))
        run(editor, request_for(instruction="make it night", frame_range=FrameRange(4, 7)))
        editor.preview(request_for(instruction="make it night"), 1, lambda: False)
    assert len(chat.requests) >= 3
    assert len({picture for request in chat.requests for picture in request.pictures}) == 1


def test_a_resumed_edit_goes_on_with_the_tuning_it_began_with(
    editor: VideoEditor, card: ModelCard, request_for: Callable[..., EditRequest]
) -> None:
    root = RootChoice(frame=1, seed=5, guidance_scale=3.0, image_guidance_scale=1.25)
    request = request_for(
        frame_range=FrameRange(0, END),
        instruction="make it night",
        # One step is not sure to help where products are in bfloat16.
        adapt=AdaptSettings(root=root, steps=6),
    )
    whole = run(editor, request)
    [first, *_] = of_kind(whole, ChunkFinished)
    resumed = replace(request, finished_chunks=(first.chunk,))
    # A server that was started anew has nothing resident, and must not tune once more.
    again = run(editor_of(card), resumed)
    [tuned], [found] = (of_kind(events, EditorAdapted) for events in (whole, again))
    assert (found.root_frame, found.steps) == (tuned.root_frame, tuned.steps)
    assert (tuned.root_frame, tuned.steps > 0) == (1, True)
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
