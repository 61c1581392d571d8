from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from PIL import Image

from tests.via_engine.models.tiny_pipeline import tiny_card, write_tiny_pipeline
from via_engine import editor as editor_module
from via_engine.config import EngineConfig
from via_engine.edit_events import (
    ChunkFinished,
    EditEvent,
    EditResult,
    FramesEdited,
    GroupReady,
    Note,
    Stage,
    StageStarted,
)
from via_engine.edit_request import EditRequest
from via_engine.edit_settings import AttentionMode
from via_engine.editor import FramePreview, VideoEditor
from via_engine.errors import (
    EditCancelledError,
    InstructionError,
    MediaChangedError,
    MediaNotFoundError,
    OutputError,
    RangeError,
    UnknownModelError,
)
from via_engine.media_types import ColourTags, FrameRange, MediaInfo, OutputFormat
from via_engine.models.catalog import ModelCatalog
from via_engine.picture.decode import read_frames
from via_engine.picture.encode import ClipGeometry, write_chunk
from via_engine.picture.native_size import to_working_size
from via_engine.picture.probe import probe_media

FRAMES, WIDTH, HEIGHT = 14, 40, 30
CONFIG = EngineConfig(device="cpu", batch_frames=2, chunk_frames=4)
Event = TypeVar("Event")


