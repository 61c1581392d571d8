"""Tracked masks against the truth, over clips in which the subject is covered or leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice

import numpy as np
import torch
from numpy.typing import NDArray

from via_engine.errors import SubjectNotFoundError
from via_engine.masks.ground import Grounder, load_grounder
from via_engine.masks.plan import plan_instruction
from via_engine.masks.segment import Segmenter, load_segmenter
from via_engine.masks.track import track_masks
from via_engine.measure.rows import Bar, Row
from via_engine.starter.bundle import starter_folder
from via_engine.starter.evaluation.scores import mask_overlap
from via_engine.starter.world.render import owner_map, render_video
from via_engine.starter.world.scene import Scene, naming, random_world_scene
from via_engine.starter.world.vocabulary import Instruction, wordings

Masks = NDArray[np.bool_]

FRAMES = 48
_SIZE = (256, 144)
# Small enough to look through many scenes for those in which something happens.
_PREVIEW_SIZE = (64, 36)
_PREVIEW_STEP = 2
_SCENES_PER_SEED = 10_000
# A subject is covered when others hide this share of it in this many previewed frames.
_COVERED_SHARE = 0.15
_COVERED_FRAMES = 3


@dataclass(frozen=True, kw_only=True)
class HardClip:
    """A held-out scene and one object of it that is covered or out of frame for a while."""

    scene: Scene
    object_index: int
    instruction: str


@dataclass(frozen=True, kw_only=True)
class TrackedClip:
    """How a tracked clip compares with the truth.

    Attributes:
        overlaps: intersection over union in each frame that shows the subject.
        absent: frames that do not.
        absent_empty: of them, those with an empty mask.
        seconds: to find and track it.
    """

    overlaps: tuple[float, ...]
    absent: int
    absent_empty: int
    seconds: float

    @property
    def overlap(self) -> float:
        """Mean over the frames that show the subject."""
        return float(np.mean(self.overlaps))


def tracked_masks(seed: int, clips: int) -> list[Row]:
    """Overlap of tracked masks with the truth, and how they stay empty without the subject."""
    device = torch.device("cpu")
    grounder = load_grounder(starter_folder("grounder"), device=device)
    segmenter = load_segmenter(starter_folder("segmenter"), device=device)
    found = [tracked_clip(one, grounder, segmenter) for one in islice(hard_clips(seed), clips)]
    absent = sum(one.absent for one in found)
    empty = sum(one.absent_empty for one in found)
    overlaps = [one.overlap for one in found]
    frames = FRAMES * len(found)
    return [
        Row(
            name="tracked mask, mean over clips with occlusion and exits",
            value=float(np.mean(overlaps)),
            unit="IoU",
            bar=Bar(comparison=">=", limit=0.85),
            cases=len(found),
        ),
        Row(name="  median clip", value=float(np.median(overlaps)), unit="IoU", cases=len(found)),
        Row(
            name="  subject absent: empty masks",
            value=100 * empty / max(1, absent),
            unit="%",
            bar=Bar(comparison=">=", limit=95),
            cases=absent,
        ),
        Row(
            name="  finding and tracking",
            value=sum(one.seconds for one in found) / frames,
            unit="s/frame",
            cases=frames,
        ),
    ]


def hard_clips(seed: int) -> Iterator[HardClip]:
    """Held-out clips without end in which the named object is covered or leaves the frame."""
    for number in count(seed * _SCENES_PER_SEED):
        scene = replace(random_world_scene(number, held_out=True), frame_count=FRAMES)
        for index in range(len(scene.objects)):
            named = naming(scene, index, with_colour=False)
            if named and _something_happens(scene, index):
                instruction = Instruction(edit="vague_recolour", kind=named[0], colour=named[1])
                yield HardClip(
                    scene=scene, object_index=index, instruction=wordings(instruction)[0]
                )


def tracked_clip(clip: HardClip, grounder: Grounder, segmenter: Segmenter) -> TrackedClip:
    """Tracks the clip's object from the words of the instruction; not found is never masked."""
    width, height = _SIZE
    frames = render_video(clip.scene, width=width, height=height)
    plan = plan_instruction(clip.instruction)
    started = time.perf_counter()
    try:
        track = track_masks(frames, 0, plan, grounder, segmenter, lambda: None)
        masks = [track.mask(frame) for frame in range(FRAMES)]
    except SubjectNotFoundError:
        masks = [np.zeros((height, width), np.bool_)] * FRAMES
    seconds = time.perf_counter() - started
    truths = [
        owner_map(clip.scene, frame, width=width, height=height) == clip.object_index
        for frame in range(FRAMES)
    ]
    pairs = list(zip(masks, truths, strict=True))
    without = [mask for mask, truth in pairs if not truth.any()]
    return TrackedClip(
        overlaps=tuple(mask_overlap(mask, truth) for mask, truth in pairs if truth.any()),
        absent=len(without),
        absent_empty=sum(not mask.any() for mask in without),
        seconds=seconds,
    )


def _something_happens(scene: Scene, index: int) -> bool:
    """Whether the object leaves the frame or enters it, or others cover a part of it."""
    alone = replace(scene, objects=(scene.objects[index],))
    shown = _areas(scene, index)
    whole = _areas(alone, 0)
    comes_or_goes = bool(shown.any() and not shown.all())
    covered = whole - shown > _COVERED_SHARE * np.maximum(whole, 1)
    return comes_or_goes or int(np.count_nonzero(covered)) >= _COVERED_FRAMES


def _areas(scene: Scene, index: int) -> NDArray[np.intp]:
    width, height = _PREVIEW_SIZE
    return np.array(
        [
            np.count_nonzero(owner_map(scene, frame, width=width, height=height) == index)
            for frame in range(0, scene.frame_count, _PREVIEW_STEP)
        ]
    )
