"""Movies whose every picture says its number, and a way to ask the bridge's calls."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from resolve_scripts.in_resolve.calls import answer
from resolve_scripts.in_resolve.host import Host
from tests.resolve_scripts.fake_resolve import frames
from tests.resolve_scripts.fake_resolve.build import FakeResolve

SIZE = (64, 36)
STEP = 5  # grey levels between neighbouring pictures: an encoder loses up to two of them

Movie = Callable[..., Path]


@pytest.fixture(scope="session")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Movie:
    """Makes movies: `movie("24", 48)`; each picture says its number, modulo 50, in grey."""
    folder = tmp_path_factory.mktemp("movies")
    made: dict[tuple[str, int, str], Path] = {}

    def make(rate: str = "24", count: int = 48, timecode: str = "") -> Path:
        key = (rate, count, timecode)
        if key not in made:
            made[key] = folder / f"{rate}_{count}_{len(made)}.mov"
            _write(made[key], frames.rate(rate), count, timecode)
        return made[key]

    return make


def _write(path: Path, rate: Fraction, count: int, timecode: str) -> None:
    with av.open(str(path), "w") as container:
        if timecode:
            container.metadata["timecode"] = timecode
        stream = container.add_stream("prores_ks", rate=rate)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv422p10le"
        for number in range(count):
            level = STEP * (number % 50) + STEP - 1
            picture = Image.new("RGB", SIZE, (level, level, level))
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())


def numbers_in(path: Path) -> list[int]:
    """The numbers that the pictures of a file say, whoever encoded them."""
    with av.open(str(path)) as container:
        levels = [np.asarray(one.to_image()).mean() for one in container.decode(video=0)]
    return [int(level / STEP) for level in levels]


def ask(fake: FakeResolve, call: str, **arguments: Any) -> dict[str, Any]:
    """Carries out one call of the bridge without waiting."""
    host = Host(sleep=lambda _s: None, tell=lambda _p: None, say=print, is_cancelled=lambda: False)
    return answer(fake.resolve, call, arguments, host)


def place(
    fake: FakeResolve, clip_id: str, path: Path, start: int, count: int, **more: Any
) -> dict[str, Any]:
    """Places a result with some tags."""
    tags = {"job": "jobs/1", "instruction": "make it night", "seed": 3, "version": 1}
    return ask(
        fake,
        "place_clip",
        **{
            "id": clip_id,
            "path": str(path),
            "record_start_frame": start,
            "frame_count": count,
            "tags": tags,
            **more,
        },
    )
