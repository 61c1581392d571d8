"""The packaged starter models: written with a record, checked before anyone loads them.

Light: imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from via_engine.errors import ModelIntegrityError

StarterModel = Literal["editor", "segmenter", "grounder", "critic", "conditioner"]
Record = dict[str, str | int | float]
RECORD_NAME = "training.json"
_WEIGHTS = Path(__file__).parent / "weights"
_READ_BYTES = 1 << 20


def starter_folder(model: StarterModel) -> Path:
    """Folder of a packaged model, every weight file checked against its recorded SHA-256.

    Raises `ModelIntegrityError` when a file is missing or altered.
    """
    return checked_folder(packaged_folder(model))


def packaged_folder(model: StarterModel) -> Path:
    """Where a packaged model lies, or will lie; nothing is checked."""
    return _WEIGHTS / model


@contextmanager
def rewritten(folder: Path) -> Iterator[Path]:
    """A fresh folder to fill, which takes the place of `folder` in one motion at the end.

    An error or an interruption leaves the former folder as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as scratch:
        fresh = Path(scratch) / folder.name
        fresh.mkdir()
        yield fresh
        former = Path(scratch) / "former"
        try:
            if folder.exists():
                folder.rename(former)
            fresh.rename(folder)
        except BaseException:
            if former.exists() and not folder.exists():
                former.rename(folder)
            raise


def write_record(folder: Path, records: Mapping[str, Record]) -> None:
    """Put `training.json` beside the weights: what each part's training was, and SHA-256s."""
    hashes = {
        str(path.relative_to(folder).as_posix()): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != RECORD_NAME
    }
    (folder / RECORD_NAME).write_text(json.dumps({**records, "sha256": hashes}, indent=2) + "\n")
    for path in folder.rglob("*.safetensors"):
        # safetensors keeps its files to their owner; an installed package is for everyone.
        path.chmod(0o644)


def checked_folder(folder: Path) -> Path:
    """The folder, once every file its training record lists is there and unaltered."""
    for name, expected in _recorded_hashes(folder).items():
        path = folder / name
        if not path.is_file():
            raise ModelIntegrityError(
                f"starter weight file {path} is missing; expected SHA-256 {expected}. {_REMEDY}"
            )
        found = sha256_of(path)
        if found != expected:
            raise ModelIntegrityError(
                f"starter weight file {path} is altered; expected SHA-256 {expected}, "
                f"found {found}. {_REMEDY}"
            )
    return folder


def read_record(folder: Path) -> dict[str, Record]:
    """What `write_record` was given for a packaged folder."""
    recorded: dict[str, Record] = json.loads((folder / RECORD_NAME).read_text())
    return {name: record for name, record in recorded.items() if name != "sha256"}


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _recorded_hashes(folder: Path) -> Mapping[str, str]:
    record = folder / RECORD_NAME
    if not record.is_file():
        raise ModelIntegrityError(f"starter training record {record} is missing. {_REMEDY}")
    try:
        listed = json.loads(record.read_text())["sha256"]
        hashes = {str(name): str(value) for name, value in listed.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelIntegrityError(
            f"starter training record {record} cannot be read. {_REMEDY}"
        ) from error
    if not hashes:
        raise ModelIntegrityError(f"starter training record {record} lists no file. {_REMEDY}")
    return hashes


_REMEDY = "Install the package again, or restore the file from the repository."
