"""Which frame of a clip becomes the root."""

from __future__ import annotations

import torch

from via_engine.method.root_frame import RootFrame, best_root_frames


def frame_of(number: int, columns: int = 6, contrast: float = 1.0) -> RootFrame:
    source = torch.rand((1, 3, 8, 12), generator=torch.Generator().manual_seed(number))
    alpha = torch.zeros((1, 1, 8, 12))
    alpha[..., :columns] = 1
    return RootFrame(frame=number, source=0.5 + contrast * (source - 0.5), alpha=alpha)


def test_the_best_frame_shows_most_sharpest_and_nearest_to_the_middle() -> None:
    frames = [
        frame_of(0, columns=4),
        frame_of(10, columns=8, contrast=0.2),
        frame_of(20, columns=8),
        frame_of(30, columns=2),
        frame_of(40, columns=0),
    ]

    best = best_root_frames(frames, 5)

    assert best[0].frame == 20
    assert best[-1].frame == 40
    assert [one.frame for one in best_root_frames(frames, 2)] == [one.frame for one in best[:2]]


def test_without_masks_alike_frames_are_ranked_by_the_middle() -> None:
    same = frame_of(0).source
    frames = [RootFrame(frame=frame, source=same) for frame in (0, 6, 12, 18, 24)]

    assert best_root_frames(frames, 1)[0].frame == 12
