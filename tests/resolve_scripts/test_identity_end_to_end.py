"""Identity batches of real timelines by the real engine: the conformed cut is the program.

Which media frame a viewer sees at a record frame is told by the slow walk of the mapping's own
tests; the pictures are compared as FFmpeg decodes both files, counted from their beginnings.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import av
import numpy as np
import opentimelineio as otio
import pytest
from PIL import Image

from tests.resolve_scripts.conftest import ROOT
from tests.resolve_scripts.timeline.slow_walk import RATES, Instant, plain, seen
from tests.resolve_scripts.timelines import read, time_range
from tests.via_engine.picture.clips import probed_stream
from tests.via_engine.test_identity import full_range
from via_engine.picture.planes import plane_samples

Command = Callable[..., subprocess.CompletedProcess[str]]
STILL_LOSS = 4.0  # codes of 255: ProRes, and chroma of half the width
BART, PSR63 = "BART_2021-02-07.m4v", "PSR63_2012-06-02.mov"


@pytest.fixture(scope="module")
def cuts(shared_media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A writable copy of the real timelines and their media."""
    folder = tmp_path_factory.mktemp("cuts")
    shutil.copytree(shared_media / "tlrender", folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def via(cuts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """Runs `via` against a real server that reads the cuts in place."""
    state = tmp_path_factory.mktemp("state")
    options = ["--listen", "127.0.0.1:0", "--state-folder", state, "--media-root", f"cuts={cuts}"]
    command = [sys.executable, "-m", "server", *map(str, options)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]

        def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
            own = [sys.executable, "-m", "resolve_scripts.cli", *map(str, arguments)]
            return subprocess.run(
                [*own, "--server", address], cwd=ROOT, capture_output=True, text=True, check=False
            )

        yield run
        process.terminate()
        assert process.wait(60) == 0


@cache
def pictures(path: Path) -> list[str]:
    """Digest of every picture of a movie, full range turned into what lossless renders hold."""
    with av.open(str(path)) as container:
        return [digest(picture) for picture in container.decode(video=0)]


def digest(picture: av.VideoFrame) -> str:
    bits = picture.format.components[0].bits
    planes = [plane_samples(plane, bits).astype(np.int32) for plane in picture.planes[:3]]
    if bits == 10:  # a render of full-range 8-bit media
        planes = [full_range(each, is_luma=index == 0) for index, each in enumerate(planes)]
    return hashlib.sha256(b"".join(each.tobytes() for each in planes)).hexdigest()


def numbered(reference: otio.schema.ImageSequenceReference, folder: Path) -> list[str]:
    """Digest of every picture of a sequence."""
    available = reference.available_range
    urls = [reference.target_url_for_image_number(n) for n in range(int(available.duration.value))]
    return [pictures(folder / url)[0] for url in urls]


def shown(timeline: otio.schema.Timeline, folder: Path) -> list[str]:
    """Digest of the picture a viewer sees at every record frame, "" for none."""
    media = {}
    for clip in list(timeline.find_clips()):
        reference = clip.media_reference
        url = getattr(reference, "target_url", "")
        if isinstance(reference, otio.schema.ImageSequenceReference):
            url = f"{reference.target_url_base}{reference.name_prefix}"
            media[url] = numbered(reference, folder)
            # The walk knows movies; tlRender counts the time of pictures in their numbers.
            count = reference.available_range.duration.value
            numbers = time_range(reference.start_frame, count, reference.rate)
            clip.media_reference = otio.schema.ExternalReference(url, numbers)
        elif url.endswith((".m4v", ".mov", ".mkv")):
            media[url] = pictures(folder / url)
        else:  # without media nothing is seen
            track = clip.parent()
            track[track.index(clip)] = otio.schema.Gap(source_range=clip.trimmed_range())
    video = [plain(track) for track in timeline.video_tracks()]
    rate = RATES[timeline.duration().rate]
    found = []
    for frame in range(round(timeline.duration().value)):
        instant = Instant(time_s=frame / rate)
        seen_now = [each for track in video for each in seen(track, instant)]
        url, media_frame = seen_now[-1] if seen_now else ("", 0)
        found.append(media[url][media_frame] if url else "")
    return found


def identity(via: Command, timeline: Path, *options: str) -> tuple[dict, otio.schema.Timeline]:
    """The report of an identity batch, and its timeline read back."""
    done = via("batch", timeline, "--identity", "--lossless", "--json", *options)
    report = json.loads(done.stdout)
    assert done.returncode in {0, 4}, done.stderr
    return report, read(Path(report["timeline"]))


@pytest.mark.parametrize(
    ("name", "mode", "done", "asked"),
    [
        ("SingleClip", "track", 1, 1),
        ("Gap", "track", 2, 2),
        ("Markers", "track", 2, 2),
        ("Transition", "track", 2, 2),
        ("LinearTimeWarp", "track", 1, 1),
        ("LinearTimeWarp", "reference", 1, 1),
        ("LinearTimeWarp", "replace", 1, 1),
        ("MovieAndSeq", "track", 2, 2),
        ("MovieAndSeq", "reference", 2, 2),
        ("MovieAndSeq", "replace", 2, 2),
        ("MissingMedia", "track", 1, 4),
    ],
)
def test_the_conformed_cut_is_the_program_frame_for_frame(  # noqa: PLR0917 - parametrized
    via: Command, cuts: Path, ffprobe: str, name: str, mode: str, done: int, asked: int
) -> None:
    path = cuts / f"{name}.otio"
    before = path.read_bytes()
    report, result = identity(via, path, "--place", mode)
    assert path.read_bytes() == before
    assert (report["clips_done"], report["clips_asked"]) == (done, asked)
    for clip in (each for each in report["clips"] if each["done"]):
        start, end = clip["media_frames"]
        stream = probed_stream(ffprobe, Path(clip["path"]), "-count_frames")
        assert int(stream["nb_read_frames"]) == end - start
    program, conformed = shown(read(path), cuts), shown(result, cuts)
    assert result.duration() == read(path).duration()
    assert conformed == program
    assert any(program)
    renders = {clip.media_reference.target_url for clip in result.find_clips()}
    assert sum(url.endswith(".mkv") for url in renders) == done


def test_parts_of_a_clip_are_read_as_the_whole_is(via: Command, cuts: Path) -> None:
    path = cuts / "MovieAndSeq.otio"
    report, result = identity(via, path, "--range", "86:96", "--place", "replace")
    assert [clip["media_frames"] for clip in report["clips"]] == [[176, 180], [0, 6]]
    assert shown(result, cuts) == shown(read(path), cuts)


def test_dissolves_show_the_same_pictures(via: Command, cuts: Path) -> None:
    """What lies beyond the cuts is there, too: the transition shows it of either clip."""
    path = cuts / "Transition.otio"
    _, result = identity(via, path)
    (via_track,) = (track for track in result.video_tracks() if "via" in track.metadata)
    old_track = next(iter(read(path).video_tracks()))
    assert [type(each) for each in via_track] == [type(each) for each in old_track]
    transitions = [
        [
            (each.in_offset, each.out_offset)
            for each in track
            if isinstance(each, otio.schema.Transition)
        ]
        for track in (via_track, old_track)
    ]
    assert transitions[0] == transitions[1]
    for new, old in zip(via_track.find_clips(), old_track.find_clips(), strict=True):
        visible = []
        for clip in (new, old):
            seen_range = clip.parent().trimmed_range_of_child(clip)
            wide = clip.visible_range()
            first = wide.start_time - clip.media_reference.available_range.start_time
            start, count = round(first.value), round(wide.duration.value)
            assert wide.duration > seen_range.duration
            visible.append(pictures(cuts / clip.media_reference.target_url)[start : start + count])
        assert visible[0] == visible[1]
        assert len(visible[0]) == 135


def test_nested_retimed_and_mixed_rates_conform(via: Command, cuts: Path) -> None:
    """A cut of real media with what the samples lack."""
    timeline = otio.schema.Timeline("hard")
    fast, frozen, backwards = (clip_of(BART, 704, 30.0, start, 24) for start in (300, 100, 200))
    fast.effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    frozen.effects.append(otio.schema.FreezeFrame())
    backwards.effects.append(otio.schema.LinearTimeWarp(time_scalar=-1.0))
    film = clip_of(PSR63, 232, 23.976, 50, 24)
    inner = otio.schema.Track("inner", [clip_of(BART, 704, 30.0, 10, 20), film])
    nested = otio.schema.Stack("nested", [inner], source_range=time_range(5, 25, 30.0))
    under = otio.schema.Track("V1", [fast, frozen, gap(7), backwards, nested])
    over = otio.schema.Track("V2", [gap(30), clip_of(BART, 704, 30.0, 600, 12)])
    timeline.tracks.extend([under, over])
    path = cuts / "hard.otio"
    otio.adapters.write_to_file(timeline, str(path))
    report, result = identity(via, path)
    assert (report["clips_done"], report["clips_asked"]) == (6, 6), report
    assert shown(result, cuts) == shown(read(path), cuts)


def out_of_bounds(path: Path) -> list[str]:
    """The new clips that OpenTimelineIO's own tool finds fault with."""
    tool = "from opentimelineio.console.otiotool import main; main()"
    arguments = [sys.executable, "-c", tool, "--verify-media", "--verify-ranges", "-i", str(path)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=path.parent)
    lines = done.stdout.splitlines()
    assert any("_via_v" in line for line in lines), done.stdout
    return [line for line in lines if "OUT OF BOUNDS" in line or "NOT FOUND" in line]


@pytest.mark.parametrize(
    "options",
    [
        ("--place", "track"),
        ("--place", "reference"),
        ("--place", "replace"),
        ("--place", "track", "--handles", "7"),
        ("--place", "reference", "--handles", "7"),
        ("--place", "track", "--for", "resolve"),
        ("--place", "replace", "--for", "resolve", "--handles", "3"),
    ],
    ids=" ".join,
)
def test_frozen_clips_have_media_as_long_as_they_are(
    via: Command, cuts: Path, ffprobe: str, options: tuple[str, ...]
) -> None:
    frozen, stopped, under, late = (
        clip_of(BART, 704, 30.0, start, count)
        for start, count in ((100, 24), (150, 13), (300, 40), (420, 30))
    )
    frozen.effects.append(otio.schema.FreezeFrame())
    stopped.effects.append(otio.schema.LinearTimeWarp(time_scalar=0.0))
    late.effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    offset = otio.opentime.RationalTime(5, 30.0)
    dissolve = otio.schema.Transition("in", "SMPTE_Dissolve", offset, offset)
    stacks = [
        otio.schema.Stack(each.name, [each], source_range=time_range(start, count, 30.0))
        for each, start, count in ((under, 11, 50), (late, 9, 16))
    ]
    for stack in stacks:
        stack.effects.append(otio.schema.FreezeFrame())
    timeline = otio.schema.Timeline("frozen")
    runs = clip_of(BART, 704, 30.0, 10, 20)
    children = [runs, dissolve, frozen, dissolve.deepcopy(), stopped, gap(4), *stacks]
    timeline.tracks.append(otio.schema.Track("V1", children))
    path = cuts / "frozen.otio"
    otio.adapters.write_to_file(timeline, str(path))
    report, result = identity(via, path, *options)
    assert (report["clips_done"], report["clips_asked"]) == (5, 5), report
    assert shown(result, cuts) == shown(read(path), cuts)
    assert out_of_bounds(Path(report["timeline"])) == []
    for clip in result.find_clips():
        reference = clip.media_reference
        if "via" in clip.metadata:
            render = cuts / reference.target_url
            count = probed_stream(ffprobe, render, "-count_frames")["nb_read_frames"]
            assert int(count) == reference.available_range.duration.value
    for clip in report["clips"][1:]:
        start, end = clip["media_frames"]
        assert end - start == 1
        assert set(pictures(Path(clip["path"]))) == {pictures(cuts / BART)[start]}
        assert clip["frame_count"] == len(pictures(Path(clip["path"]))) > 1


@pytest.mark.parametrize("mode", ["track", "reference", "replace"])
def test_single_pictures_are_edited_once_and_held(via: Command, cuts: Path, mode: str) -> None:
    source = cuts / "Seq" / "BART_2021-02-07.0007.jpg"
    folder = cuts / f"Stills {mode}"
    folder.mkdir()
    names = ["plate.jpg", "plate.png", "wide plate.tif", "shot.0007.jpg", "plate.exr"]
    for name in names:
        with Image.open(source) as picture:
            kind = {".png": "PNG", ".tif": "TIFF"}.get(Path(name).suffix, "JPEG")
            picture.save(folder / name, format=kind, **{"quality": 97} if kind == "JPEG" else {})
    stills = [
        otio.schema.Clip(
            name,
            otio.schema.ExternalReference(f"{folder.name}/{name}", available),
            otio.opentime.TimeRange(otio.opentime.RationalTime(start, rate), length),
        )
        for name, available, start, rate, length in (
            (names[0], time_range(0, 1, 25.0), 0, 25.0, otio.opentime.RationalTime(30, 25.0)),
            (names[1], None, 0, 25.0, otio.opentime.RationalTime(10, 25.0)),
            (names[2], time_range(0, 90, 24.0), 12, 24.0, otio.opentime.RationalTime(20, 25.0)),
            (names[3], time_range(86400, 1, 25.0), 86400, 25.0, otio.opentime.RationalTime(5, 25)),
            (names[4], time_range(0, 1, 25.0), 0, 25.0, otio.opentime.RationalTime(5, 25.0)),
        )
    ]
    timeline = otio.schema.Timeline("stills")
    timeline.tracks.append(otio.schema.Track("V1", stills))
    path = cuts / f"stills_{mode}.otio"
    otio.adapters.write_to_file(timeline, str(path))
    done = via("batch", path, "--identity", "--json", "--place", mode)
    report = json.loads(done.stdout)
    assert [clip["done"] for clip in report["clips"]] == [True] * 4 + [False], done.stderr
    assert report["clips"][4]["error"]["reason"] == "STILL_NOT_SUPPORTED"
    assert [clip["frame_count"] for clip in report["clips"][:4]] == [30, 10, 20, 5]
    assert [clip["frame_rate"] for clip in report["clips"][:4]] == ["25/1", "25/1", "24/1", "25/1"]
    assert not [line for line in out_of_bounds(Path(report["timeline"])) if "_via_v" in line]
    with Image.open(source) as picture:
        wanted = np.asarray(picture.convert("RGB"), np.float32)
    for clip in report["clips"][:4]:
        with av.open(clip["path"]) as container:
            found = [each.to_ndarray(format="rgb24") for each in container.decode(video=0)]
        assert all(np.array_equal(each, found[0]) for each in found)
        assert np.abs(found[0] - wanted).mean() < STILL_LOSS


def test_a_hole_in_a_sequence_is_told_and_the_rest_is_done(via: Command, cuts: Path) -> None:
    (cuts / "Holes").mkdir()
    for number in [*range(1, 20), *range(25, 41)]:
        name = f"BART_2021-02-07.{number:04d}.jpg"
        shutil.copy(cuts / "Seq" / name, cuts / "Holes" / name)
    pictures_of = otio.schema.ImageSequenceReference(
        "Holes", "BART_2021-02-07.", ".jpg", 1, 1, 30.0, 4, available_range=time_range(0, 40, 30.0)
    )
    clips = [
        otio.schema.Clip(f"part {start}", pictures_of.deepcopy(), time_range(start, 10, 30.0))
        for start in (5, 15, 26)
    ]
    timeline = otio.schema.Timeline("holes")
    timeline.tracks.append(otio.schema.Track("V1", clips))
    path = cuts / "holes.otio"
    otio.adapters.write_to_file(timeline, str(path))
    report, result = identity(via, path)
    assert [clip["done"] for clip in report["clips"]] == [True, False, True]
    assert "20-24" in report["clips"][1]["error"]["message"]
    # Where pictures are missing the program cannot be seen either.
    whole = {number: cuts / "Seq" / f"BART_2021-02-07.{number:04d}.jpg" for number in range(1, 41)}
    program = [pictures(whole[number])[0] for number in [*range(6, 16), *range(27, 37)]]
    renders = [clip for clip in result.find_clips() if "via" in clip.metadata]
    assert [
        each for clip in renders for each in pictures(Path(clip.media_reference.target_url))
    ] == program


def clip_of(name: str, frames: int, rate: float, start: int, count: int) -> otio.schema.Clip:
    reference = otio.schema.ExternalReference(name, time_range(0, frames, rate))
    return otio.schema.Clip(f"{name} {start}", reference, time_range(start, count, rate))


def gap(count: int) -> otio.schema.Gap:
    return otio.schema.Gap(source_range=time_range(0, count, 30.0))