@dataclass(frozen=True)
class World:
    """A clip on disk, a pipeline folder and a way to make requests and editors for them."""

    clip: MediaInfo
    pipeline: Path
    monkeypatch: pytest.MonkeyPatch
    folder: Path

    def editor(self, **changes: Any) -> VideoEditor:
        catalog = ModelCatalog(cards=(tiny_card(self.pipeline),))
        self.monkeypatch.setattr(editor_module, "load_catalog", lambda _: catalog)
        return VideoEditor(replace(CONFIG, **changes))

    def request(self, **changes: Any) -> EditRequest:
        work_folder = self.folder / f"work{len(list(self.folder.glob('work*')))}"
        work_folder.mkdir()
        settings: dict[str, Any] = {
            "media_path": self.clip.path,
            "media_identity": self.clip.identity,
            "frame_range": FrameRange(2, 12),
            "group_range": self.clip.frame_range,
            "instruction": "make it night",
            "model": "tiny",
            "seed": 0,
            "steps": 2,
            "guidance_scale": 7.5,
            "image_guidance_scale": 1.5,
            "work_folder": work_folder,
        }
        return EditRequest(**{**settings, **changes})


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return write_tiny_pipeline(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> MediaInfo:
    """A bright bar that walks over a gradient, as ProRes."""
    pictures = []
    for frame in range(FRAMES):
        ramp = np.linspace(0.1, 0.9, WIDTH, dtype=np.float32)
        picture = np.broadcast_to(ramp[:, None], (HEIGHT, WIDTH, 3)).copy()
        picture[:, 2 * frame : 2 * frame + 4] = (0.9, 0.3, 0.2)
        pictures.append(picture)
    geometry = ClipGeometry(
        width=WIDTH,
        height=HEIGHT,
        frame_rate=Fraction(24000, 1001),
        sample_aspect_ratio=Fraction(1),
        colour=ColourTags(primaries=1, transfer=1, matrix=1, full_range=False),
    )
    folder = tmp_path_factory.mktemp("clip")
    whole = FrameRange(0, FRAMES)
    chunk = write_chunk(folder, 0, whole, pictures, geometry, OutputFormat.PRORES_422_HQ_MOV)
    return probe_media(chunk.path)


@pytest.fixture
def world(
    clip: MediaInfo, pipeline: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> World:
    return World(clip=clip, pipeline=pipeline, monkeypatch=monkeypatch, folder=tmp_path)


def never() -> bool:
    return False


def after(calls: int) -> Callable[[], bool]:
    remaining = iter(range(calls))
    return lambda: next(remaining, None) is None


def of_kind(events: list[EditEvent], kind: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def run(editor: VideoEditor, request: EditRequest) -> list[EditEvent]:
    return list(editor.edit(request, never))


def pictures_of(events: list[EditEvent]) -> np.ndarray:
    media = probe_media(of_kind(events, EditResult)[0].path)
    return np.stack(list(read_frames(media, media.frame_range)))


def test_edit_from_clip_to_clip(world: World) -> None:
    events = run(world.editor(), world.request())

    stages = [event.stage for event in of_kind(events, StageStarted)]
    assert stages == [Stage.LOAD, Stage.GATHER, Stage.SWAP, Stage.ASSEMBLE]
    [group] = of_kind(events, GroupReady)
    assert (group.group_frames, group.reused) == ((0, 4, 9, 13), False)
    progress = of_kind(events, FramesEdited)
    assert [event.frames_done for event in progress] == list(range(1, 11))
    assert {event.frames_total for event in progress} == {10}
    assert all(event.seconds_per_frame > 0 for event in progress)
    parts = [event.chunk.frame_range for event in of_kind(events, ChunkFinished)]
    assert parts == [FrameRange(2, 6), FrameRange(6, 10), FrameRange(10, 12)]

    result = events[-1]
    assert isinstance(result, EditResult)
    assert [name for name, _ in result.stage_seconds] == ["load", "gather", "swap", "assemble"]
    media = probe_media(result.path)
    assert (media.frame_count, media.frame_rate) == (10, Fraction(24000, 1001))
    assert (media.width, media.height) == (WIDTH, HEIGHT)
    source = np.stack(list(read_frames(world.clip, FrameRange(2, 12))))
    assert np.abs(pictures_of(events) - source).max() > 0.05


def test_same_request_gives_the_same_pictures(world: World) -> None:
    first = run(world.editor(), world.request())
    second = run(world.editor(), world.request())

    assert np.array_equal(pictures_of(first), pictures_of(second))


def test_batch_size_changes_at_most_a_code_value(world: World) -> None:
    # Lossless, as a transform would spread a code value over the samples around it.
    asked: dict[str, Any] = {"output_format": OutputFormat.FFV1_MKV}
    one = run(world.editor(batch_frames=1), world.request(**asked))
    four = run(world.editor(batch_frames=4), world.request(**asked))

    # One of luma or chroma is up to two of red, green or blue.
    assert np.abs(pictures_of(one) - pictures_of(four)).max() < 3 / 1023


def test_next_range_of_the_clip_uses_the_group_that_is_there(world: World) -> None:
    editor = world.editor()
    run(editor, world.request(frame_range=FrameRange(0, 4)))
    second = run(editor, world.request(frame_range=FrameRange(6, 8)))
    alone = run(world.editor(), world.request(frame_range=FrameRange(6, 8)))

    assert of_kind(second, GroupReady)[0].reused
    assert np.array_equal(pictures_of(second), pictures_of(alone))
    assert not of_kind(run(editor, world.request(seed=1)), GroupReady)[0].reused


def test_group_above_the_limit_is_told_and_gathered_again(world: World) -> None:
    editor = world.editor(group_cache_bytes=1)
    small = FrameRange(0, 2)
    first, second = (run(editor, world.request(frame_range=small)) for _ in range(2))

    assert "not kept" in of_kind(first, Note)[0].text
    assert not of_kind(second, GroupReady)[0].reused


def test_unread_words_are_told(world: World) -> None:
    request = world.request(
        frame_range=FrameRange(0, 1), instruction="make it night make it night star"
    )
    [note] = of_kind(run(world.editor(), request), Note)

    assert "star" in note.text.replace(" ", "")


def test_independent_frames_need_no_group(world: World) -> None:
    plain = run(world.editor(), world.request(attention=AttentionMode.INDEPENDENT))

    stages = [event.stage for event in of_kind(plain, StageStarted)]
    assert stages == [Stage.LOAD, Stage.SWAP, Stage.ASSEMBLE]
    assert of_kind(plain, GroupReady) == []
    swapped = run(world.editor(), world.request())
    assert np.abs(pictures_of(plain) - pictures_of(swapped)).max() > 0


def test_finished_chunks_are_kept_as_they_are(world: World) -> None:
    whole = run(world.editor(), world.request())
    first, second, third = (event.chunk for event in of_kind(whole, ChunkFinished))
    strange = replace(third, frame_range=FrameRange(10, 11))

    again = run(world.editor(), world.request(finished_chunks=(second, strange)))

    assert [event.chunk.index for event in of_kind(again, ChunkFinished)] == [0, 2]
    assert [event.frames_done for event in of_kind(again, FramesEdited)] == list(range(5, 11))
    assert np.array_equal(pictures_of(again), pictures_of(whole))
    assert first.path.is_file()


def test_all_chunks_there_needs_no_model(world: World) -> None:
    chunks = of_kind(run(world.editor(), world.request()), ChunkFinished)
    request = world.request(finished_chunks=tuple(event.chunk for event in chunks))

    editor = world.editor()
    events = run(editor, request)

    assert [event.stage for event in of_kind(events, StageStarted)] == [Stage.LOAD, Stage.ASSEMBLE]
    assert editor.loaded_models() == ()


def test_cancel_in_the_middle_keeps_what_is_durable(world: World) -> None:
    editor, request = world.editor(), world.request()
    threads = threading.active_count()

    # Two steps of the gather, then three questions a batch: the second chunk's second batch. Its
    # first one holds neighbours of the first chunk's last frames.
    with pytest.raises(EditCancelledError):
        list(editor.edit(request, after(2 + 3 * 3 + 1)))

    assert [path.name for path in request.work_folder.iterdir()] == ["chunk_00000.mov"]
    assert threading.active_count() == threads
    assert of_kind(run(editor, world.request()), GroupReady)[0].reused


@pytest.mark.parametrize("output_format", OutputFormat)
def test_the_last_picture_is_edited_once_and_held(
    world: World, output_format: OutputFormat
) -> None:
    asked: dict[str, Any] = {"frame_range": FrameRange(2, 7), "output_format": output_format}
    events = run(world.editor(), world.request(hold_frames=9, **asked))
    plain = run(world.editor(), world.request(**asked))

    assert of_kind(events, FramesEdited)[-1].frames_done == 5
    assert [event.chunk.frame_range for event in of_kind(events, ChunkFinished)] == [
        FrameRange(2, 6),
        FrameRange(6, 7),
    ]
    pictures, without = pictures_of(events), pictures_of(plain)
    assert of_kind(events, EditResult)[0].frame_count == len(pictures) == 5 + 8
    limit = 0.05 if output_format is OutputFormat.H264_MP4 else 0.0  # which looks ahead
    assert np.abs(pictures[:5] - without).mean() <= limit
    assert np.abs(pictures[5:] - without[-1]).mean() <= limit


def test_a_held_picture_survives_an_interruption(world: World) -> None:
    request = world.request(frame_range=FrameRange(2, 8), hold_frames=20)
    whole = run(world.editor(), request)
    first, last = (event.chunk for event in of_kind(whole, ChunkFinished))
    for left in ((first,), (last,), (first, last)):
        settings: dict[str, Any] = {"frame_range": FrameRange(2, 8), "hold_frames": 20}
        again = run(world.editor(), world.request(finished_chunks=left, **settings))
        assert np.array_equal(pictures_of(again), pictures_of(whole))


def test_holding_can_be_cancelled(world: World) -> None:
    request = world.request(frame_range=FrameRange(2, 3), hold_frames=200_000)
    threads = threading.active_count()

    with pytest.raises(EditCancelledError):
        list(world.editor().edit(request, after(2 + 3 + 40)))

    assert list(request.work_folder.iterdir()) == []
    assert threading.active_count() == threads


def test_cancel_before_the_gather_keeps_no_group(world: World) -> None:
    editor = world.editor()

    with pytest.raises(EditCancelledError):
        list(editor.edit(world.request(), after(1)))

    assert not of_kind(run(editor, world.request()), GroupReady)[0].reused


def test_closing_the_iterator_stops_the_edit(world: World) -> None:
    editor, request = world.editor(), world.request()
    threads = threading.active_count()
    events = editor.edit(request, never)
    while not isinstance(next(events), FramesEdited):
        pass

    events.close()  # type: ignore[attr-defined]

    assert list(request.work_folder.iterdir()) == []
    assert threading.active_count() == threads
    assert isinstance(run(editor, world.request())[-1], EditResult)


def test_preview_between_two_batches_disturbs_nothing(world: World) -> None:
    editor = world.editor()
    events: list[EditEvent] = []
    for event in editor.edit(world.request(), never):
        events.append(event)
        if isinstance(event, FramesEdited):
            editor.preview(world.request(instruction="turn it into a star"), 3, never)

    assert np.array_equal(pictures_of(events), pictures_of(run(editor, world.request())))


def test_folder_that_vanishes_fails_the_edit_without_a_hang(world: World) -> None:
    request = world.request(work_folder=world.folder / "gone")

    with pytest.raises(OutputError):
        run(world.editor(), request)


def preview_pictures(preview: FramePreview) -> tuple[np.ndarray, np.ndarray]:
    edited, source = (
        np.asarray(Image.open(BytesIO(data)), np.float32) / 255
        for data in (preview.png, preview.source_png)
    )
    return edited, source


def test_preview_is_the_look_of_the_edit(world: World) -> None:
    editor = world.editor()
    preview = editor.preview(world.request(), 5, never)
    edited, source = preview_pictures(preview)

    assert (preview.width, preview.height) == (16, 12)
    assert edited.shape == source.shape == (12, 16, 3)
    frames = list(read_frames(world.clip, FrameRange(5, 6)))
    assert np.abs(source - to_working_size(frames[0], width=16, height=12)).max() < 1 / 255
    result = run(editor, world.request(frame_range=FrameRange(5, 6)))
    assert of_kind(result, GroupReady)[0].reused
    final = to_working_size(pictures_of(result)[0], width=16, height=12)
    # Native detail and ProRes stand between the two; the change itself is far larger.
    assert np.abs(final.mean((0, 1)) - edited.mean((0, 1))).max() < 0.05


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"instruction": "  "}, InstructionError, "is empty"),
        ({"instruction": "x" * 2_001}, InstructionError, "2001 characters; at most 2000"),
        ({"frame_range": FrameRange(10, 15)}, RangeError, "frame range 10:15.*frames 0:14"),
        ({"group_range": FrameRange(0, 15)}, RangeError, "group range 0:15"),
        ({"media_identity": "other"}, MediaChangedError, "submit the edit again"),
        ({"media_path": Path("gone.mov")}, MediaNotFoundError, r"gone\.mov"),
        ({"model": "nope"}, UnknownModelError, "knows: tiny"),
    ],
)
def test_impossible_requests_are_refused(
    world: World, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(world.editor(), world.request(**change))


def test_preview_outside_the_clip_is_refused(world: World) -> None:
    with pytest.raises(RangeError, match="frame 14 is outside"):
        world.editor().preview(world.request(), FRAMES, never)


def test_models_are_loaded_on_request_and_unloaded_with_their_groups(world: World) -> None:
    editor = world.editor()
    assert (editor.device, editor.loaded_models()) == ("cpu", ())
    editor.load("tiny")
    assert editor.loaded_models() == ("tiny",)
    run(editor, world.request())

    editor.unload("tiny")

    assert editor.loaded_models() == ()
    assert not of_kind(run(editor, world.request()), GroupReady)[0].reused
    with pytest.raises(UnknownModelError):
        editor.unload("nope")


@pytest.mark.parametrize("name", ["wolf.mp4", "realshort.mp4"])
def test_real_clips_keep_size_rate_and_length(world: World, shared_media: Path, name: str) -> None:
    media = probe_media(shared_media / name)
    request = world.request(
        media_path=media.path,
        media_identity=media.identity,
        frame_range=FrameRange(3, 6),
        group_range=media.frame_range,
    )

    result = probe_media(of_kind(run(world.editor(), request), EditResult)[0].path)

    assert (result.frame_count, result.frame_rate) == (3, media.frame_rate)
    assert (result.width, result.height) == (media.width, media.height)
