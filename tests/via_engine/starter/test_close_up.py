"""A close-up shows what its box is about, and finds its way back to the frame's own pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from via_engine.starter.networks.close_up import close_up_of


@given(
    left=st.integers(-20, 60),
    top=st.integers(-20, 60),
    width=st.integers(8, 60),
    height=st.integers(8, 60),
    room=st.floats(1.0, 3.0),
)
def test_what_is_drawn_comes_back_to_its_place(
    left: int, top: int, width: int, height: int, room: float
) -> None:
    down, across = np.mgrid[0:90, 0:120].astype(np.float32)
    closer = close_up_of(np.array([left, top, left + width, top + height]), room=room, side=256)
    for ramp in (down, across):
        back = closer.back(closer.draw(ramp), ramp.shape, beyond=-1.0)
        inside = np.zeros(ramp.shape, np.bool_)
        inside[max(0, top + 1) : max(0, top + height - 1)] = True
        inside[:, : max(0, left + 1)] = False
        inside[:, max(0, left + width - 1) :] = False
        # A frame's own edge is where it stops being a ramp.
        inside[[0, 1, -2, -1]] = False
        inside[:, [0, 1, -2, -1]] = False
        assert np.abs(back - ramp)[inside].max(initial=0) < 0.1


def test_boxes_go_where_their_pixels_go() -> None:
    frame = np.zeros((72, 128, 3), np.uint8)
    frame[20:40, 30:70] = 255
    box = np.array([[30, 20, 70, 40]], np.float32)
    closer = close_up_of(box[0], room=1.6, side=256)
    rows, columns = np.nonzero(closer.draw(frame)[..., 0] > 127)
    found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert found == pytest.approx(closer.to_canvas(box)[0], abs=1.01)
    assert closer.to_canvas(box)[0, 2] - closer.to_canvas(box)[0, 0] == pytest.approx(256 / 1.6)


def test_labels_are_never_mixed_and_nothing_is_invented_beyond_the_frame() -> None:
    labels = np.full((40, 40), 7, np.int16)
    labels[:, :20] = -1
    closer = close_up_of(np.array([30, 10, 50, 30]), room=2.0, side=64)
    drawn = closer.draw_labels(labels, beyond=-1)
    assert set(np.unique(drawn)) == {-1, 7}
    seen = cv2.boundingRect((drawn == 7).astype(np.uint8))
    assert seen == (0, 0, 32, 64)
