"""`via demo`: a small procedural cut, edited as an editor would, with a picture of the result.

The engine renders the clips and draws the contact sheet in processes of its own; all between is
what `via batch` and `via edit` do.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import opentimelineio as otio

from resolve_scripts.batch_edit import BatchRequest, batch_edit
from resolve_scripts.connect import ServerChoice, connect
from resolve_scripts.edit_clip import ClipRequest, check_request, edit_clip
from resolve_scripts.edit_settings import EditSettings
from resolve_scripts.errors import ViaClientError
from resolve_scripts.outputs import make_folder
from resolve_scripts.parts import part_command
from resolve_scripts.progress import Reporter
from resolve_scripts.timeline.formats import write_timeline

INSTRUCTIONS = ("make the red ball blue", "make it sunset")
REAL_INSTRUCTION = "make it night"
REAL_FRAMES = (0, 24)
FRAME_RATE = 24.0
TRIMMED_FRAMES = 6
GAP_FRAMES = 12
# What the starter model's card and the starter world say; a test keeps them equal.
STARTER_UNDERSTANDS = (
    "make the ball blue",
    "change the color of the ball",
    "turn the ball into a star",
    "remove the ball",
    "replace the background with a desert",
    "make it night",
    "make it sunset",
    "make it winter",
    "add fog",
    "make it a pencil sketch",
    "make it sepia",
    "make it a poster",
    "make the ball golden",
)
STARTER_WORDS = {
    "things": ("ball", "box", "star", "triangle", "ring", "heart", "diamond", "flower"),
    "colours": ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink"),
    "materials": ("golden", "silver", "wooden", "stone"),
    "backgrounds": ("a meadow", "a desert", "a beach", "a snowy field", "city lights"),
}
STARTER_HELP = "\n\n".join(
    (
        "The packaged starter models know a small drawn world. They understand, in these words "
        f"and others like them: {'; '.join(STARTER_UNDERSTANDS)}.",
        *(f"Its {name}: {', '.join(words)}." for name, words in STARTER_WORDS.items()),
        "Other words are passed on as they are; larger models understand more.",
    )
)


@dataclass(frozen=True, kw_only=True)
class DemoReport:
    """What the demo leaves behind, and the seconds each step took.

    `understands` are instructions that the server's default model says it carries out.
    """

    timeline: Path
    clips: tuple[Path, ...]
    contact_sheet: Path
    report: Path
    seconds: dict[str, float]
    understands: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "timeline": str(self.timeline),
            "clips": [str(clip) for clip in self.clips],
            "contact_sheet": str(self.contact_sheet),
            "report": str(self.report),
            "seconds": self.seconds,
            "understands": list(self.understands),
        }

    def to_text(self) -> str:
        """Lines for people."""
        paths = [("timeline", self.timeline), *(("clip", clip) for clip in self.clips)]
        paths += [("contact sheet", self.contact_sheet), ("report", self.report)]
        seconds = [(name, f"{value:.1f} s") for name, value in self.seconds.items()]
        words = [("try also", f'"{one}"') for one in self.understands]
        return "\n".join(f"{name:<14} {value}" for name, value in [*paths, *seconds, *words])


def run_demo(
    choice: ServerChoice, folder: Path, clip: Path | None, reporter: Reporter
) -> DemoReport:
    """Renders, edits and shows the demo in `folder`, and `clip` too when one is given.

    Raises:
        ViaClientError: a step failed; an edit that failed fails the demo.
    """
    make_folder(folder)
    real = _real_request(clip, folder) if clip else None
    media_folders = {folder} | ({real.media.resolve().parent} if real else set())
    seconds: dict[str, float] = {}
    with _timed(seconds, "render the clips", reporter):
        rendered = json.loads(_engine_demo("clips", folder))
        sources = [Path(each) for each in rendered["clips"]]
        cut = folder / "cut.otio"
        write_timeline(demo_timeline(sources, rendered["frames"]), cut)
    with ExitStack() as stack:
        with _timed(seconds, "reach the server", reporter):
            connection = stack.enter_context(
                connect(choice, reporter.note, media_folders=media_folders)
            )
            default = connection.client.list_models()[:1]
            understands = tuple(one for model in default for one in model.understands)
        with _timed(seconds, "edit the timeline", reporter):
            rows, timeline = _edited_cut(choice, cut, reporter)
        if real is not None:
            with _timed(seconds, f"edit {real.media.name}", reporter):
                rows.append(_edited_clip(choice, real, reporter))
    sheet, report = folder / "contact_sheet.png", folder / "report.json"
    with _timed(seconds, "draw the contact sheet", reporter):
        _engine_demo("sheet", sheet, json.dumps(rows))
    done = DemoReport(
        timeline=timeline,
        clips=tuple(Path(row["edited"]) for row in rows),
        contact_sheet=sheet,
        report=report,
        seconds=seconds,
        understands=understands,
    )
    values = {**done.to_json(), "edits": rows}
    report.write_text(f"{json.dumps(values, indent=2)}\n", encoding="utf-8")
    return done


def demo_timeline(clips: list[Path], frame_count: int) -> otio.schema.Timeline:
    """The clips one after another, trimmed, with gaps between and a VIA: marker on each.

    Args:
        clips: movie files beside the timeline.
        frame_count: frames of each, at 24 frames per second.
    """
    timeline = otio.schema.Timeline(name="Via demo")
    track = otio.schema.Track(name="V1", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)
    for number, path in enumerate(clips):
        if number:
            track.append(otio.schema.Gap(source_range=_frames(0, GAP_FRAMES)))
        used = _frames(TRIMMED_FRAMES, frame_count - 2 * TRIMMED_FRAMES)
        instruction = INSTRUCTIONS[number % len(INSTRUCTIONS)]
        clip = otio.schema.Clip(
            name=path.stem,
            media_reference=otio.schema.ExternalReference(path.name, _frames(0, frame_count)),
            source_range=used,
        )
        clip.markers.append(otio.schema.Marker(name=f"VIA: {instruction}", marked_range=used))
        track.append(clip)
    return timeline


def _frames(start: int, count: int) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, FRAME_RATE), otio.opentime.RationalTime(count, FRAME_RATE)
    )


def _real_request(clip: Path, folder: Path) -> ClipRequest:
    request = ClipRequest(
        media=clip.absolute(),
        instruction=REAL_INSTRUCTION,
        frame_range=REAL_FRAMES,
        settings=EditSettings(),
        out=folder / f"{clip.stem}_via.mov",
        force=True,
    )
    check_request(request)
    return request


def _edited_cut(
    choice: ServerChoice, cut: Path, reporter: Reporter
) -> tuple[list[dict[str, Any]], Path]:
    """Rows of the contact sheet, and the new timeline."""
    out = cut.with_name("cut_via.otio")
    request = BatchRequest(
        timeline=cut,
        out=out,
        media_folder=cut.with_name("cut_via"),
        force=True,
    )
    report = batch_edit(choice, request, reporter)
    if (error := report.error()) is not None:
        raise error
    rows = [
        _row(cut.parent / each.record["source_url"], each.path, each.record)
        for each in report.clips
    ]
    return rows, out


def _edited_clip(choice: ServerChoice, request: ClipRequest, reporter: Reporter) -> dict[str, Any]:
    edited = edit_clip(choice, request, reporter)
    return _row(request.media, edited.path, edited.to_json())


def _row(source: Path, edited: Path | None, record: dict[str, Any]) -> dict[str, Any]:
    label = f"{source.name}: {record['instruction']}"
    return {**record, "label": label, "source": str(source), "edited": str(edited)}


def _engine_demo(what: str, target: Path, text: str = "") -> str:
    """Output of the engine's share of the demo."""
    command = part_command("via_engine.demo", [what, str(target)])
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ViaClientError(f"the demo could not make its {what}:\n{done.stderr.strip()}")
    return done.stdout


@contextmanager
def _timed(seconds: dict[str, float], name: str, reporter: Reporter) -> Iterator[None]:
    reporter.note(f"demo: {name}")
    start = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - start, 1)
