"""The clips of the ablation: held-out scenes with their true edits, or somebody's footage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle, islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from via_engine.errors import RequestError
from via_engine.measure.metrics.fidelity import Clip, Masks
from via_engine.media_types import FrameRange
from via_engine.model_card import ModelCard
from via_engine.picture.decode import read_frames
from via_engine.picture.durable_file import sha256_of
from via_engine.picture.probe import probe_media
from via_engine.schedule import clip_working_size
from via_engine.starter.world.render import owner_map, render_frame
from via_engine.starter.world.scene import (
    Scene,
    edited_scenes,
    object_named,
    possible_instructions,
    random_world_scene,
)
from via_engine.starter.world.vocabulary import Edit, Instruction, wordings

WIDTH, HEIGHT = 256, 144
# The vague ones tell most of consistency, so they come most often and first.
MIX: tuple[Edit, ...] = (
    "vague_recolour",
    "recolour",
    "kind",
    "vague_recolour",
    "background",
    "material",
    "vague_recolour",
    "time",
)
LEAST_SHARE = 0.02
SEEDS_PER_RUN = 100_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """What is right.

    Attributes:
        edit: the form of the instruction.
        answers: every right clip: one, or of a vague recolour one for each other colour.
        inside: where the edit may change the source.
        subject: where the object named shows after the edit; nowhere when none is named.
    """

    edit: Edit
    answers: tuple[Clip, ...]
    inside: Masks
    subject: Masks

    @property
    def is_vague(self) -> bool:
        """Whether several answers are right, so that frames can disagree and all be right."""
        return len(self.answers) > 1


@dataclass(frozen=True, kw_only=True, eq=False)
class BenchClip:
    """A clip, what is asked of it, and the truth where it is known.

    `frames` are those measured, at working size; `path` is the file they come from, None for a
    rendered clip that is no file yet.
    """

    name: str
    text: str
    frames: Clip
    truth: Truth | None = None
    path: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """A scene and what is asked of it; any stretch of it can be drawn with its truth."""

    name: str
    scene: Scene
    instruction: Instruction
    text: str

    def frames(self, frame_range: FrameRange) -> Iterator[NDArray[np.uint8]]:
        """The source, frame by frame."""
        for frame in range(frame_range.start_frame, frame_range.end_frame_exclusive):
            yield _picture(self.scene, frame)

    def drawn(self, frame_range: FrameRange) -> tuple[BenchClip, Truth]:
        """A stretch of the scene, and its truth, which the clip holds as well."""
        frames, truth = _with_truth(self.scene, self.instruction, frame_range)
        return BenchClip(name=self.name, text=self.text, frames=frames, truth=truth), truth


def held_out_clips(
    clip_count: int, *, frame_count: int, seed: int
) -> Iterator[Callable[[], BenchClip]]:
    """Clips of scenes that no training saw, forms of edit as in `MIX`, one scene each.

    Each is drawn when it is called.
    """
    attempts = count(seed * SEEDS_PER_RUN)
    for edit in islice(cycle(MIX), clip_count):
        question = next_question(edit, attempts, frame_count)
        yield partial(_clip_of, question, frame_count)


def _clip_of(question: Question, frame_count: int) -> BenchClip:
    clip, _ = question.drawn(FrameRange(0, frame_count))
    return clip


def next_question(edit: Edit, attempts: Iterator[int], frame_count: int) -> Question:
    """The first question of that form among held-out scenes, `attempts` their seeds.

    It is day in the scene, and the object named shows well in most of the frames.
    """
    for attempt in attempts:
        scene = random_world_scene(attempt, held_out=True)
        options = possible_instructions(scene, attempt, held_out=True)
        instruction = next((one for one in options if one.edit == edit), None)
        if instruction is None or scene.time != "day":
            continue
        if _shows(scene, instruction, frame_count):
            texts = wordings(instruction)
            text = texts[attempt % len(texts)]
            return Question(
                name=f"{edit} {attempt}", scene=scene, instruction=instruction, text=text
            )
    raise ValueError(f"no scene among the seeds given can be asked for {edit}")


def footage(path: Path, text: str, card: ModelCard, frame_count: int) -> BenchClip:
    """The first frames of a file, at the size at which `card`'s model works on it."""
    media = probe_media(path)
    taken = FrameRange(0, min(frame_count, media.frame_count))
    size = clip_working_size(media, card)
    return BenchClip(name=path.name, text=text, frames=read_clip(path, taken, size), path=path)


def footage_paths(folder: Path) -> list[Path]:
    """The video files of a folder by name.

    Raises:
        RequestError: there is none.
    """
    found = sorted(
        path for path in folder.glob("*") if path.suffix.lower() in (".mov", ".mp4", ".mkv", ".mxf")
    )
    if not found:
        raise RequestError(f"{folder} holds no .mov, .mp4, .mkv or .mxf file; name another folder")
    return found


def footage_identity(folder: Path) -> str:
    """Names and contents of a folder's video files; a change of any changes it."""
    return " ".join(f"{path.name} {sha256_of(path)}" for path in footage_paths(folder))


def read_clip(path: Path, frame_range: FrameRange, size: tuple[int, int] | None = None) -> Clip:
    """Frames of a file as (T, H, W, 3) uint8 RGB, scaled to `size` (width, height) if given."""
    frames = []
    for picture in read_frames(probe_media(path), frame_range):
        if size is not None and size != picture.shape[1::-1]:
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # noqa: PLW2901
        frames.append(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))
    return np.stack(frames)


def _shows(scene: Scene, instruction: Instruction, frame_count: int) -> bool:
    """Whether the object named shows well in nine tenths of the frames, by a look at some."""
    index = object_named(scene, instruction) if instruction.kind else None
    if index is None:
        return True
    looked_at = np.linspace(0, frame_count - 1, max(5, frame_count // 24)).astype(int)
    shares = [float((_owners(scene, frame) == index).mean()) for frame in looked_at]
    return float(np.mean(np.array(shares) >= LEAST_SHARE)) >= 0.9


def _with_truth(
    scene: Scene, instruction: Instruction, frame_range: FrameRange
) -> tuple[Clip, Truth]:
    numbers = range(frame_range.start_frame, frame_range.end_frame_exclusive)
    answers = edited_scenes(scene, instruction)
    # All scenes of one frame in a row: the world keeps its last backgrounds.
    source, *right = np.stack(
        [[_picture(one, frame) for one in (scene, *answers)] for frame in numbers], axis=1
    )
    inside = np.any([(source != answer).any(axis=3) for answer in right], axis=0)
    subject = np.zeros_like(inside)
    if instruction.kind:
        index = object_named(scene, instruction)
        before, subject = (
            np.stack([_owners(one, frame) == index for frame in numbers])
            for one in (scene, answers[0])
        )
        inside = inside | before | subject
    elif instruction.edit == "background":
        inside = inside | np.stack([_owners(scene, frame) == -1 for frame in numbers])
    else:
        inside = np.ones_like(inside)
    truth = Truth(edit=instruction.edit, answers=tuple(right), inside=inside, subject=subject)
    return source, truth


def _picture(scene: Scene, frame: int) -> NDArray[np.uint8]:
    return render_frame(scene, frame, width=WIDTH, height=HEIGHT)


def _owners(scene: Scene, frame: int) -> NDArray[np.int16]:
    return owner_map(scene, frame, width=WIDTH, height=HEIGHT)
