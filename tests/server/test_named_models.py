"""Models by name: what via models keeps is found when a server starts, and nothing is opened."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from server.cli import read_config
from server.errors import StartError
from via_engine.models.library.integrity import record_folder
from via_engine.models.library.library import Entry, Library
from via_engine.models.library.manifest import Role


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path / "models")
    for name, role in (("brush", Role.EDITOR), ("sam", Role.SEGMENTER), ("sam2", Role.TRACKER)):
        content = library.folder / name / "model"
        content.mkdir(parents=True)
        (content / "weights").write_text(name)
        library.keep(Entry(name=name, role=role, content=content, files=record_folder(content)))
    return library


def flags(library: Library, *more: str) -> list[str]:
    state = library.folder.parent / "state"
    return ["--state-folder", str(state), "--models-folder", str(library.folder), *more]


def test_what_the_library_holds_is_used_by_itself(library: Library) -> None:
    engine = read_config(flags(library), {}).engine
    assert engine.model_folders == (("brush", library.folder / "brush" / "model"),)
    assert engine.segmenter_path == library.folder / "sam" / "model"
    assert engine.tracker_folder == library.folder / "sam2" / "model"
    assert (engine.grounder_folder, engine.critic_folder) == (None, None)
    assert engine.models_folder == library.folder


def test_a_name_or_a_path_wins(library: Library, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    given = flags(library, "--segmenter", "sam", "--tracker", str(tmp_path / "mine"))
    engine = read_config([*given, "--model", f"brush={tmp_path / 'mine'}"], {}).engine
    assert engine.segmenter_path == library.folder / "sam" / "model"
    assert engine.tracker_folder == tmp_path / "mine"
    assert engine.model_folders == (("brush", tmp_path / "mine"),)
    by_environment = {"VIA_MODELS_FOLDER": str(library.folder), "VIA_DTYPE": "float16"}
    engine = read_config(["--state-folder", str(tmp_path)], by_environment).engine
    assert (engine.tracker_folder, engine.dtype) == (library.folder / "sam2" / "model", "float16")


def test_what_is_not_there_is_told(library: Library) -> None:
    with pytest.raises(StartError, match=r"--grounder dino: nothing is there.*via models ls"):
        read_config(flags(library, "--grounder", "dino"), {})


def test_a_pickled_file_is_not_opened_by_a_server(library: Library, tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(1)}, tmp_path / "sam.safetensors")
    with pytest.raises(StartError, match="via models add NAME"):
        read_config(flags(library, "--segmenter", str(tmp_path / "sam.safetensors")), {})
