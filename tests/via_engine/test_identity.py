"""Identity edits: what goes in comes out, counted and compared by stock decoders."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.via_engine.picture.clips import REAL_CLIPS, probed_stream, write_clip
from via_engine.config import EngineConfig
from via_engine.edit_events import EditResult, Stage, StageStarted
from via_engine.edit_request import EditRequest
from via_engine.editor import VideoEditor
from via_engine.media_types import FrameRange, OutputFormat
from via_engine.picture.planes import plane_samples
from via_engine.picture.probe import probe_media
from via_engine.picture.rate import matroska_keeps

LOSSLESS = OutputFormat.FFV1_MKV
PRORES = OutputFormat.PRORES_422_HQ_MOV
# Codes of 1,023: ProRes HQ of the real clips stays below this on average.
PRORES_LUMA_LOSS = 3.0

Planes = list[NDArray[np.int32]]


@pytest.fixture(scope="module")
def editor() -> VideoEditor:
    return VideoEditor(EngineConfig(device="cpu", batch_frames=2, chunk_frames=3))


def passed_through(
    editor: VideoEditor,
    clip: Path,
    folder: Path,
    frames: FrameRange,
    kind: OutputFormat,
    **options: int,
) -> EditResult:
    media = probe_media(clip)
    request = EditRequest(
        media_path=clip,
        media_identity=media.identity,
        frame_range=frames,
        group_range=None,
        identity=True,
        instruction="",
        model="",
        seed=0,
        steps=1,
        guidance_scale=1,
        image_guidance_scale=1,
        output_format=kind,
        work_folder=folder,
        **options,
    )
    *events, result = editor.edit(request, lambda: False)
    stages = [event.stage for event in events if isinstance(event, StageStarted)]
    assert stages == [Stage.SWAP, Stage.ASSEMBLE]
    assert isinstance(result, EditResult)
    return result


def decoded(path: Path, frames: FrameRange) -> list[tuple[str, Planes]]:
    """Pixel format and planes as stored, by counting from the beginning."""
    with av.open(path) as container:
        pictures = container.decode(video=0)
        return [
            (
                picture.format.name,
                [
                    plane_samples(plane, picture.format.components[0].bits).astype(np.int32)
                    for plane in picture.planes[:3]
                ],
            )
            for picture in islice(pictures, frames.start_frame, frames.end_frame_exclusive)
        ]


def full_range(plane: NDArray[np.int32], *, is_luma: bool) -> NDArray[np.int32]:
    """Limited-range codes of 10 bits as full-range codes of 8, as BT.601 defines both."""
    if is_luma:
        return np.rint((plane - 64) * 255 / 876).astype(np.int32)
    return np.rint((plane - 512) * 255 / 896 + 128).astype(np.int32)


# Matroska has no time fine enough for the rate of realshort.mp4.
@pytest.mark.parametrize("name", [name for name in REAL_CLIPS if name != "realshort.mp4"])
def test_lossless_frames_of_real_clips_are_the_stored_samples(
    editor: VideoEditor, shared_media: Path, tmp_path: Path, ffprobe: str, name: str
) -> None:
    clip = shared_media / name
    frames = FrameRange(5, 12)
    result = passed_through(editor, clip, tmp_path, frames, LOSSLESS)
    after = decoded(result.path, FrameRange(0, 99))
    before = decoded(clip, frames)
    assert len(after) == len(before) == frames.frame_count
    for (_, ours), (kind, stored) in zip(after, before, strict=True):
        for index, (our_plane, stored_plane) in enumerate(zip(ours, stored, strict=True)):
            is_full = kind.startswith("yuvj")
            found = full_range(our_plane, is_luma=index == 0) if is_full else our_plane
            np.testing.assert_array_equal(found, stored_plane)
    assert probed_stream(ffprobe, result.path)["codec_name"] == "ffv1"
    assert editor.loaded_models() == ()


def test_prores_differs_by_its_own_loss_only(
    editor: VideoEditor, shared_media: Path, tmp_path: Path
) -> None:
    clip = shared_media / "wolf.mp4"
    frames = FrameRange(33, 40)
    result = passed_through(editor, clip, tmp_path, frames, PRORES)
    after, before = decoded(result.path, FrameRange(0, 99)), decoded(clip, frames)
    for (_, ours), (_, stored) in zip(after, before, strict=True):
        assert np.abs(ours[0] - 4 * stored[0]).mean() < PRORES_LUMA_LOSS


@pytest.mark.parametrize("pixel_format", ["yuvj422p", "rgb24", "yuv422p10le", "yuv444p"])
def test_other_layouts_come_back_without_loss(
    editor: VideoEditor, tmp_path: Path, pixel_format: str
) -> None:
    codecs = {"yuvj422p": "mjpeg", "rgb24": "png", "yuv422p10le": "ffv1", "yuv444p": "ffv1"}
    suffix = ".mov" if pixel_format == "rgb24" else ".mkv"
    clip = write_clip(
        tmp_path / f"clip{suffix}",
        5,
        codec=codecs[pixel_format],
        pixel_format=pixel_format,
        options={},
    )
    result = passed_through(editor, clip, tmp_path, FrameRange(0, 5), LOSSLESS)
    with av.open(clip) as before, av.open(result.path) as after:
        for stored, ours in zip(before.decode(video=0), after.decode(video=0), strict=True):
            assert np.array_equal(as_8_bit_rgb(stored), as_8_bit_rgb(ours))


def as_8_bit_rgb(picture: av.VideoFrame) -> NDArray[np.uint8]:
    """FFmpeg's own conversion, accurate rounding on."""
    full_444 = picture.reformat(format="gbrp16le", interpolation="ACCURATE_RND")
    planes = [np.frombuffer(plane, np.uint16) for plane in full_444.planes]
    return np.rint(np.stack(planes) / 257).astype(np.uint8)


