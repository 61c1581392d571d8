"""The packaged weights are checked, and an altered copy is refused by name."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from via_engine.errors import ModelIntegrityError
from via_engine.starter.bundle import checked_folder, rewritten, sha256_of, starter_folder

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


def test_packaged_editor_is_whole() -> None:
    folder = starter_folder("editor")
    assert (folder / "model_index.json").is_file()
    assert json.loads((folder / "via_model.json").read_text())["name"] == "starter"
    size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size_bytes < 60_000_000


def test_altered_file_is_named_with_its_hash(tmp_path: Path) -> None:
    copy = tmp_path / "editor"
    shutil.copytree(starter_folder("editor"), copy)
    expected = sha256_of(copy / WEIGHTS)
    with (copy / WEIGHTS).open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff\x00\xff")
    with pytest.raises(ModelIntegrityError) as caught:
        checked_folder(copy)
    assert WEIGHTS in str(caught.value)
    assert expected in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    copy = tmp_path / "editor"
    shutil.copytree(starter_folder("editor"), copy)
    (copy / WEIGHTS).unlink()
    with pytest.raises(ModelIntegrityError, match="missing"):
        checked_folder(copy)


def test_missing_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelIntegrityError, match="training record"):
        checked_folder(tmp_path)


@pytest.mark.parametrize("hashes", ["[]", "null", "{}"])
def test_a_record_without_hashes_is_refused(tmp_path: Path, hashes: str) -> None:
    (tmp_path / "training.json").write_text(f'{{"sha256": {hashes}}}')
    with pytest.raises(ModelIntegrityError, match=r"training\.json"):
        checked_folder(tmp_path)


@pytest.mark.parametrize("interrupted", [1, 2])
def test_an_interruption_while_folders_change_places_keeps_the_former(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted: int
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("former")
    rename, calls = Path.rename, []

    def interrupt(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) == interrupted:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupt)
    with pytest.raises(KeyboardInterrupt), rewritten(tmp_path / "model") as fresh:
        (fresh / "weights").write_text("fresh")
    assert (tmp_path / "model" / "weights").read_text() == "former"
    assert [one.name for one in tmp_path.iterdir()] == ["model"]


def test_bundle_loads_no_torch() -> None:
    code = "import sys, via_engine.starter.bundle; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
