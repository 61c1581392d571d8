"""The user's models: added as they lie or converted once, verified, converted, removed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.via_engine.models.mgie_folder import reference_parts, write_mgie_folder
from tests.via_engine.models.tiny_pipeline import write_tiny_pipeline
from tests.via_engine.weights.test_weight_file import torch_zip
from via_engine.errors import (
    LicenceError,
    ModelError,
    ModelIntegrityError,
    RequestError,
    UnknownModelError,
)
from via_engine.models.__main__ import main
from via_engine.models.catalog import read_card
from via_engine.models.library.adding import Addition, add, convert_entry
from via_engine.models.library.layouts import Wish, write_layout
from via_engine.models.library.library import Library
from via_engine.models.library.manifest import Role
from via_engine.starter.bundle import packaged_folder
from via_engine.weights.file_kind import FileKind, kind_of

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_pipeline(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models")


def pickled(folder: Path, target: Path) -> Path:
    """The folder with its weights as torch files, as pipelines of 2023 have them."""
    copy = Path(shutil.copytree(folder, target))
    for path in copy.rglob("*.safetensors"):
        is_diffusion = path.name.startswith("diffusion")
        name = "diffusion_pytorch_model.bin" if is_diffusion else "pytorch_model.bin"
        torch.save(load_file(path), path.with_name(name))
        path.unlink()
    return copy


def test_a_folder_of_safetensors_stays_where_it_lies(pipeline: Path, library: Library) -> None:
    entry = add(library, Addition(name="mine", path=pipeline, licence="OpenRAIL-M"))
    assert (entry.role, entry.content, entry.licence) == (Role.EDITOR, pipeline, "OpenRAIL-M")
    assert library.entries() == (entry,)
    assert entry.files[UNET].sha256 == hashlib.sha256((pipeline / UNET).read_bytes()).hexdigest()
    assert library.remove("mine") == 0
    assert (pipeline / UNET).is_file()
    assert library.entries() == ()


def test_a_pickled_pipeline_is_converted_once(
    pipeline: Path, library: Library, tmp_path: Path
) -> None:
    source = pickled(pipeline, tmp_path / "old")
    entry = add(library, Addition(name="old", path=source))
    assert entry.content.is_relative_to(library.folder)
    assert {kind_of(path) for path in entry.content.rglob("*") if "model" in path.name} >= {
        FileKind.SAFETENSORS
    }
    assert not list(entry.content.rglob("*.bin"))
    for part in (UNET, "text_encoder/model.safetensors"):
        expected, found = load_file(pipeline / part), load_file(entry.content / part)
        assert expected.keys() == found.keys()
        assert all(torch.equal(value, found[name]) for name, value in expected.items())
    assert library.remove("old") == entry.size_bytes > 0
    assert not (library.folder / "old").exists()


def test_what_lies_elsewhere_can_be_made_the_librarys_own(pipeline: Path, library: Library) -> None:
    add(library, Addition(name="mine", path=pipeline))
    entry = convert_entry(library, "mine")
    assert entry.content.is_relative_to(library.folder)
    assert load_file(entry.content / UNET).keys() == load_file(pipeline / UNET).keys()
    with pytest.raises(RequestError, match="converted already"):
        convert_entry(library, "mine")


def test_a_malicious_checkpoint_is_refused_in_its_own_process(
    library: Library, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    (tmp_path / "sam_vit_b_01ec64.pth").write_bytes(torch_zip(canary))
    with pytest.raises(ModelError, match="more than tensors"):
        add(library, Addition(name="sam", path=tmp_path / "sam_vit_b_01ec64.pth"))
    assert not canary.exists()
    assert list(library.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            {"decoder.weight": torch.ones(1)},
            "expected the tensors.*found 1, such as decoder.weight",
        ),
        ({"transformer.level_embed": torch.ones(1)}, r"width 0; expected SwinT \(96\)"),
    ],
)
def test_another_architecture_is_named(
    tmp_path: Path, content: dict[str, torch.Tensor], told: str
) -> None:
    save_file(content, tmp_path / "what.pth")
    with pytest.raises(ModelError, match=told):
        write_layout(Wish(source=tmp_path / "what.pth", target=tmp_path))


def test_a_folder_of_nothing_is_told_what_was_expected_and_found(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ModelError, match=r"expected a diffusers folder.*found notes\.txt"):
        write_layout(Wish(source=tmp_path, target=tmp_path))


def harm(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[:-10])
    elif how == "altered":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    else:
        path.unlink()


@pytest.mark.parametrize("how", ["cut", "altered", "gone"])
def test_a_harmed_file_is_refused_with_both_hashes(
    pipeline: Path, library: Library, tmp_path: Path, how: str
) -> None:
    copy = Path(shutil.copytree(pipeline, tmp_path / "copy"))
    entry = add(library, Addition(name="mine", path=copy))
    library.check(copy)
    harm(copy / UNET, how)
    expected = entry.files[UNET].sha256
    with pytest.raises(ModelIntegrityError, match=expected) as refused:
        library.check(copy)
    assert refused.value.reason == "MODEL_INTEGRITY"
    if how != "gone":
        found = hashlib.sha256((copy / UNET).read_bytes()).hexdigest()
        assert f"found {found}" in str(refused.value)


def test_a_file_altered_in_secret_is_found_by_a_thorough_look(
    pipeline: Path, library: Library, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(pipeline, tmp_path / "copy"))
    entry = add(library, Addition(name="mine", path=copy))
    before = (copy / UNET).stat()
    harm(copy / UNET, "altered")
    os.utime(copy / UNET, ns=(before.st_atime_ns, before.st_mtime_ns))
    entry.check()
    with pytest.raises(ModelIntegrityError, match="altered"):
        entry.check(thorough=True)


def test_mgie_needs_its_licence_accepted(tmp_path: Path, library: Library) -> None:
    folder = write_mgie_folder(tmp_path / "mgie", reference_parts())
    with pytest.raises(LicenceError, match=r"research only.*--accept-noncommercial"):
        add(library, Addition(name="mgie", path=folder))
    assert library.entries() == ()


def test_mgie_is_laid_out_with_what_it_borrows(
    tmp_path: Path, library: Library, pipeline: Path
) -> None:
    folder = write_mgie_folder(tmp_path / "mgie", reference_parts())
    torch.save(load_file(pipeline / UNET), folder / "unet.pt")
    addition = Addition(name="mgie", path=folder, base=pipeline, accept_noncommercial=True)
    entry = add(library, addition)
    assert (entry.role, entry.commercial_use) == (Role.EDITOR, False)
    assert not [path for path in entry.content.rglob("*") if path.suffix in (".bin", ".pt")]
    card = read_card("mgie", entry.content)
    assert (card.kind, card.accept_noncommercial) == ("mgie", True)


@pytest.mark.parametrize("name", ["../x", "", "a/b", "-x", "x" * 65])
def test_names_that_are_no_folder_names_are_refused(library: Library, name: str) -> None:
    with pytest.raises(RequestError, match="cannot be called"):
        library.place(name)


def test_unknown_names_are_answered_with_the_known_ones(pipeline: Path, library: Library) -> None:
    add(library, Addition(name="mine", path=pipeline))
    with pytest.raises(UnknownModelError, match=r"'your'; there are: mine"):
        library.entry("your")


def test_the_command_lists_adds_verifies_and_removes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIA_MODELS_FOLDER", str(tmp_path / "models"))
    assert main(["add", "cutter", str(packaged_folder("segmenter")), "--json"]) == 0
    added = json.loads(capsys.readouterr().out)
    assert (added["name"], added["role"]) == ("cutter", "segmenter")
    assert main(["ls", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in listed["models"]] == ["cutter"]
    assert "instruct-pix2pix" in [one["name"] for one in listed["known"]]
    assert main(["verify"]) == 0
    assert "files as recorded" in capsys.readouterr().out
    assert main(["rm", "cutter"]) == 0
    capsys.readouterr()
    assert main(["verify", "cutter", "--json"]) == 2
    problem = json.loads(capsys.readouterr().err)["error"]
    assert (problem["reason"], problem["exit_code"]) == ("MODEL_UNKNOWN", 2)
    assert main(["add", "x", str(tmp_path / "gone")]) == 2
    assert "nothing is there" in capsys.readouterr().err
