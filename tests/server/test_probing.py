"""Looking into files, hostile ones too, from a process that may be lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.probing import MediaProber
from via_engine.errors import MediaUnreadableError


@pytest.fixture
def prober() -> Iterator[MediaProber]:
    prober = MediaProber(timeout_s=20.0)
    yield prober
    prober.close()


def frame_count(prober: MediaProber, path: Path) -> int:
    return asyncio.run(prober.probe(path)).frame_count


def test_real_clips_show_what_they_hold(prober: MediaProber, shared_media: Path) -> None:
    assert frame_count(prober, shared_media / "wolf.mp4") == 40
    assert frame_count(prober, shared_media / "man-skiing.mp4") == 91


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_read(
    media_folder: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "endless.mp4"
    os.mkfifo(pipe)
    # Whoever opens the pipe to read waits for a writer, which never comes.
    prober = MediaProber(timeout_s=0.05)
    with pytest.raises(MediaUnreadableError, match=r"0\.05 seconds"):
        frame_count(prober, pipe)
    prober.close()


def test_a_file_that_brings_its_reader_down_is_named_and_the_next_one_read(
    prober: MediaProber, media_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert frame_count(prober, media_folder / "clip.mp4") == 48
    process = prober._process
    assert process is not None and process.process_id is not None
    process_id, send = process.process_id, process.send

    def send_and_kill(message: object) -> None:
        # Stopped first, it cannot answer before it dies; killed later, it is alive when asked.
        os.kill(process_id, signal.SIGSTOP)
        send(message)
        os.kill(process_id, signal.SIGKILL)

    monkeypatch.setattr(process, "send", send_and_kill)
    with pytest.raises(MediaUnreadableError, match="exit code -9"):
        frame_count(prober, media_folder / "clip.mp4")
    assert frame_count(prober, media_folder / "clip.mp4") == 48
