"""Record time and media frames: random cuts against a walk frame by frame.

`pytest --hypothesis-profile=thorough tests/resolve_scripts/timeline/test_mapping.py` tries 5,000
cuts a test.
"""

from __future__ import annotations

from math import ceil
from pathlib import Path

import opentimelineio as otio
from hypothesis import given, settings
from hypothesis import strategies as st

from resolve_scripts.timeline.need import needed_media
from resolve_scripts.timeline.place import PlacedEdit, PlaceMode, place
from resolve_scripts.timeline.select import Wanted, select
from tests.resolve_scripts.timeline.random_cuts import Cut, cuts
from tests.resolve_scripts.timeline.slow_walk import plain_tracks, walked

EVERYTHING = Wanted(instruction="make it night", clips=("*",))
often = settings(max_examples=max(300, settings.default.max_examples))


@often
@given(cut=cuts())
def test_every_record_frame_shows_the_media_frame_a_walk_finds(cut: Cut) -> None:
    selection = select(cut.timeline, EVERYTHING)
    assert selection.refusals == ()
    expected = cut.walked()
    for edit in selection.edits:
        need = needed_media(edit)
        found = {each: need.media_frame(each) for each in need.record_frames}
        assert found == expected.pop(edit.clip.name, {})
        rendered = range(need.frames.start_frame, need.frames.end_frame_exclusive)
        assert set(found.values()) <= set(rendered)
        per_s, is_alone = abs(need.position.per_s), edit.place.reveal == edit.place.window
        if found and is_alone and per_s >= need.frames.frame_rate:
            # A clip may begin and end between two record frames, so at most one more on each side.
            spread = max(found.values()) - min(found.values())
            assert len(rendered) <= spread + 2 * ceil(per_s / need.record_rate) + 1
    assert expected == {}


@given(cut=cuts(), mode=st.sampled_from(PlaceMode))
def test_identical_renders_in_place_are_frame_for_frame_the_program(
    cut: Cut, mode: PlaceMode
) -> None:
    edits = select(cut.timeline, EVERYTHING).edits
    before = cut.timeline.to_json_string()
    placed = [
        PlacedEdit(
            edit=edit,
            need=needed_media(edit),
            rendered=Path(f"/renders/{edit.clip.name}"),
            record={},
        )
        for edit in edits
    ]
    result = place(cut.timeline, placed, mode=mode)
    result = otio.adapters.read_from_string(result.to_json_string(), "otio_json")
    assert cut.timeline.to_json_string() == before

    found, program = walked(plain_tracks(result), cut.rate), cut.walked()
    for one in placed:
        clip = one.edit.clip
        in_render = {
            record_frame: media_frame - one.need.frames.start_frame
            for record_frame, media_frame in program.get(clip.name, {}).items()
        }
        assert found.get(one.rendered.as_posix(), {}) == in_render
        assert set(in_render.values()) <= set(range(one.need.frames.frame_count))
        if mode is PlaceMode.TRACK:
            original = clip.media_reference.target_url
            assert found.get(original, {}) == program.get(clip.name, {})
