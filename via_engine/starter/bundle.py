"""The packaged starter models, checked before anyone loads them. Light: imports no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from via_engine.errors import ModelIntegrityError

RECORD_NAME = "training.json"
_WEIGHTS = Path(__file__).parent / "weights"
_READ_BYTES = 1 << 20


def starter_editor_folder() -> Path:
    """Folder of the packaged editor, every weight file checked against its recorded SHA-256.

    Raises `ModelIntegrityError` when a file is missing or altered.
    """
    return checked_folder(_WEIGHTS / "editor")


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
    except (ValueError, KeyError, TypeError) as error:
        raise ModelIntegrityError(
            f"starter training record {record} cannot be read. {_REMEDY}"
        ) from error
    return {str(name): str(value) for name, value in listed.items()}


_REMEDY = "Install the package again, or restore the file from the repository."
