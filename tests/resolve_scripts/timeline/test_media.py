"""Media references of every spelling, to files on this machine."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

import opentimelineio as otio
import pytest

from resolve_scripts.errors import ClipNotSupportedError, MissingMediaError, UsageError
from resolve_scripts.timeline.media import ImageSequence, Movie, find_media, named_media
from resolve_scripts.timeline.paths import PathMap, path_map
from tests.resolve_scripts.timelines import time_range

NAMES = ["clip.mov", "my clip #1.mov", "100%.mov", "a%20b.mov", "größe?.mov", "c+d&e.mov"]


def path_of(
    reference: otio.core.MediaReference, folder: Path, paths: PathMap | None = None
) -> Path:
    found = find_media(otio.schema.Clip("shot", reference), folder, paths)
    assert isinstance(found, Movie)
    return found.path


@pytest.fixture(params=NAMES)
def clip(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "shots" / request.param
    path.parent.mkdir()
    path.touch()
    return path


@pytest.mark.parametrize("spelling", ["path", "relative", "encoded", "url", "raw url", "localhost"])
def test_every_spelling_of_an_existing_file_is_found(
    clip: Path, tmp_path: Path, spelling: str
) -> None:
    target = {
        "path": str(clip),
        "relative": f"shots/{clip.name}",
        "encoded": f"shots/{quote(clip.name)}",
        "url": clip.as_uri(),
        "raw url": f"file://{clip}",
        "localhost": f"file://localhost{quote(str(clip))}",
    }[spelling]
    found = path_of(otio.schema.ExternalReference(target), tmp_path)
    assert found == clip.resolve()


def test_a_literal_name_wins_over_its_decoding(tmp_path: Path) -> None:
    for name in ("a%20b.mov", "a b.mov"):
        (tmp_path / name).touch()
    found = path_of(otio.schema.ExternalReference("a%20b.mov"), tmp_path)
    assert found.name == "a%20b.mov"


@pytest.mark.parametrize("target", ["", "gone.mov", "file:///gone.mov", "C:\\gone.mov", "."])
def test_missing_media_is_named(tmp_path: Path, target: str) -> None:
    with pytest.raises(MissingMediaError, match="relink"):
        path_of(otio.schema.ExternalReference(target), tmp_path)


def test_media_without_pictures_is_named_by_kind(tmp_path: Path) -> None:
    with pytest.raises(ClipNotSupportedError, match="GeneratorReference"):
        path_of(otio.schema.GeneratorReference(), tmp_path)
    with pytest.raises(MissingMediaError, match="no media"):
        path_of(otio.schema.MissingReference(), tmp_path)


def test_a_sequence_is_found_with_its_numbers(shared_media: Path) -> None:
    folder = shared_media / "tlrender"
    timeline = otio.adapters.read_from_file(str(folder / "MovieAndSeq.otio"))
    clip = timeline.tracks[0][1]
    found = find_media(clip, folder)
    assert isinstance(found, ImageSequence)
    assert (found.start_number, found.count, found.padding, found.missing) == (1, 90, 4, ())
    for frame in (0, 89):
        url = clip.media_reference.target_url_for_image_number(frame)  # OpenTimelineIO's own
        assert found.path_of(frame) == (folder / url).resolve()
    assert named_media(clip) == "Seq/BART_2021-02-07.####.jpg"


def test_pictures_that_are_not_there_are_told(tmp_path: Path) -> None:
    for number in (998, 999, 1001, 12345):
        (tmp_path / f"a b.{number:04d}.exr").touch()
    (tmp_path / "a b.99.exr").touch()  # too few digits
    reference = otio.schema.ImageSequenceReference(f"{tmp_path}/", "a b.", ".exr", 998, 1, 24, 4)
    reference.available_range = time_range(0, 5)
    found = find_media(otio.schema.Clip("shot", reference), tmp_path)
    assert isinstance(found, ImageSequence)
    assert found.missing == (1000, 1002)
    assert found.path_of(4).name == "a b.1002.exr"
    reference.frame_step = 2
    with pytest.raises(ClipNotSupportedError, match="steps of 2"):
        find_media(otio.schema.Clip("shot", reference), tmp_path)
    reference.frame_step, reference.name_prefix = 1, "gone."
    with pytest.raises(MissingMediaError, match="gone"):
        find_media(otio.schema.Clip("shot", reference), tmp_path)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.[0998-1002].exr", 0),
        ("a.[0998-1002].exr", 86400),
        ("a.%04d.exr", 998),
        ("a.####.exr", 998),
    ],
)
def test_pictures_named_by_a_pattern_are_a_sequence(tmp_path: Path, name: str, start: int) -> None:
    for number in (998, 999, 1000, 1002):
        (tmp_path / f"a.{number:04d}.exr").touch()
    reference = otio.schema.ExternalReference(f"{tmp_path}/{name}", time_range(start, 5))
    found = find_media(otio.schema.Clip("shot", reference), tmp_path)
    assert isinstance(found, ImageSequence)
    assert (found.path_of(0).name, found.count, found.missing) == ("a.0998.exr", 5, (1001,))
    (tmp_path / name).touch()  # a file of just that name comes first
    with pytest.raises(ClipNotSupportedError, match="single picture"):
        find_media(otio.schema.Clip("shot", reference), tmp_path)


@pytest.mark.parametrize("name", ["plate.png", "a.0007.TIF", "wide [x] plate.jpeg", ".jpg.png"])
def test_a_file_with_one_picture_is_media_of_one_frame(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    for available, source in ((time_range(0, 1, 23.976), None), (None, time_range(9, 4, 23.976))):
        reference = otio.schema.ExternalReference(name, available)
        found = find_media(otio.schema.Clip("still", reference, source), tmp_path)
        assert isinstance(found, ImageSequence)
        assert (found.is_single, found.count, found.frame_rate) == (True, 1, Fraction(24000, 1001))
        assert found.pattern == found.path_of(0) == tmp_path / name


@pytest.mark.parametrize(
    ("target", "pair"),
    [
        (r"D:\media\shot 1.mov", r"D:\media={folder}"),
        (r"d:\MEDIA\sub\..\shot 1.mov", r"D:/media={folder}"),
        ("file://localhost/D%3a/media/shot%201.mov", r"D:\media={folder}"),
        ("file:///D:/media/shot%201.mov", r"D:/={parent}"),
        (r"\\server\share\shot 1.mov", r"\\server\share={folder}"),
        ("file://server/share/shot%201.mov", "//server/share={folder}"),
        ("/Volumes/media/shot 1.mov", "/Volumes/media/={folder}/"),
    ],
)
def test_folders_of_other_machines_are_mapped(tmp_path: Path, target: str, pair: str) -> None:
    folder = tmp_path / "media"
    (folder / "sub").mkdir(parents=True)
    (folder / "shot 1.mov").touch()
    paths = path_map([pair.format(folder=folder, parent=tmp_path)])
    reference = otio.schema.ExternalReference(target)
    assert path_of(reference, tmp_path, paths) == (folder / "shot 1.mov").resolve()
    with pytest.raises(MissingMediaError, match="shot"):
        path_of(reference, tmp_path)


def test_a_folder_is_mapped_as_a_whole_name_and_back(tmp_path: Path) -> None:
    paths = path_map([r"D:\media=/mnt/media", "/Volumes/a=/mnt/a"])
    assert paths.here(r"D:\media2\x.mov") == r"D:\media2\x.mov"
    assert paths.here("D:/media/x.mov") == "/mnt/media/x.mov"
    assert paths.there(Path("/mnt/media/r/x.mov")) == r"D:\media\r\x.mov"
    assert paths.there(Path("/mnt/a/x.mov")) == "/Volumes/a/x.mov"
    assert paths.there(Path("/elsewhere/x.mov")) == "/elsewhere/x.mov"
    for text in ("D:/media", "=/mnt", "D:/media="):
        with pytest.raises(UsageError, match="FROM=TO"):
            path_map([text])


def test_a_windows_path_names_the_option_that_helps(tmp_path: Path) -> None:
    with pytest.raises(MissingMediaError, match="--map"):
        path_of(otio.schema.ExternalReference(r"C:\Users\robin\a.mov"), tmp_path)