def test_rate_and_timecode_are_kept(editor: VideoEditor, tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    clip = write_clip(tmp_path / "clip.mov", 8, rate=rate, timecode="00:59:59;28")
    result = passed_through(editor, clip, tmp_path, FrameRange(3, 7), LOSSLESS)
    media = probe_media(result.path)
    assert (media.frame_rate, media.frame_count) == (rate, 4)
    assert media.start_timecode == "01:00:00;01"


@pytest.mark.parametrize("kind", [LOSSLESS, PRORES])
def test_a_held_frame_has_its_samples_and_a_timecode_that_counts_on(
    editor: VideoEditor, tmp_path: Path, ffprobe: str, kind: OutputFormat
) -> None:
    clip = write_clip(tmp_path / "clip.mov", 8, timecode="01:00:00:00")
    result = passed_through(editor, clip, tmp_path, FrameRange(5, 6), kind, hold_frames=30)
    media, pictures = probe_media(result.path), decoded(result.path, FrameRange(0, 99))
    assert (media.frame_count, result.frame_count, len(pictures)) == (30, 30, 30)
    assert int(probed_stream(ffprobe, result.path, "-count_frames")["nb_read_frames"]) == 30
    passed_through(editor, clip, tmp_path, FrameRange(5, 6), kind)
    [(_, alone)] = decoded(result.path, FrameRange(0, 99))
    for _, planes in pictures:
        assert all(np.array_equal(ours, plane) for ours, plane in zip(planes, alone, strict=True))
    assert media.start_timecode == "01:00:00:05"


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "60000/1001", "24", "25", "50", "12"])
def test_matroska_keeps_the_rates_it_is_trusted_with(tmp_path: Path, rate: str) -> None:
    exact = Fraction(rate)
    assert matroska_keeps(exact)
    clip = write_clip(tmp_path / "clip.mkv", 50, codec="ffv1", rate=exact, options={})
    assert probe_media(clip).frame_rate == exact


def test_matroska_is_not_trusted_with_odd_rates() -> None:
    assert not matroska_keeps(Fraction(45000, 1499))
