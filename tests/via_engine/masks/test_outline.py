"""Shapes of masks: what is a speck, what has room."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from via_engine.masks.outline import bounding_box, grown, overlap, parts, with_room, without_specks
from via_engine.starter.world.render import object_mask
from via_engine.starter.world.scene import demo_scene, edited_scene
from via_engine.starter.world.vocabulary import KINDS, Instruction

Mask = NDArray[np.bool_]
masks = st.tuples(st.integers(1, 14), st.integers(1, 14)).flatmap(
    lambda size: arrays(np.bool_, size)
)


def disc(height: int, width: int, row: float, column: float, radius: float) -> Mask:
    rows, columns = np.indices((height, width))
    return np.asarray(np.hypot(rows - row, columns - column) <= radius)


def test_specks_and_pinholes_go_and_parts_stay() -> None:
    two = disc(80, 120, 40, 30, 15) | disc(80, 120, 40, 90, 12)
    dirty = two.copy()
    dirty[2:4, 2:4] = True
    dirty[40:42, 30:32] = False
    assert np.array_equal(without_specks(dirty), two)
    assert [np.count_nonzero(part) for part in parts(dirty)] == [
        np.count_nonzero(dirty[:, :60]) - 4,
        np.count_nonzero(two[:, 60:]),
    ]


def test_little_that_is_all_there_is_stays() -> None:
    sliver = np.zeros((80, 120), np.bool_)
    sliver[30:33, 118:] = True
    assert np.array_equal(without_specks(sliver), sliver)
    assert not without_specks(np.zeros((8, 8), np.bool_)).any()


@settings(max_examples=50, deadline=None)
@given(masks, masks)
def test_overlap_is_counted(one: Mask, other: Mask) -> None:
    other = np.resize(other, one.shape)
    union = {*map(tuple, np.argwhere(one)), *map(tuple, np.argwhere(other))}
    shared = {*map(tuple, np.argwhere(one))} & {*map(tuple, np.argwhere(other))}
    assert overlap(one, other) == (len(shared) / len(union) if union else 0)


@settings(max_examples=50, deadline=None)
@given(masks)
def test_room_holds_the_mask_and_the_box_holds_it_tightly(mask: Mask) -> None:
    assert np.all(with_room(mask, 1.25) >= mask)
    assert np.all(grown(mask) >= mask)
    assert with_room(mask, 1.25).any() == mask.any()
    if mask.any():
        left, top, right, bottom = bounding_box(mask).astype(int)
        assert mask[top:bottom, left:right].sum() == mask.sum()
        for edge in (mask[top], mask[bottom - 1], mask[:, left], mask[:, right - 1]):
            assert edge.any()


def test_the_room_of_a_thing_holds_what_the_world_makes_of_it() -> None:
    scene = demo_scene()
    room = with_room(object_mask(scene, 0, 0, width=256, height=144), 1.25)
    covered = []
    for kind in set(KINDS) - {"ball", "star"}:
        changed = edited_scene(scene, Instruction(edit="kind", value=kind, kind="ball"))
        new = object_mask(changed, 0, 0, width=256, height=144)
        covered.append(np.count_nonzero(new & room) / np.count_nonzero(new))
    assert min(covered) > 0.97
