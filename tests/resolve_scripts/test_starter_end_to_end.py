"""The command, the server and the packaged models together, on a clip whose truth is known."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest

from tests.resolve_scripts.conftest import ROOT
from tests.resolve_scripts.timelines import time_range
from via_engine.media_types import ColourTags, FrameRange, OutputFormat
from via_engine.picture.decode import read_frames
from via_engine.picture.encode import ClipGeometry, write_chunk
from via_engine.picture.probe import probe_media
from via_engine.starter.world.render import object_mask, render_frame
from via_engine.starter.world.scene import demo_scene

FRAMES, WIDTH, HEIGHT = 4, 256, 144
# ProRes of what is the source's own sample for sample; the edit itself is far above.
CODEC_LOSS = 0.01

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's scene: a red ball among others."""
    folder = tmp_path_factory.mktemp("starter")
    pictures = (
        render_frame(demo_scene(), frame, width=WIDTH, height=HEIGHT).astype(np.float32) / 255
        for frame in range(FRAMES)
    )
    geometry = ClipGeometry(
        width=WIDTH,
        height=HEIGHT,
        frame_rate=Fraction(24),
        sample_aspect_ratio=Fraction(1),
        colour=ColourTags(primaries=1, transfer=1, matrix=1, full_range=False),
    )
    frames, codec = FrameRange(0, FRAMES), OutputFormat.PRORES_422_HQ_MOV
    chunk = write_chunk(folder, 0, frames, pictures, geometry, codec)
    return chunk.path.rename(folder / "shot.mov")


@pytest.fixture(scope="module")
def via(clip: Path) -> Iterator[Command]:
    """Runs `via` with a server of its own that stays for all tests here."""
    state = clip.parent / "state"
    options = ["--state-folder", str(state), "--media-root", f"clips={clip.parent}"]
    command = [sys.executable, "-W", "ignore", "-m", "server", "--device", "cpu", *options]
    environment = {**os.environ, "VIA_STATE_FOLDER": str(state)}
    environment.pop("VIA_SERVER", None)

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "resolve_scripts.cli", *(str(each) for each in arguments)],
            env=environment, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip

    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        json.loads(server.stdout.readline())
        yield run
        server.terminate()


def test_a_plan_is_computed_until_the_model_has_run(via: Command, clip: Path) -> None:
    """The first test here: the server has not edited yet."""
    timeline = otio.schema.Timeline("cut")
    media = otio.schema.ExternalReference(clip.name, time_range(0, FRAMES))
    shot = otio.schema.Clip("shot", media, time_range(0, 2))
    timeline.tracks.append(otio.schema.Track("V1", [shot]))
    path = clip.with_name("cut.otio")
    otio.adapters.write_to_file(timeline, str(path))
    batch = ("batch", path, "--instruction", "make it night", "--steps", "2", "--dry-run")
    told = via(*batch)
    assert told.returncode == 0, told.stderr
    assert "~0:" in told.stdout and "MiB" in told.stdout and "?" not in told.stdout, told.stdout
    assert "estimated, not yet measured" in told.stderr + told.stdout
    (before,) = json.loads(via(*batch, "--json").stdout)["clips"]
    assert before["estimated_s"] > 0 and not before["is_measured"]
    out = clip.with_name("night.mov")
    done = via("edit", clip, "make it night", "--steps", "2", "--range", "0:1", "-o", out)
    assert done.returncode == 0, done.stderr
    (after,) = json.loads(via(*batch, "--json").stdout)["clips"]
    assert after["is_measured"] and "~" not in via(*batch).stdout
    # A machine that does other things too is measured at one moment and works at another.
    assert 1 / 10 < after["estimated_s"] / before["estimated_s"] < 10
    assert 1 / 2 < after["estimated_memory_bytes"] / before["estimated_memory_bytes"] < 2


def test_an_adapted_edit_in_a_box_changes_nothing_outside(via: Command, clip: Path) -> None:
    ball = object_mask(demo_scene(), 0, 0, width=WIDTH, height=HEIGHT)
    rows, columns = np.nonzero(ball)
    box = f"{columns.min()},{rows.min()},{columns.max() + 1},{rows.max() + 1}@0"
    adapter, out = clip.with_name("look.safetensors"), clip.with_name("out.mov")
    done = via(
        "edit", clip, "make the red ball blue", "--box", box, "--dilate", "2", "--feather", "2",
        "--steps", "3", "--adapt-steps", "2", "--roots", "1", "--save-adapter", adapter,
        "-o", out, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["adapter"]["sha256"] == hashlib.sha256(adapter.read_bytes()).hexdigest()
    assert told["mask"]["frames_with_subject"] >= 1
    assert {"mask", "adapt", "gather", "swap"} <= told["stage_seconds"].keys()
    source, edited = (
        np.stack(list(read_frames(probe_media(path), FrameRange(0, FRAMES))))
        for path in (clip, out)
    )
    # It moves a few pixels in these frames; the mask follows it and grows by four.
    far = np.ones_like(ball)
    far[
        max(0, rows.min() - 30) : rows.max() + 30, max(0, columns.min() - 30) : columns.max() + 30
    ] = False
    difference = np.abs(edited - source)[:, far]
    assert far.any() and difference.mean() < CODEC_LOSS


def test_what_is_in_no_frame_is_told_and_nothing_is_rendered(via: Command, clip: Path) -> None:
    before = sorted(clip.parent.glob("*"))
    done = via("edit", clip, "make the ball blue", "--find", "piano", "--json")
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert (done.returncode, error["reason"]) == (1, "SUBJECT_NOT_FOUND"), done.stderr
    assert "piano" in error["message"] and "--global" in error["message"]
    assert sorted(clip.parent.glob("*")) == before


def test_roots_are_proposed_on_a_sheet(via: Command, clip: Path) -> None:
    done = via("edit", clip, "make the red ball blue", "--steps", "3", "--roots", "2", "--pick")
    assert done.returncode == 2, done.stderr
    assert clip.with_name("shot_via_roots_v001.png").read_bytes().startswith(b"\x89PNG")
    assert done.stderr.count("score") == 2
    assert "--root-choice" in done.stderr.splitlines()[-1]
