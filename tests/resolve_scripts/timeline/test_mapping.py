"""Record time and media frames: random cuts against a walk frame by frame.

`pytest --hypothesis-profile=thorough tests/resolve_scripts/timeline/test_mapping.py` tries 5,000
cuts a test.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import ceil
from pathlib import Path

import opentimelineio as otio
from hypothesis import given, settings
from hypothesis import strategies as st

from resolve_scripts.timeline.clip_edit import ClipEdit
from resolve_scripts.timeline.need import needed_media
from resolve_scripts.timeline.place import PlacedEdit, PlaceMode, place
from resolve_scripts.timeline.select import Wanted, select
from tests.resolve_scripts.timeline.random_cuts import Cut, cuts, flat_cuts
from tests.resolve_scripts.timeline.slow_walk import Pair, dissolving, plain_tracks, walked

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


def rendered_as_they_are(
    edits: Iterable[ClipEdit], mode: PlaceMode = PlaceMode.TRACK
) -> list[PlacedEdit]:
    return [
        PlacedEdit(
            edit=edit,
            need=needed_media(edit, in_place=mode is not PlaceMode.TRACK),
            rendered=Path(f"/renders/{edit.clip.name}"),
            record={},
        )
        for edit in edits
    ]


def pictures_of(one: PlacedEdit, frames: dict[int, int]) -> dict[int, int]:
    """Which picture each frame of the render is: of a held one all are the first."""
    return {key: picture_of(one, frame) for key, frame in frames.items()}


def picture_of(one: PlacedEdit, frame: int) -> int:
    return 0 if one.need.hold and 0 <= frame < one.need.rendered_count else frame


def assert_inside(clip: otio.schema.Clip) -> None:
    """The source range lies in the available range, to the frame, as otiotool compares them."""
    available, source = clip.available_range(), clip.trimmed_range()
    step = otio.opentime.RationalTime(1e-3, available.duration.rate)
    assert available.start_time - step <= source.start_time
    assert source.end_time_exclusive() <= available.end_time_exclusive() + step


@given(cut=cuts(), mode=st.sampled_from(PlaceMode))
def test_identical_renders_in_place_are_frame_for_frame_the_program(
    cut: Cut, mode: PlaceMode
) -> None:
    edits = select(cut.timeline, EVERYTHING).edits
    before = cut.timeline.to_json_string()
    placed = rendered_as_they_are(edits, mode)
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
        target = one.rendered.as_posix()
        assert pictures_of(one, found.get(target, {})) == in_render
        assert set(in_render.values()) <= set(range(one.need.frames.frame_count))
        for held in result.find_clips() if one.need.hold else ():
            if held.media_reference.target_url == target:
                assert_inside(held)
        if mode is PlaceMode.TRACK:
            original = clip.media_reference.target_url
            assert found.get(original, {}) == program.get(clip.name, {})


@given(
    cut=cuts(),
    mode=st.sampled_from(PlaceMode),
    start=st.integers(0, 20),
    count=st.integers(1, 20),
)
def test_parts_of_clips_are_edited_where_the_range_says(
    cut: Cut, mode: PlaceMode, start: int, count: int
) -> None:
    chosen = range(start, start + count)
    wanted = replace(EVERYTHING, ranges=(f"{chosen.start}:{chosen.stop}",))
    placed = rendered_as_they_are(select(cut.timeline, wanted).edits, mode)
    result = walked(plain_tracks(place(cut.timeline, placed, mode=mode)), cut.rate)
    edited = {one.edit.clip.name: one for one in placed}
    for name, seen in cut.walked().items():
        # What lies in a frozen composition is edited whole.
        is_whole = name in edited and edited[name].edit.place.is_held
        inside = {k: v for k, v in seen.items() if k in chosen or is_whole}
        left = {k: v for k, v in seen.items() if k not in inside or mode is PlaceMode.TRACK}
        assert result.get(f"/media/{name}.mov", {}) == left
        if inside:
            first = edited[name].need.frames.start_frame
            in_render = {k: v - first for k, v in inside.items()}
            assert pictures_of(edited[name], result[f"/renders/{name}"]) == in_render


@given(cut=flat_cuts(), data=st.data())
def test_dissolves_show_the_same_pictures_on_the_via_track(cut: Cut, data: st.DataObject) -> None:
    """Whichever of the clips are edited, every picture of every dissolve beside them is there."""
    edits = [each for each in select(cut.timeline, EVERYTHING).edits if data.draw(st.booleans())]
    placed = rendered_as_they_are(edits)
    tracks = place(cut.timeline, placed).tracks
    assert len(tracks) == (2 if placed else 1)
    via = dissolving(tracks[1], cut.rate) if placed else {}
    by_render = {one.rendered.as_posix(): one for one in placed}
    edited = {one.edit.clip.media_reference.target_url for one in placed}

    def unrendered(pair: Pair) -> Pair:
        """Renders taken for the media they were made from."""
        first, second = (source_of(each) if each else None for each in pair)
        return first, second

    def source_of(picture: tuple[str, int]) -> tuple[str, int]:
        if (one := by_render.get(picture[0])) is None:
            return picture
        frame = one.need.frames.start_frame + picture_of(one, picture[1])
        return one.edit.clip.media_reference.target_url, frame

    expected: dict[int, set[Pair]] = {}
    for record_frame, pairs in dissolving(tracks[0], cut.rate).items():
        for pair in pairs:
            if any(picture is not None and picture[0] in edited for picture in pair):
                expected.setdefault(record_frame, set()).add(pair)
    found = {record_frame: set(map(unrendered, pairs)) for record_frame, pairs in via.items()}
    assert found == expected
    for one in placed:
        shown = [
            picture[1]
            for pair in via.values()
            for picture in pair
            if picture is not None and picture[0] == one.rendered.as_posix()
        ]
        assert all(0 <= frame < one.need.rendered_count for frame in shown)
