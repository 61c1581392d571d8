"""Media references of every spelling, to files on this machine."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import opentimelineio as otio
import pytest

from resolve_scripts.errors import ClipNotSupportedError, MissingMediaError
from resolve_scripts.timeline.media import media_path

NAMES = ["clip.mov", "my clip #1.mov", "100%.mov", "a%20b.mov", "größe?.mov", "c+d&e.mov"]


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
    found = media_path(otio.schema.ExternalReference(target), tmp_path)
    assert found == clip.resolve()


def test_a_literal_name_wins_over_its_decoding(tmp_path: Path) -> None:
    for name in ("a%20b.mov", "a b.mov"):
        (tmp_path / name).touch()
    found = media_path(otio.schema.ExternalReference("a%20b.mov"), tmp_path)
    assert found.name == "a%20b.mov"


@pytest.mark.parametrize("target", ["", "gone.mov", "file:///gone.mov", "C:\\gone.mov", "."])
def test_missing_media_is_named(tmp_path: Path, target: str) -> None:
    with pytest.raises(MissingMediaError, match="relink"):
        media_path(otio.schema.ExternalReference(target), tmp_path)


def test_media_that_is_no_movie_is_named_by_kind(shared_media: Path, tmp_path: Path) -> None:
    timeline = otio.adapters.read_from_file(str(shared_media / "tlrender" / "MovieAndSeq.otio"))
    with pytest.raises(ClipNotSupportedError, match="ImageSequenceReference"):
        media_path(timeline.tracks[0][1].media_reference, tmp_path)
    with pytest.raises(ClipNotSupportedError, match="GeneratorReference"):
        media_path(otio.schema.GeneratorReference(), tmp_path)
    with pytest.raises(MissingMediaError, match="no media"):
        media_path(otio.schema.MissingReference(), tmp_path)
