"""The measuring of tracked masks: which clips, and what is counted."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from numpy.typing import NDArray

from via_engine.errors import SubjectNotFoundError
from via_engine.masks.mask_track import MaskTrack
from via_engine.measure import masks_over_time
from via_engine.measure.masks_over_time import FRAMES, HardClip, hard_clips, tracked_clip
from via_engine.starter.world.render import owner_map


def truths(clip: HardClip) -> list[NDArray[np.bool_]]:
    return [
        owner_map(clip.scene, frame, width=256, height=144) == clip.object_index
        for frame in range(FRAMES)
    ]


@pytest.fixture(scope="module")
def clip() -> HardClip:
    """One whose object is out of sight for a while."""
    found = islice(hard_clips(3), 20)
    return next(one for one in found if not all(mask.any() for mask in truths(one)))


def measured(
    clip: HardClip, masks: list[NDArray[np.bool_]] | None, patch: pytest.MonkeyPatch
) -> masks_over_time.TrackedClip:
    def track(*arguments: object) -> MaskTrack:
        if masks is None:
            raise SubjectNotFoundError("not there")
        return MaskTrack.of(0, masks)

    patch.setattr(masks_over_time, "track_masks", track)
    return tracked_clip(clip, None, None)  # type: ignore[arg-type]


def test_true_masks_are_perfect(clip: HardClip, monkeypatch: pytest.MonkeyPatch) -> None:
    found = measured(clip, truths(clip), monkeypatch)
    assert found.overlap == 1
    assert found.absent == found.absent_empty == FRAMES - len(found.overlaps)
    assert found.absent > 0


def test_a_mask_without_a_subject_is_counted(
    clip: HardClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = [np.ones((144, 256), np.bool_)] * FRAMES
    found = measured(clip, full, monkeypatch)
    assert found.absent_empty == 0
    assert found.overlap == pytest.approx(
        np.mean([mask.mean() for mask in truths(clip) if mask.any()])
    )


def test_a_subject_that_is_not_found_is_no_overlap(
    clip: HardClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measured(clip, None, monkeypatch)
    assert found.overlap == 0
    assert found.absent_empty == found.absent


def test_a_still_object_alone_is_no_hard_clip() -> None:
    for one in islice(hard_clips(0), 2):
        masks = truths(one)
        alone = truths(
            replace(
                one,
                scene=replace(one.scene, objects=(one.scene.objects[one.object_index],)),
                object_index=0,
            )
        )
        goes = not all(mask.any() for mask in masks)
        covered = any((whole & ~mask).any() for mask, whole in zip(masks, alone, strict=True))
        assert goes or covered
