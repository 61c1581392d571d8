"""Real checkpoints' classes at the engine's door: what they change in an edit, and its report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.via_engine.masks.test_video_tracker import tiny_config
from tests.via_engine.models.chat_server import NoReply, fails, running_chat_server, says
from tests.via_engine.models.test_mgie_editor import folder as mgie_folder  # noqa: F401
from tests.via_engine.models.tiny_pipeline import write_tiny_pipeline
from tests.via_engine.whole_method.demo_clip import clip_of, drawn, of_kind, run
from via_engine.config import EngineConfig, VisionLanguageSettings
from via_engine.edit_events import EditResult, GroupReady, MaskReady, Note
from via_engine.edit_request import EditRequest
from via_engine.edit_settings import LocalSettings, Scope
from via_engine.editor import VideoEditor
from via_engine.errors import ModelIntegrityError
from via_engine.masks.video_tracker import VideoTracker
from via_engine.media_types import FrameRange, MediaInfo
from via_engine.models.library.adding import Addition, add
from via_engine.models.library.library import Library
from via_engine.starter.world.scene import demo_scene

CPU = {"device": "cpu", "batch_frames": 4, "chunk_frames": 8}
Request = Callable[..., EditRequest]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> MediaInfo:
    return clip_of(tmp_path_factory.mktemp("clip"), drawn(demo_scene(), range(4)))


@pytest.fixture
def request_for(clip: MediaInfo, tmp_path: Path) -> Request:
    def make(**changes: Any) -> EditRequest:
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        settings: dict[str, Any] = {
            "media_path": clip.path,
            "media_identity": clip.identity,
            "frame_range": FrameRange(0, 3),
            "group_range": None,
            "instruction": "make the ball blue",
            "model": "starter",
            "seed": 0,
            "steps": 1,
            "guidance_scale": 2.0,
            "image_guidance_scale": 1.5,
            "group_size": 2,
            "work_folder": work,
        }
        return EditRequest(**{**settings, **changes})

    return make


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ([says("a blue ball would be nice")], "unreadable answers"),
        ([fails(429, "slow down", headers={"retry-after": "0"})], "lets no more requests through"),
        ([NoReply()], "no answer in time"),
        ([says(None, refusal="no balls")], "declines"),
    ],
    ids=["malformed JSON twice", "429 for ever", "timeout", "refusal"],
)
def test_without_a_usable_answer_local_rules_plan_and_the_report_says_so(
    request_for: Request, monkeypatch: pytest.MonkeyPatch, script: list[Any], told: str
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running_chat_server() as chat:
        chat.script = script
        settings = VisionLanguageSettings(base_url=chat.base_url, model="eyes", timeout_s=0.2)
        events = run(VideoEditor(EngineConfig(**CPU, vision_language=settings)), request_for())
    notes = [note.text for note in of_kind(events, Note)]
    assert any(text.startswith("Planned by local rules:") and told in text for text in notes)
    assert of_kind(events, MaskReady)[0].phrases == ("ball",)
    assert of_kind(events, EditResult)


def test_a_configured_sam_2_follows_the_mask(
    request_for: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(3)
    from transformers import Sam2VideoModel

    Sam2VideoModel(tiny_config()).save_pretrained(tmp_path / "sam2")
    followed: list[int] = []
    masks = VideoTracker.masks

    def spy(self: VideoTracker, frames: Any, known: Any, check: Any) -> Any:
        followed.append(len(frames))
        return masks(self, frames, known, check)

    monkeypatch.setattr(VideoTracker, "masks", spy)
    editor = VideoEditor(EngineConfig(**CPU, tracker_folder=tmp_path / "sam2"))
    assert of_kind(run(editor, request_for()), MaskReady)[0].frames_with_subject >= 1
    # All four frames of the shot, whichever of them are edited.
    assert followed and set(followed) == {4}


def test_altered_weights_fail_the_edit_with_both_hashes(
    request_for: Request, tmp_path: Path
) -> None:
    folder = write_tiny_pipeline(tmp_path / "pipeline")
    (folder / "via_model.json").write_text(json.dumps({"long_side_px": 16, "multiple_px": 4}))
    library = Library(tmp_path / "models")
    entry = add(library, Addition(name="mine", path=folder))
    editor = VideoEditor(
        EngineConfig(**CPU, models_folder=library.folder, model_folders=(("mine", folder),))
    )
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    expected = entry.files["unet/diffusion_pytorch_model.safetensors"].sha256
    found = hashlib.sha256(content).hexdigest()
    with pytest.raises(ModelIntegrityError, match=f"{expected}, found {found}"):
        run(editor, request_for(model="mine"))


def test_what_mgie_wrote_is_in_the_report_also_of_a_later_range(
    request_for: Request,
    mgie_folder: Path,  # noqa: F811
) -> None:
    values = {"kind": "mgie", "accept_noncommercial": True, "long_side_px": 16, "multiple_px": 4}
    values["conditioner"] = "unload"
    (mgie_folder / "via_model.json").write_text(json.dumps(values))
    editor = VideoEditor(EngineConfig(**CPU, model_folders=(("mgie", mgie_folder),)))
    glob = LocalSettings(scope=Scope.GLOBAL)
    wish = request_for(model="mgie", local=glob, instruction="make it a beach")
    first = run(editor, wish)
    again = run(editor, replace(wish, frame_range=FrameRange(1, 3)))
    for events, reused in ((first, False), (again, True)):
        assert of_kind(events, GroupReady)[0].reused is reused
        (written,) = [
            note.text for note in of_kind(events, Note) if note.text.startswith("The model read")
        ]
        assert len(written) > len("The model read the instruction as: ")
    assert np.isfinite(of_kind(first, EditResult)[0].size_bytes)
