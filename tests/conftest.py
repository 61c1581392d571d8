"""Fixtures shared by all tests: where real files lie, and what may be missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# A loaded machine is slow, which says nothing about the code.
settings.register_profile("via", deadline=None)
# `pytest --hypothesis-profile=thorough` runs every property test 5,000 times.
settings.register_profile("thorough", settings.get_profile("via"), max_examples=5000)
settings.load_profile("via")

# Models that whoever runs the tests has fetched are none of theirs.
os.environ["XDG_DATA_HOME"] = "/nonexistent/via-tests"

# Of several workers each gets its share of the cores; torch would give all of them to each.
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if _WORKERS > 1:
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // _WORKERS)))

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "") not in {"", "0", "false"}


def require_program(name: str) -> str:
    """Path of a program the test set-up installs; outside CI its absence skips, saying why."""
    found = shutil.which(name)
    if found is None and IN_CI:
        pytest.fail(f"{name} is missing, and the CI set-up promises it; see .ci/run")
    if found is None:
        pytest.skip(f"{name} is not installed on this machine")
    return found


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """Folder of real clips that nobody in this project made, beside the checkout."""
    folder = Path(os.environ.get("VIA_SHARED_MEDIA", ROOT.parent / "shared" / "media"))
    if not folder.is_dir():
        pytest.skip(f"real clips are not here: {folder} (set VIA_SHARED_MEDIA)")
    return folder


@pytest.fixture(scope="session")
def shared_timelines(shared_media: Path) -> Path:
    """Folder of real timelines from other programs."""
    return shared_media.parent / "timelines"


@pytest.fixture(scope="session")
def ffprobe() -> str:
    """Path of ffprobe, the oracle that shares no code path with ours."""
    return require_program("ffprobe")


@pytest.fixture(scope="session")
def node() -> str:
    """Path of Node.js, for the client in another language."""
    require_program("npm")
    return require_program("node")
