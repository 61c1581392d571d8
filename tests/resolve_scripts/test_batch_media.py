"""Media of a batch: which files its clips find, share and keep in reach."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio
import pytest

from resolve_scripts.batch.found_clip import FoundClip, MediaFinder
from resolve_scripts.batch.relink import relink_from
from resolve_scripts.batch.request import BatchRequest
from resolve_scripts.batch_destinations import written
from resolve_scripts.errors import OutputError
from resolve_scripts.timeline.media import ImageSequence, find_media
from resolve_scripts.timeline.select import Wanted, select
from tests.resolve_scripts.timelines import time_range

EVERYTHING = Wanted(instruction="x", clips=("*",))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two takes in one folder, numbered 1001 to 1010 and 1101 to 1110."""
    (tmp_path / "seq").mkdir()
    for number in (*range(1001, 1011), *range(1101, 1111)):
        (tmp_path / "seq" / f"p.{number}.png").touch()
    return tmp_path


def clip_of(*references: otio.core.MediaReference, start: int) -> otio.schema.Clip:
    """A clip whose last reference is the active one; one of several is a render of Via's."""
    clip = otio.schema.Clip("shot", references[0], time_range(start, 5))
    keys = ["DEFAULT_MEDIA", *(f"VIA v{number}" for number in range(1, len(references)))]
    clip.set_media_references(dict(zip(keys, references, strict=True)), keys[-1])
    return clip


def first_pictures(folder: Path, *clips: otio.schema.Clip) -> list[str]:
    """The picture of media frame 0 of every clip, all found by one batch."""
    timeline = otio.schema.Timeline()
    timeline.tracks.append(otio.schema.Track("V1", clips))
    request = BatchRequest(
        timeline=folder / "cut.otio", out=folder / "out.otio", media_folder=folder / "renders"
    )
    finder = MediaFinder(request, folder)
    names = []
    for edit in select(timeline, EVERYTHING).edits:
        found = finder.find(edit)
        assert isinstance(found, FoundClip)
        assert isinstance(found.media, ImageSequence)
        names.append(found.media.path_of(0).name)
    return names


@pytest.mark.parametrize("has_render", [False, True])
def test_clips_of_one_pattern_keep_their_own_numbers(pictures: Path, has_render: bool) -> None:
    render = otio.schema.ExternalReference("/render.mov", time_range(0, 10))
    clips = []
    for start in (1001, 1101):
        own = otio.schema.ExternalReference("seq/p.%04d.png", time_range(start, 10))
        clips.append(clip_of(own, *([render.clone()] if has_render else []), start=start))
    assert first_pictures(pictures, *clips) == ["p.1001.png", "p.1101.png"]


def test_the_numbers_of_an_edited_clip_are_those_of_its_original(pictures: Path) -> None:
    clips = []
    for start in (1001, 1101):
        own = otio.schema.ImageSequenceReference("seq/", "p.", ".png", start, 1, 24, 4)
        own.available_range = time_range(0, 10)
        render = otio.schema.ExternalReference("/render.mov", time_range(0, 10))
        clips.append(clip_of(own, render, start=0))
    assert first_pictures(pictures, *clips) == ["p.1001.png", "p.1101.png"]


@pytest.mark.parametrize("is_beside", [False, True])
@pytest.mark.parametrize("name", ["p.%04d.png", "p.####.png", "p.[1001-1010].png", None])
def test_relative_pictures_stay_in_reach_from_another_folder(
    pictures: Path, name: str | None, is_beside: bool
) -> None:
    base, folder = ("", pictures / "seq") if is_beside else ("seq/", pictures)
    if name is None:
        media = otio.schema.ImageSequenceReference(base, "p.", ".png", 1001, 1, 24, 4)
    else:
        media = otio.schema.ExternalReference(f"{base}{name}")
    media.available_range = time_range(1001, 10)
    clip = clip_of(media, start=1001)
    timeline = otio.schema.Timeline()
    timeline.tracks.append(otio.schema.Track("V1", [clip]))
    before = find_media(clip, folder)
    relink_from(timeline, folder)
    assert find_media(clip, pictures / "elsewhere") == before


@pytest.mark.parametrize(
    "target", ["/abs/p.%04d.png", r"D:\seq\p.%04d.png", "file:///seq/p.%2504d.png", "gone/p.##.png"]
)
def test_pictures_that_are_not_relative_or_not_there_keep_their_name(
    pictures: Path, target: str
) -> None:
    media = otio.schema.ExternalReference(target, time_range(1001, 10))
    timeline = otio.schema.Timeline()
    timeline.tracks.append(otio.schema.Track("V1", [clip_of(media, start=1001)]))
    relink_from(timeline, pictures)
    (clip,) = timeline.find_clips()
    assert clip.media_reference.target_url == target


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path, link = tmp_path / "report.json", tmp_path / "link.json"
    path.write_text("before")
    link.symlink_to(path)
    with pytest.raises(RuntimeError), written(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "before"
    with written(path) as partial:
        partial.write_text("after")
    assert path.read_text() == "after"
    with written(link) as partial:
        partial.write_text("through the link")
    assert (link.is_symlink(), path.read_text()) == (True, "through the link")
    assert sorted(tmp_path.iterdir()) == [link, path]
    with (
        pytest.raises(OutputError, match="cannot write"),
        written(tmp_path / "no" / "a") as partial,
    ):
        partial.write_text("x")
